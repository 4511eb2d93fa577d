"""Owns and wires everything from the source to the voice: the only object that a front end holds."""

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from narrator import registry
from narrator.accounts import Accounts
from narrator.broadcast import Broadcast
from narrator.choice import chosen_voice, require_plug_ins, require_reachable
from narrator.describers import Choice, Describers, key_of
from narrator.diagnostics import log_stack_of, rss_mb
from narrator.director import Wish
from narrator.errors import NarratorError
from narrator.keeping import Keeping
from narrator.mailbox import Fifo, Latest
from narrator.messages import (
    Audio,
    AudioEvent,
    Event,
    Frame,
    Notice,
    Phase,
    Priority,
    Rectangle,
    State,
    Usage,
    Utterance,
)
from narrator.monitor import Monitor
from narrator.pipeline import Outlets, Pipeline, pace
from narrator.privacy.consent import ConsentPage, Consents
from narrator.seams import Context, Value, Voice
from narrator.settings import InForce, Settings, SettingsFile, declared
from narrator.speech import Speech
from narrator.stage import Stage
from narrator.steps import Steps
from narrator.truth import still_true

_log = logging.getLogger(__name__)
_DRAIN = 5.0


class Session(Steps):
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
        consents: Consents | None = None,
        notices: Sequence[Notice] = (),
    ) -> None:
        self.settings = settings
        self.finished = threading.Event()
        self.failure: NarratorError | None = None
        self.left_behind = False
        self._keeping, self._early = Keeping(store, self._publish), list(notices)
        self._broadcast = Broadcast()
        self._closing = threading.Event()
        self._is_started = False
        self._stuck: list[threading.Thread] = []
        self._accounts = Accounts(lambda: self.settings)
        self._context = Context(InForce(lambda: self.settings), self._publish, key=self._key)
        self._describers = Describers(consents or Consents(), self._key)
        require_reachable(source, settings)
        self._source, self._voice = source, chosen_voice(voice)
        self._choice = self._choose(backend)
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
        self._monitor = Monitor(self._stage, self._tick, self._began, self._finish)

    def subscribe(self) -> Fifo[Event]:
        """A queue of every event from now on; only `State` gives way to a newer one."""
        return self._broadcast.subscribe()

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
        """The describer that is in use, as on the command line."""
        return self._choice.backend

    @property
    def _chosen(self) -> tuple[str, ...]:
        return (*self._choice.ahead, self._choice.backend)

    @property
    def wanted_backend(self) -> str:
        """The describer that was asked for, "auto" for whichever is ready; `backend` is another without a yes."""
        return self._choice.wanted

    @property
    def consent_page(self) -> ConsentPage | None:
        """What the user must agree to before the chosen describer is used; the built-in one narrates meanwhile."""
        return self._choice.page

    def answer_consent(self, *, yes: bool) -> None:
        """The user's answer to `consent_page`: with a yes the describer is used from now on."""
        page = self._choice.page
        if page is None:
            return
        self._choice = replace(self._choice, page=None)
        if yes:
            self._keeping.agree(self._describers, page)
            self._choice = self._choose(self._choice.wanted)
            self._pipeline.use(self._chosen)

    def check_key(self, backend_id: str) -> str:
        """Try a describer's key and service: a sentence. May take some seconds. Raises `NarratorError`."""
        try:
            return self._describers.check(backend_id, self._context)
        finally:
            self.renew_key(backend_id)

    def renew_key(self, backend_id: str) -> None:
        """A describer's key was kept or deleted: its next request goes out with the key that is there now, or not."""
        self._pipeline.retry(backend_id)

    def offers(self, backend_id: str, key: str) -> list[tuple[str, str]]:
        """What a setting of a describer may well be, each value with its title."""
        return registry.offers(backend_id, key, self._context.offered.get(backend_id, ()))

    @property
    def voice(self) -> str:
        return self._voice

    @property
    def speaks_aloud(self) -> bool:
        """True while our own voice is heard, so that nobody else need read the captions."""
        return registry.is_heard(self._voice) and self._speech.works and self.settings.whole("speech.volume") > 0

    def start(self) -> None:
        """Begin to narrate."""
        self._is_started = True
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
        self._pipeline.cancel()

    def repeat(self) -> None:
        """Say the last caption again."""
        if self._broadcast.last_caption:
            self._speech.offer(self._broadcast.last_caption, None, Priority.NOW)

    def say(self, text: str) -> None:
        """Speak a sentence of the front end at once."""
        self._speech.offer(text, None, Priority.NOW)

    def describe(self) -> None:
        """Say now what is there."""
        self._pipeline.describe()

    def apply(self, changes: Mapping[str, Value]) -> None:
        """Take these settings, keep them for the next start, and restart what must restart. Raises `UsageError`.

        A source is kept when its first picture has come.
        """
        settings = self.settings.with_values(changes)
        require_plug_ins(changes)
        require_reachable(str(changes.get("source", self._source)), settings)
        if self._closing.is_set():
            return
        self.settings = settings
        self._keeping.save({key: value for key, value in changes.items() if key != "source"})
        self._pipeline.keep_pace(pace(settings))
        self._speech.limit(settings.number("speech.max_wait"), settings.number("speech.max_frame_age"))
        self._restart_what_must(changes)

    def state(self) -> State:
        """How the session fares now."""
        capture, sight = self._pipeline.capture, self._pipeline.sight
        return State(
            phase=self.phase,
            source=registry.without_secrets(self._source),
            backend=self._choice.backend,
            voice=self._voice,
            capture_fps=capture.fps,
            sight_fps=sight.fps,
            drops=capture.drops,
            rss_mb=rss_mb(),
            frame_to_word=self._broadcast.frame_to_word,
            meter=self._accounts.meter(),
            narrating=self._pipeline.narrating(time.monotonic()),
            ahead=self._choice.ahead,
        )

    def drain(self, timeout: float = _DRAIN) -> None:
        """Ask no more, and let what is being said come to its end, for at most `timeout` s."""
        deadline = time.monotonic() + timeout
        pipeline = self._pipeline
        pipeline.tell(Wish.HOLD)
        pipeline.wait_idle(timeout)
        self._speech.drain(max(0.0, deadline - time.monotonic()))

    def close(self) -> None:
        """End every thread and child, within 2 s; `left_behind` tells whether one hangs, in a driver say."""
        if self._closing.is_set():
            return
        self._closing.set()
        pipeline = self._pipeline
        self.failure = self.failure or pipeline.failure
        self._abandon(*pipeline.close(), self._speech.close(), self._context.network.close())
        self._accounts.close()
        self._monitor.close()
        self.left_behind = any(thread.is_alive() for thread in self._stuck)
        self._broadcast.close()

    def _new_pipeline(self) -> Pipeline:
        outlets = Outlets(self._speech, self._publish, self._accounts.spending, self._accounts.record)
        return Pipeline(self._source, self._chosen, lambda: self.settings, self._context, outlets)

    def _choose(self, backend: str) -> Choice:
        choice = self._describers.choose(backend, self.settings.values)
        if choice.notice:
            self._tell(choice.notice)
        return choice

    def _key(self, backend_id: str) -> str:
        return key_of(backend_id, self._tell)

    def _tell(self, notice: Notice) -> None:
        """As soon as somebody can hear it."""
        if self._is_started:
            self._publish(notice)
        elif notice not in self._early:
            self._early.append(notice)

    def _restart_what_must(self, changes: Mapping[str, Value]) -> None:
        restarts = {declared()[key].restarts for key in changes}
        if "voice" in restarts:
            self._voice = chosen_voice(self.settings.text("voice"))
            self._speech.use(self._create_voice)
        if "source" in restarts:
            self._source = str(changes.get("source", self._source))
        if restarts & {"source", "backend"}:
            self._choice = self._choose(str(changes.get("backend", self._choice.wanted)))
        if "source" in restarts:
            self._restart()
        elif "backend" in restarts:
            self._pipeline.use(self._chosen)

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
        notices: Sequence[Notice] = ()
        if isinstance(event, Usage):
            notices = self._accounts.add(event)
            event = replace(event, meter=self._accounts.meter())
        self._broadcast.publish(event)
        if isinstance(event, Audio):
            self._pipeline.tell(self._as_perceived(event))
        elif isinstance(event, Notice):
            _log.info("Notice: %s", event.text)
            if not event.quiet:
                self._speech.offer(event.text, None, Priority.NEXT)
        for notice in notices:
            self._publish(notice)

    def _tick(self) -> None:
        self._publish(self.state())
        for notice in self._accounts.settle():
            self._publish(notice)

    def _began(self) -> None:
        self._keeping.remember(self._source)
        self._publish(self.state())

    def _finish(self, pipeline: Pipeline) -> None:
        failure = pipeline.capture.failure or pipeline.failure
        if pipeline is self._pipeline:
            self.failure = failure
        if pipeline.capture.failure is None:
            pipeline.say_what_is_left(self._speech.drain, self._closing)
        else:
            self._publish(pipeline.capture.failure.notice())
        if self._stage.enter(Phase.ENDED, Phase.STARTING, Phase.NARRATING, Phase.PAUSED, pipeline=pipeline):
            self._publish(self.state())
            self.finished.set()
