"""A lane: one describer in a thread of its own, with at most one run in flight.

The lane pulls: it asks the director only when it is free, so a slow describer means fewer requests, never a queue.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Protocol

from narrator import budget, prompts
from narrator.director import Director, Wait
from narrator.errors import NarratorError
from narrator.mailbox import Closed, Latest
from narrator.messages import (
    Ask,
    Caption,
    Citation,
    Delta,
    Event,
    Frame,
    Level,
    Moment,
    Notice,
    Priority,
    Prompt,
    Request,
    Run,
    Scene,
    Usage,
)
from narrator.phrasing import Clauses, speakable
from narrator.seams import Backend, Capabilities

_log = logging.getLogger(__name__)
_DEADLINE = 20.0
_FIRST_REST = 1.0
_LONGEST_REST = 30.0
_YOUNG = 0.3
"""A run that was cancelled within this many seconds protects the next one for as long: see `preempt`."""
_MAX_BYTES = 4_000_000
_BYTES_A_TOKEN = 4
_run_ids = count(1)


class PictureMemory(Protocol):
    """Where the lane takes pictures from."""

    def moments(self) -> Sequence[Moment]: ...

    def newest(self) -> tuple[Frame, budget.Planned] | None: ...


class Speaker(Protocol):
    """Where the lane's clauses go."""

    def offer(self, text: str, run: Run | None, priority: Priority = ...) -> None: ...

    def retract(self, run: Run) -> None: ...

    def free_in(self) -> float: ...


class Lane:
    """Runs one backend. `name` is what events call it; `backend_id` is the backend's id."""

    def __init__(
        self,
        name: str,
        backend_id: str,
        backend: Backend,
        director: Director,
        scenes: Latest[Scene],
        pictures: PictureMemory,
        speaker: Speaker,
        publish: Callable[[Event], None],
    ) -> None:
        self._name, self._backend_id, self._backend = name, backend_id, backend
        self._director, self._scenes, self._pictures = director, scenes, pictures
        self._speaker, self._publish = speaker, publish
        self._capabilities = Capabilities()
        self._current: Run | None = None
        self._spared = False
        self._rest = 0.0
        self._closing = threading.Event()
        self.failure: NarratorError | None = None
        """Why the describer does not work now."""
        self.idle = threading.Event()
        """Set while nothing is asked: the last decision was to wait."""
        self._thread = threading.Thread(target=self._main, name=f"lane {name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self, timeout: float = 1.0) -> threading.Thread | None:
        """Cancel what runs and end; returns the thread if it is still there after `timeout` s."""
        self._closing.set()
        self.cancel()
        self._scenes.nudge()
        if self._thread.is_alive():
            self._thread.join(timeout)
        self._backend.close()
        return self._thread if self._thread.is_alive() else None

    def cancel(self) -> None:
        """From any thread: end the run in flight; what it gave to the voice is not touched."""
        if self._current is not None:
            self._current.cancel()

    def preempt(self, revision: int) -> None:
        """From any thread: the scene was cut, so cancel the run about the old scene and what it has not yet spoken.

        A run is not cancelled within its first 300 ms when the one before it was: with cuts coming fast something
        must be said at last.
        """
        run = self._current
        if run is None or run.scene_revision >= revision:
            return
        is_young = time.monotonic() - run.started_at < _YOUNG
        if is_young and self._spared:
            return
        self._spared = is_young
        run.cancel()
        self._speaker.retract(run)

    def _main(self) -> None:
        while not self._closing.is_set():
            try:
                self._open()
                self._narrate()
            except Closed:
                return
            except NarratorError as error:
                self._fail(error)
            except Exception:  # noqa: BLE001 - the top of the thread: whatever a describer raises, narration goes on
                _log.exception("The describer %s failed", self._backend_id)
                self._fail(NarratorError("The describer failed.", "It is tried again; the log says more."))

    def _fail(self, error: NarratorError) -> None:
        """Tell it the first time, and rest a little longer each time."""
        _log.warning("%s %s", error.sentence, error.detail)
        self.failure = error
        if not self._rest:
            self._publish(Notice(Level.ERROR, error.sentence, error.remedy))
        self.idle.set()
        self._rest = min(_LONGEST_REST, max(_FIRST_REST, self._rest * 2))
        self._closing.wait(self._rest)

    def _open(self) -> None:
        self._capabilities = self._backend.open()
        self._director.capabilities = self._capabilities
        self.failure = None

    def _narrate(self) -> None:
        version, until = 0, 0.0
        while not self._closing.is_set():
            version, _ = self._scenes.wait(version, max(0.0, until - time.monotonic()))
            now = time.monotonic()
            step = self._director.next(now, self._scenes.peek(), self._speaker.free_in())
            if isinstance(step, Wait):
                until = step.until
                self.idle.set()
            else:
                until = now
                self.idle.clear()
                self._answer(step)
                self._rest = 0.0

    def _answer(self, ask: Ask) -> None:
        newest = self._pictures.newest() if self._capabilities.max_images else None
        prompt = prompts.build(ask, self._plan(newest), time.monotonic())
        run = self._open_run(ask, newest[0] if newest else None)
        self._director.opened(run)
        self._current = run
        try:
            self._publish(Request(run, len(prompt.pictures), self._estimate(prompt)))
            self._speak(run, prompt)
        except BaseException:
            self._director.failed(run, time.monotonic())
            raise
        self._director.answered(run, time.monotonic())

    def _plan(self, newest: tuple[Frame, budget.Planned] | None) -> tuple[budget.Planned, ...]:
        limits = budget.Limits(self._capabilities.max_images, self._capabilities.context_tokens // 2, _MAX_BYTES)
        picture = newest[1] if newest else None
        return budget.plan(picture, self._pictures.moments(), limits, self._backend.token_cost)

    def _open_run(self, ask: Ask, frame: Frame | None) -> Run:
        now = time.monotonic()
        seen: Frame | Scene = frame or ask.scene
        return Run(
            id=next(_run_ids),
            lane=self._name,
            backend=self._backend_id,
            reason=ask.reason,
            priority=ask.priority,
            started_at=now,
            deadline=now + _DEADLINE,
            frame_at=seen.captured_at if isinstance(seen, Frame) else seen.frame_at,
            media_t=seen.media_t,
            epoch=seen.epoch,
            scene=ask.scene,
            news_to=ask.scene.newest_news,
        )

    def _estimate(self, prompt: Prompt) -> int:
        """All input tokens: pictures by the backend's rule, text at four bytes a token."""
        text = len(prompt.system) + sum(len(part) for part in prompt.parts if isinstance(part, str))
        pictures = ((p.picture.width, p.picture.height, p.detail) for p in prompt.pictures)
        cost = sum(self._backend.token_cost(*picture) for picture in pictures)
        return cost + (text // _BYTES_A_TOKEN if self._capabilities.system_prompt else 0)

    def _speak(self, run: Run, prompt: Prompt) -> None:
        """Publish the answer as it comes, give its clauses to the voice, and close it with its caption."""
        words: list[str] = []
        for clause in self._clauses(run, prompt, words):
            self._director.offered(run, clause)
            self._speaker.offer(clause, run, run.priority)
        text = speakable("".join(words))
        if text:
            self._publish(Caption(run, text, complete=not run.cancelled))

    def _clauses(self, run: Run, prompt: Prompt, words: list[str]) -> Iterator[str]:
        clauses = Clauses()
        for part in self._backend.describe(prompt, run):
            if isinstance(part, Usage):
                self._publish(part)
                continue
            if isinstance(part, Citation):
                continue
            if run.cancelled:
                return
            words.append(part.text)
            self._publish(Delta(run, part.text))
            yield from clauses.feed(part.text)
        if not run.cancelled:
            yield from clauses.flush()
