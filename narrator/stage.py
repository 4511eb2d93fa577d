"""What is on: the pipeline and its phase, changed by the front end and by the session's thread, only together."""

from collections.abc import Callable
from dataclasses import dataclass

from narrator.mailbox import Guarded
from narrator.messages import Phase
from narrator.pipeline import Pipeline


@dataclass(slots=True)
class _On:
    pipeline: Pipeline
    phase: Phase = Phase.STARTING


class Stage:
    """Safe from any thread."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._on = Guarded(_On(pipeline))

    @property
    def pipeline(self) -> Pipeline:
        with self._on as on:
            return on.pipeline

    @property
    def phase(self) -> Phase:
        with self._on as on:
            return on.phase

    def enter(self, phase: Phase, *only_from: Phase, pipeline: Pipeline | None = None) -> bool:
        """Change the phase if it is one of `only_from`, and the pipeline still this one: whether it was."""
        with self._on as on:
            fits = on.phase in only_from and pipeline in (None, on.pipeline)
            if fits:
                on.phase = phase
            return fits

    def replace(self, pipeline: Pipeline) -> Pipeline:
        """Put on another pipeline, from its start; returns the old one."""
        with self._on as on:
            old, on.pipeline, on.phase = on.pipeline, pipeline, Phase.STARTING
            return old

    def wait_after_end(self, otherwise: Callable[[], bool], timeout: float) -> None:
        """Wait until the phase is not ENDED any more, or `otherwise`, or for `timeout` s."""
        self._on.wait(lambda on: on.phase is not Phase.ENDED or otherwise(), timeout)

    def wake(self) -> None:
        """Let those who wait look again."""
        with self._on:
            pass
