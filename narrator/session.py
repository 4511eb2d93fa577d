"""Owns and wires everything from the source to the voice: the only object that a front end holds."""

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from narrator import registry
from narrator.choice import chosen_backend, chosen_voice, require_plug_ins
from narrator.diagnostics import log_stack_of, rss_mb
from narrator.director import Wish
from narrator.errors import NarratorError
from narrator.keeping import Keeping
from narrator.mailbox import Closed, Fifo, Latest
from narrator.messages import (
    Audio,
    AudioEvent,
    Caption,
    Event,
    Frame,
    Notice,
    Phase,
    Priority,
    Rectangle,
    State,
    Utterance,
)
from narrator.pipeline import Pipeline, pace
from narrator.seams import Context, Value, Voice
from narrator.settings import InForce, Settings, SettingsFile, declared
from narrator.speech import Speech
from narrator.stage import Stage
from narrator.truth import still_true

_log = logging.getLogger(__name__)
_QUEUE = 10_000
_STATE_EVERY = 1.0
_DRAIN = 5.0
_RATE_STEP = 10
_VOLUME_STEP = 10


class Session:
    """From `start` to `close`. `source`, `backend` and `voice` are as on the command line. Raises `UsageError`.

    Every method may be called from any one thread of the front end, and none of them blocks for long.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        source: str,
        backend: str = "auto",
        voice: str = "auto",
        store: SettingsFile | None = None,
        notices: Sequence[Notice] = (),
    ) -> None:
        self.settings = settings
        self.finished = threading.Event()
        self.failure: NarratorError | None = None
        self.left_behind = False
        self._source, self._backend, self._voice = source, chosen_backend(backend), chosen_voice(voice)
        self._keeping, self._early = Keeping(store, self._publish), tuple(notices)
        self._subscribers: tuple[Fifo[Event], ...] = ()
        self._last_caption = ""
        self._frame_to_word: float | None = None
        self._closing = threading.Event()
        self._stuck: list[threading.Thread] = []
        self._context = Context(InForce(lambda: self.settings), self._publish)
        registry.spec_of("voices", self._voice)
        self._speech = Speech(
            self._create_voice,
            self._publish,
            self._still_true,
            max_wait=settings.number("speech.max_wait"),
            max_frame_age=settings.number("speech.max_frame_age"),
            rate=lambda: self.settings.number("speech.rate"),
        )
        self._stage = Stage(self._new_pipeline())
        self._monitor = threading.Thread(target=self._watch, name="session", daemon=True)

    def subscribe(self) -> Fifo[Event]:
        """A queue of every event from now on; only `State` gives way to a newer one."""
        events: Fifo[Event] = Fifo(_QUEUE)
        self._subscribers = (*self._subscribers, events)
        return events

    @property
    def phase(self) -> Phase:
        return self._stage.phase

    @property
    def _pipeline(self) -> Pipeline:
        return self._stage.pipeline

    @property
    def frames(self) -> Latest[Frame]:
        """The newest frame, for a preview."""
        return self._pipeline.frames

    def set_excluded(self, rectangles: Sequence[Rectangle]) -> None:
        """Where our own windows are: a screen source leaves them out, so that captions are never read back."""
        self._context.excluded.put(tuple(rectangles))

    @property
    def source(self) -> str:
        return self._source

    @property
    def backend(self) -> str:
        return self._backend

    @property
    def voice(self) -> str:
        return self._voice

    @property
    def speaks_aloud(self) -> bool:
        """True while our own voice is heard, so that nobody else need read the captions."""
        return registry.is_heard(self._voice) and self._speech.works and self.settings.whole("speech.volume") > 0

    def start(self) -> None:
        """Begin to narrate."""
        for notice in self._early:
            self._publish(notice)
        self._speech.start()
        self._pipeline.start()
        self._monitor.start()

    def pause(self) -> None:
        """Stop asking and speaking; a file is held where it is, a camera is released."""
        if not self._stage.enter(Phase.PAUSED, Phase.STARTING, Phase.NARRATING):
            return
        self._speech.hold()
        self._pipeline.pause()
        self._speech.hush()
        self._publish(self.state())

    def resume(self) -> None:
        """Go on after `pause`; after the end of the source, play it again."""
        if self.phase is Phase.ENDED:
            self._restart()
        elif self._stage.enter(Phase.NARRATING if self.frames.peek() else Phase.STARTING, Phase.PAUSED):
            self._speech.release()
            self._pipeline.resume()
        self._publish(self.state())

    def start_pause(self) -> None:
        """`resume` when paused or ended, else `pause`."""
        if self.phase in (Phase.PAUSED, Phase.ENDED):
            self.resume()
        else:
            self.pause()

    def hush(self) -> None:
        """Silence at once; narration goes on with the next news."""
        self._pipeline.tell(Wish.HUSH)
        self._speech.hush()
        self._pipeline.lane.cancel()

    def repeat(self) -> None:
        """Say the last caption again."""
        if self._last_caption:
            self._speech.offer(self._last_caption, None, Priority.NOW)

    def say(self, text: str) -> None:
        """Speak a sentence of the front end at once."""
        self._speech.offer(text, None, Priority.NOW)

    def describe(self) -> None:
        """Say now what is there."""
        self._pipeline.tell(Wish.DESCRIBE)

    def slower(self) -> None:
        self._step("speech.rate", -_RATE_STEP)

    def faster(self) -> None:
        self._step("speech.rate", _RATE_STEP)

    def quieter(self) -> None:
        self._step("speech.volume", -_VOLUME_STEP)

    def louder(self) -> None:
        self._step("speech.volume", _VOLUME_STEP)

    def apply(self, changes: Mapping[str, Value]) -> None:
        """Take these settings, keep them for the next start, and restart what must restart. Raises `UsageError`.

        A source is kept when its first picture has come.
        """
        settings = self.settings.with_values(changes)
        require_plug_ins(changes)
        if self._closing.is_set():
            return
        self.settings = settings
        self._keeping.save({key: value for key, value in changes.items() if key != "source"})
        self._pipeline.director.pace = pace(settings)
        self._speech.limit(settings.number("speech.max_wait"), settings.number("speech.max_frame_age"))
        self._restart_what_must(changes)

    def state(self) -> State:
        """How the session fares now."""
        capture, sight = self._pipeline.capture, self._pipeline.sight
        return State(
            phase=self.phase,
            source=registry.without_secrets(self._source),
            backend=self._backend,
            voice=self._voice,
            capture_fps=capture.fps,
            sight_fps=sight.fps,
            drops=capture.drops,
            rss_mb=rss_mb(),
            frame_to_word=self._frame_to_word,
        )

    def drain(self, timeout: float = _DRAIN) -> None:
        """Ask no more, and let what is being said come to its end, for at most `timeout` s."""
        deadline = time.monotonic() + timeout
        pipeline = self._pipeline
        pipeline.tell(Wish.HOLD)
        pipeline.lane.idle.wait(timeout)
        self._speech.drain(max(0.0, deadline - time.monotonic()))

    def close(self) -> None:
        """End every thread and child, within 2 s; `left_behind` tells whether one hangs, in a driver say."""
        if self._closing.is_set():
            return
        self._closing.set()
        pipeline = self._pipeline
        self.failure = self.failure or pipeline.lane.failure
        self._abandon(*pipeline.close(), self._speech.close())
        self._stage.wake()
        if self._monitor.is_alive():
            self._monitor.join(1)
        self.left_behind = any(thread.is_alive() for thread in self._stuck)
        for events in self._subscribers:
            events.close()

    def _new_pipeline(self) -> Pipeline:
        return Pipeline(self._source, self._backend, self.settings, self._context, self._speech, self._publish)

    def _restart_what_must(self, changes: Mapping[str, Value]) -> None:
        restarts = {declared()[key].restarts for key in changes}
        if "voice" in restarts:
            self._voice = chosen_voice(self.settings.text("voice"))
            self._speech.use(self._create_voice)
        if "backend" in restarts:
            self._backend = chosen_backend(str(changes.get("backend", self._backend)))
        if "source" in restarts:
            self._source = str(changes.get("source", self._source))
            self._restart()
        elif "backend" in restarts:
            self._abandon(self._pipeline.use(self._backend))

    def _restart(self) -> None:
        """Put a new pipeline in the place of the old one."""
        self.failure = None
        self.finished.clear()
        new = self._new_pipeline()
        old = self._stage.replace(new)
        self._speech.hush()
        self._abandon(*old.close())
        self._speech.release()
        new.start()

    def _abandon(self, *threads: threading.Thread | None) -> None:
        """Remember those that did not end in time, and log where they stand."""
        for thread in threads:
            if thread is not None:
                self._stuck.append(thread)
                log_stack_of(thread)

    def _step(self, key: str, by: int) -> None:
        setting = declared()[key]
        value = self.settings.whole(key) + by
        low, high = int(setting.minimum or 0), int(setting.maximum or value)
        self.apply({key: min(high, max(low, value))})

    def _create_voice(self) -> Voice:
        return registry.create_voice(self._voice, self._context)

    def _still_true(self, utterance: Utterance) -> bool:
        now = self._pipeline.scenes.peek()
        return utterance.run is None or now is None or still_true(utterance.run.scene, now)

    def _as_perceived(self, audio: Audio) -> Audio:
        """While no voice works the captions are read instead: what is dropped then was told all the same."""
        is_read = audio.event is AudioEvent.DROPPED and not self._speech.works
        return replace(audio, event=AudioEvent.END) if is_read else audio

    def _publish(self, event: Event) -> None:
        if isinstance(event, Audio):
            self._pipeline.tell(self._as_perceived(event))
            if event.event is AudioEvent.START and event.utterance.run and event.utterance.is_first:
                self._frame_to_word = event.at - event.utterance.run.frame_at
        elif isinstance(event, Caption):
            self._last_caption = event.text
        elif isinstance(event, Notice):
            _log.info("Notice: %s", event.text)
            if not event.quiet:
                self._speech.offer(event.text, None, Priority.NEXT)
        for events in self._subscribers:
            events.put(event, "state" if isinstance(event, State) else None)

    def _watch(self) -> None:
        """The session's thread: tells the state, notices the first frame and the end."""
        while not self._closing.is_set():
            try:
                self._watch_once(self._pipeline)
            except Closed:  # another source took this one's place
                continue
            except Exception:  # noqa: BLE001 - the top of the thread: without it no end is ever noticed
                _log.exception("Watching over the session failed")
                self._closing.wait(_STATE_EVERY)

    def _watch_once(self, pipeline: Pipeline) -> None:
        self._publish(self.state())
        if self.phase is Phase.ENDED:
            self._stage.wait_after_end(self._closing.is_set, _STATE_EVERY)
            return
        if self.phase is Phase.STARTING:
            began, _ = pipeline.frames.wait(0, _STATE_EVERY)
            if began and self._stage.enter(Phase.NARRATING, Phase.STARTING, pipeline=pipeline):
                self._keeping.remember(self._source)
                self._publish(self.state())
        if pipeline.capture.ended.wait(_STATE_EVERY) and not self._closing.is_set():
            self._finish(pipeline)

    def _finish(self, pipeline: Pipeline) -> None:
        failure = pipeline.capture.failure or pipeline.lane.failure
        if pipeline is self._pipeline:
            self.failure = failure
        if pipeline.capture.failure is None:
            self._say_what_is_left(pipeline)
        else:
            self._publish(pipeline.capture.failure.notice())
        if self._stage.enter(Phase.ENDED, Phase.STARTING, Phase.NARRATING, Phase.PAUSED, pipeline=pipeline):
            self._publish(self.state())
            self.finished.set()

    def _say_what_is_left(self, pipeline: Pipeline) -> None:
        """The source is over: let the last news be told."""
        deadline = time.monotonic() + _DRAIN
        pipeline.tell(Wish.FINISH)
        while time.monotonic() < deadline and not self._closing.wait(0.2):
            self._speech.drain(deadline - time.monotonic())
            if pipeline.lane.idle.is_set() and self._speech.free_in() <= 0:
                break
        pipeline.tell(Wish.HOLD)
