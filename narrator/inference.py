"""A lane: one describer in a thread of its own, with at most one run in flight.

The lane pulls: it asks the director only when it is free, so a slow describer means fewer requests, never a queue.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Protocol

from narrator.director import Director
from narrator.errors import BackendError, NarratorError
from narrator.language import prompts
from narrator.language.answer import Answer, estimate
from narrator.mailbox import Closed, Guarded, Latest
from narrator.memory.layouts import TokenCost
from narrator.messages import (
    Ask,
    Caption,
    Delta,
    Event,
    Frame,
    Level,
    Notice,
    Priority,
    Prompt,
    PromptPicture,
    Reason,
    Request,
    Run,
    Scene,
)
from narrator.pace import Wait
from narrator.seams import Backend, Capabilities
from narrator.setbacks import Setbacks

_log = logging.getLogger(__name__)
_LONG = 60.0
_YOUNG = 0.3
"""A run that was cancelled within this many seconds protects the next one for as long: see `preempt`."""
_LEAVES_WITHIN = 0.2
"""Seconds until a thread that is told to leave is made to, by closing what it waits for."""
_run_ids = count(1)


class Pictures(Protocol):
    """Where the lane takes pictures from."""

    def newest(self, capabilities: Capabilities) -> Frame | None: ...

    def show(
        self, frame: Frame | None, capabilities: Capabilities, token_cost: TokenCost, *, urgent: bool
    ) -> tuple[PromptPicture, ...]: ...


class Speaker(Protocol):
    """Where the lane's clauses go."""

    def offer(self, text: str, run: Run | None, priority: Priority = ...) -> None: ...

    def retract(self, run: Run) -> None: ...

    def free_in(self) -> float: ...


def forget(_run: Run, _prompt: Prompt, _tokens: int) -> None:
    """Stands in where nobody keeps what was sent."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all lanes of a pipeline share."""

    director: Guarded[Director]
    scenes: Latest[Scene]
    speaker: Speaker
    publish: Callable[[Event], None]
    manner: Callable[[], prompts.Manner]
    record: Callable[[Run, Prompt, int], None] = forget
    """Notes what leaves this machine: the run, its prompt and the estimate of its tokens."""


@dataclass(frozen=True, slots=True)
class Describer:
    """A backend with its names: `lane` is what events call the lane, `id` the backend, `title` what a sentence does."""

    lane: str
    id: str
    title: str
    backend: Backend
    others: str = ""
    """Said after a notice that it fails: who narrates meanwhile."""


class Lane:
    """Runs one describer, from `start` to `close`."""

    def __init__(self, describer: Describer, pictures: Pictures, around: Surroundings) -> None:
        self._describer, self._backend, self._pictures = describer, describer.backend, pictures
        self._around = around
        self._capabilities = Capabilities()
        self._current: Run | None = None
        self._spared = False
        self._setbacks = Setbacks(describer.title, describer.others)
        self._closing = threading.Event()
        self._stirred = threading.Event()
        self.failure: NarratorError | None = None
        """Why the describer does not work now."""
        self.idle = threading.Event()
        """Set while nothing is asked: the last decision was to wait."""
        self._thread = threading.Thread(target=self._main, name=f"lane {describer.lane}", daemon=True)

    @property
    def name(self) -> str:
        return self._describer.lane

    @property
    def title(self) -> str:
        return self._describer.title

    @property
    def describer(self) -> str:
        """The backend's id."""
        return self._describer.id

    def start(self) -> None:
        self._thread.start()

    def retry(self) -> None:
        """From any thread: something was changed, so open the describer anew, without a rest after a failure.

        For one that can be opened again after `close`.
        """
        self._stirred.set()
        self._around.scenes.nudge()

    def leave(self) -> None:
        """From any thread: ask nothing more, and end soon."""
        self._closing.set()
        self._stirred.set()
        self.cancel()
        self._around.scenes.nudge()

    def close(self, timeout: float = 1.0) -> threading.Thread | None:
        """Cancel what runs and end; returns the thread if it is still there after `timeout` s."""
        self.leave()
        if self._thread.is_alive():
            self._thread.join(_LEAVES_WITHIN)
        self._backend.close()  # this ends what the thread may be opening
        if self._thread.is_alive():
            self._thread.join(timeout)
            self._backend.close()
        return self._thread if self._thread.is_alive() else None

    def cancel(self) -> None:
        """From any thread: end the run in flight; what it gave to the voice is not touched."""
        if self._current is not None:
            self._current.cancel()

    def give_way(self) -> None:
        """From any thread: the user asks, so end a run that nobody asked for."""
        if self._current is not None and self._current.reason is not Reason.USER:
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
        self._around.speaker.retract(run)

    def _main(self) -> None:
        is_open = False
        while not self._closing.is_set():
            try:
                if not is_open:
                    self._open()
                    is_open = True
                self._narrate()
                is_open = False
            except Closed:
                return
            except NarratorError as error:
                is_open = is_open and isinstance(error, BackendError) and not error.reopens
                self._fail(error)
            except Exception:  # noqa: BLE001 - the top of the thread: whatever a describer raises, narration goes on
                _log.exception("The describer %s failed", self._describer.id)
                is_open = False
                self._fail(NarratorError("The describer failed.", "It is tried again; the log says more."))

    def _open(self) -> None:
        with self._around.director as director:
            director.reopening(self.name)
        if self._stirred.is_set():
            self._stirred.clear()
            self._backend.close()
        self._capabilities = self._backend.open()
        if self._closing.is_set():
            raise Closed
        with self._around.director as director:
            director.ready(self.name, self._capabilities)
        self._around.scenes.nudge()

    def _fail(self, error: NarratorError) -> None:
        """Tell it when it is due, let the others narrate, and rest."""
        if self._closing.is_set():
            return
        _log.warning("%s: %s %s", self._describer.id, error.sentence, error.detail)
        setback = self._setbacks.take(error)
        if setback.notice:
            self._around.publish(setback.notice)
        if not setback.rest:
            return
        self.failure = error
        rests_until = time.monotonic() + setback.rest
        with self._around.director as director:
            director.rest(self.name, rests_until)
        self._around.scenes.nudge()
        self.idle.set()
        self._stirred.wait(setback.rest)
        if not self._closing.is_set():
            with self._around.director as director:
                director.rest(self.name, min(rests_until, time.monotonic()))

    def _narrate(self) -> None:
        """Until it is to be opened anew, or to end."""
        version, until = 0, 0.0
        while not (self._closing.is_set() or self._stirred.is_set()):
            version, _ = self._around.scenes.wait(version, min(_LONG, max(0.0, until - time.monotonic())))
            free_in, scene = self._around.speaker.free_in(), self._around.scenes.peek()
            with self._around.director as director:
                step = director.next(self.name, time.monotonic(), scene, free_in)
            until = step.until if isinstance(step, Wait) else 0.0
            if isinstance(step, Ask):
                self.idle.clear()
                self._answer(step)
            elif isinstance(step, Notice):
                self._around.publish(step)
            else:
                self.idle.set()

    def _answer(self, ask: Ask) -> None:
        frame = self._pictures.newest(self._capabilities)
        run = self._open_run(ask, frame)
        self._current = run  # from here on whoever cancels the lane cancels this run, sent or not
        with self._around.director as director:
            may_go = director.opened(run)
        newest = self._around.scenes.peek()
        if not may_go or self._closing.is_set() or (newest is not None and newest.revision > run.scene_revision):
            run.cancel()
        try:
            answer = None if run.cancelled else self._request(run, ask, frame)
        except BaseException as error:
            is_final = isinstance(error, BackendError) and error.is_final
            with self._around.director as director:
                director.failed(run, time.monotonic(), is_final=is_final)
            raise
        with self._around.director as director:
            director.answered(run, time.monotonic())
        if answer is not None:
            self._conclude(answer)

    def _conclude(self, answer: Answer) -> None:
        if answer.broke_off is not None and not answer.is_enough:
            raise answer.broke_off
        if answer.run.cancelled:
            return
        self.failure, self._spared = None, False
        if answer.run.reason is Reason.USER and not answer.text and not self._told_since(answer.run):
            self._around.publish(Notice(Level.INFO, f"{self._describer.title} has nothing to add."))
        back = self._setbacks.over()
        if back is not None:
            self._around.publish(back)

    def _open_run(self, ask: Ask, frame: Frame | None) -> Run:
        now = time.monotonic()
        seen: Frame | Scene = frame or ask.scene
        return Run(
            id=next(_run_ids),
            lane=self.name,
            backend=self._describer.id,
            reason=ask.reason,
            priority=ask.priority,
            started_at=now,
            deadline=now + self._capabilities.answer_within,
            frame_at=seen.captured_at if isinstance(seen, Frame) else seen.frame_at,
            media_t=seen.media_t,
            epoch=seen.epoch,
            scene=ask.scene,
            news_to=ask.scene.newest_news,
            frame_lasts=self._capabilities.frame_lasts,
        )

    def _request(self, run: Run, ask: Ask, frame: Frame | None) -> Answer:
        """Ask, publish the answer as it comes, give its clauses to the voice, close it with caption and cost."""
        manner = self._around.manner()
        prompt = self._prompt(ask, frame, manner)
        by_model = self._capabilities.system_prompt
        tokens = estimate(prompt, self._backend.token_cost) if by_model else 0
        answer = Answer(run, prompt, self._told_since, by_model=by_model, language=manner.language)
        if run.cancelled:
            return answer
        self._around.publish(Request(run, len(prompt.pictures), tokens))
        if self._capabilities.pictures_leave_device:
            self._around.record(run, prompt, tokens)
        is_billed = True
        try:
            self._speak(run, answer, prompt)
        except BackendError as error:
            is_billed = error.is_billed or answer.has_begun
            raise
        finally:
            self._close(answer, tokens if is_billed else 0)
        return answer

    def _prompt(self, ask: Ask, frame: Frame | None, manner: prompts.Manner) -> Prompt:
        is_urgent = ask.priority is not Priority.NORMAL or ask.reason.is_overview
        pictures = self._pictures.show(frame, self._capabilities, self._backend.token_cost, urgent=is_urgent)
        return prompts.build(ask, pictures, manner, absolute_times=self._capabilities.prefix_cache)

    def _told_since(self, run: Run) -> tuple[str, ...]:
        with self._around.director as director:
            return director.since(run)

    def _speak(self, run: Run, answer: Answer, prompt: Prompt) -> None:
        for piece in answer.read(self._backend.describe(prompt, run)):
            if isinstance(piece, Delta):
                self._around.publish(piece)
                continue
            with self._around.director as director:
                priority = director.offered(run, piece, time.monotonic())
            self._around.speaker.offer(piece, run, priority)

    def _close(self, answer: Answer, tokens_estimated: int) -> None:
        """Publish the caption of what was said; of a describer that counts, what it took, and with prices, cost.

        What was refused before anything came is not billed (0 tokens); what was cancelled is.
        """
        if answer.text:
            self._around.publish(Caption(answer.run, answer.text, complete=answer.is_whole))
        if self._capabilities.system_prompt:
            self._around.publish(answer.usage(tokens_estimated, self._capabilities))
