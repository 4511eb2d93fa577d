"""The session's own thread: tells each second how it fares, and notices the first picture and the end of the source."""

import logging
import threading
import time
from collections.abc import Callable

from narrator.diagnostics import give_back_memory
from narrator.mailbox import Closed
from narrator.messages import Phase
from narrator.pipeline import Pipeline
from narrator.stage import Stage

_log = logging.getLogger(__name__)
_EVERY = 1.0
_TIDIED_EVERY = 30.0


class Monitor:
    """Calls `tick` each second, `began` with a pipeline's first picture, and `over` when its source has ended."""

    def __init__(
        self, stage: Stage, tick: Callable[[], None], began: Callable[[], None], over: Callable[[Pipeline], None]
    ) -> None:
        self._stage, self._tick, self._began, self._over = stage, tick, began, over
        self._tidied_at = time.monotonic()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._main, name="session", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """End the thread, when it does not hang in what it calls."""
        self._closing.set()
        self._stage.wake()
        if self._thread.is_alive():
            self._thread.join(1)

    def _main(self) -> None:
        while not self._closing.is_set():
            try:
                self._look(self._stage.pipeline)
            except Closed:  # another source took this one's place
                continue
            except Exception:  # noqa: BLE001 - the top of the thread: without it no end is ever noticed
                _log.exception("Watching over the session failed")
                self._closing.wait(_EVERY)

    def _look(self, pipeline: Pipeline) -> None:
        self._tick()
        if time.monotonic() - self._tidied_at > _TIDIED_EVERY:
            self._tidied_at = time.monotonic()
            give_back_memory()
        if self._stage.phase is Phase.ENDED:
            self._stage.wait_after_end(self._closing.is_set, _EVERY)
            return
        if self._stage.phase is Phase.STARTING:
            has_begun, _ = pipeline.frames.wait(0, _EVERY)
            if has_begun and self._stage.enter(Phase.NARRATING, Phase.STARTING, pipeline=pipeline):
                self._began()
        if pipeline.capture.ended.wait(_EVERY) and not self._closing.is_set():
            self._over(pipeline)
