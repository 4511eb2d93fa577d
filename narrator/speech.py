"""The speech thread: says one utterance after the other with the voice of the moment, and falls silent at once."""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from itertools import count

from narrator.errors import VoiceCrashed, VoiceError
from narrator.mailbox import Guarded
from narrator.messages import Audio, AudioEvent, Event, Level, Notice, Priority, Run, Utterance
from narrator.seams import Voice
from narrator.speech_queue import Fate, SpeakingPace, SpeechQueue

_log = logging.getLogger(__name__)
_CLOSES_WITHIN = 1.8
"""Seconds; the rest of the 2 s is for the hush."""
_USUAL_RATE = 200.0
_BACK = "The voice is back."
_utterance_ids = count(1)


class Speech:
    """Owns the thread and the voice, from `start` to `close`; every other call is safe from any thread.

    It publishes each `Utterance` that it is offered and, for each, in the end one `Audio`: END, CUT (hushed, or cut by
    NOW) or DROPPED (stale, replaced, or no voice). `still_true` must not call back. `rate` is the nominal rate in words
    a minute. A voice that fails is told of once, and tried again every `retry_after` seconds.
    """

    def __init__(
        self,
        create_voice: Callable[[], Voice],
        publish: Callable[[Event], None],
        still_true: Callable[[Utterance], bool],
        *,
        max_wait: float,
        max_frame_age: float,
        rate: Callable[[], float] = lambda: _USUAL_RATE,
        retry_after: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._publish, self._rate, self._retry_after, self._clock = publish, rate, retry_after, clock
        self._queue = Guarded(SpeechQueue(still_true, max_wait, max_frame_age))
        self._pace = SpeakingPace()
        self._wanted: Callable[[], Voice] | None = create_voice
        self._voice: Voice | None = None
        self._is_open = self._has_failed = False
        self._try_at = self._sounds_since = 0.0
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._main, name="speech", daemon=True)
        self.dropped = 0

    @property
    def works(self) -> bool:
        """False while the voice fails, and nothing is heard."""
        return not self._has_failed

    def start(self) -> None:
        """Open the voice and begin to speak."""
        self._thread.start()

    def limit(self, max_wait: float, max_frame_age: float) -> None:
        """Change what counts as stale, in seconds."""
        with self._queue as queue:
            queue.max_wait, queue.max_frame_age = max_wait, max_frame_age

    def offer(self, text: str, run: Run | None, priority: Priority = Priority.NORMAL) -> None:
        """Give a clause to be spoken; of a run's clauses the first to come is its first. Empty text is ignored."""
        if not text.strip() or self._closing.is_set():
            return
        with self._queue as queue:
            is_first = not queue.has_begun(run)
        utterance = Utterance(next(_utterance_ids), run, text, priority, self._clock(), is_first)
        self._publish(utterance)
        with self._queue as queue:
            interrupted, fates = queue.offer(utterance)
        if interrupted is not None:
            interrupted.cut.throw()
        self._tell(fates)

    def retract(self, run: Run) -> None:
        """Drop the clauses of this run that have not begun; what sounds is finished."""
        with self._queue as queue:
            fates = queue.retract(run)
        self._tell(fates)

    def hush(self) -> None:
        """Cut the sound at once and forget all that waits."""
        with self._queue as queue:
            sounding, fates = queue.sounding, queue.clear(AudioEvent.CUT)
        if sounding is not None:
            sounding.cut.throw()
        self._tell(fates)

    def hold(self) -> None:
        """From now on drop narration that is offered; notices and repeats, which have no run, are still spoken."""
        with self._queue as queue:
            queue.is_held = True

    def release(self) -> None:
        """End the `hold`: the next run is spoken."""
        with self._queue as queue:
            queue.is_held = False

    def free_in(self) -> float:
        """Estimated seconds until silence: 0.0 when nothing is spoken or waits."""
        rate = self._rate()
        with self._queue as queue:
            seconds = sum(self._pace.seconds(utterance.text, rate) for utterance in queue.waiting)
            if queue.sounding is not None:
                whole = self._pace.seconds(queue.sounding.text, rate)
                seconds += max(0.0, self._sounds_since + whole - self._clock())
        return seconds

    def drain(self, timeout: float) -> bool:
        """Wait until all is spoken: True, or False after `timeout` s."""
        return self._queue.wait(lambda queue: queue.is_idle or self._closing.is_set(), timeout)

    def use(self, create_voice: Callable[[], Voice]) -> None:
        """Speak with another voice from the next clause on."""
        with self._queue:
            self._wanted = create_voice

    def close(self) -> threading.Thread | None:
        """Be silent and end the thread and the voice, within 2 s: the thread that is left behind, or None."""
        until = time.monotonic() + _CLOSES_WITHIN
        self._closing.set()
        self.hush()
        closing = threading.Thread(target=self._close_voice, name="voice-close", daemon=True)
        closing.start()
        threads = (self._thread, closing)
        for thread in threads:
            if thread.is_alive():
                thread.join(max(0.0, until - time.monotonic()))
        return next((thread for thread in threads if thread.is_alive()), None)

    def _close_voice(self) -> None:
        """Also the top of a thread of its own, as a voice may hang in its driver."""
        try:
            if self._voice is not None:
                self._voice.close()
        except Exception:  # noqa: BLE001 - the top of the thread: whatever a voice raises, we close
            _log.exception("The voice did not close")

    def _main(self) -> None:
        while not self._closing.is_set():
            try:
                self._see_to_the_voice()
                self._say_next()
            except Exception:  # noqa: BLE001 - the top of the thread: whatever a voice raises, it is tried again
                _log.exception("Speech failed")
                self._fail(VoiceError("The voice failed.", "It is tried again; the log says more."))
        self._close_voice()

    def _see_to_the_voice(self) -> None:
        """Change to the voice that is wanted, and open it when it is not open and it is time."""
        with self._queue:
            wanted, self._wanted = self._wanted, None
        if wanted is not None:
            if self._voice is not None:
                self._voice.close()
            self._voice = wanted()
            self._is_open = self._has_failed = False
            self._try_at = self._clock()
        if self._voice is None or self._is_open or self._clock() < self._try_at or self._closing.is_set():
            return
        try:
            self._voice.open()
        except VoiceError as error:
            self._fail(error)
            return
        self._is_open = True
        if self._has_failed:
            self.offer(_BACK, None, Priority.NEXT)

    def _say_next(self) -> None:
        timeout = None if self._is_open else max(0.0, self._try_at - self._clock())
        self._queue.wait(lambda queue: queue.waiting or self._wanted or self._closing.is_set(), timeout)
        if self._wanted or self._closing.is_set():
            return
        with self._queue as queue:
            now = self._sounds_since = self._clock()
            utterance, fates = queue.next(now) if self._is_open else (None, queue.clear(AudioEvent.DROPPED))
        self._tell(fates)
        if utterance is not None:
            self._say(utterance)

    def _say(self, utterance: Utterance) -> None:
        starts: list[float] = []

        def started() -> None:
            starts.append(self._clock())
            if len(starts) == 1:
                self._sounds_since = starts[0]
                self._publish(Audio(utterance, AudioEvent.START, starts[0]))

        was_said = False
        try:
            was_said = self._try_to_say(utterance, started)
        finally:
            self._end(utterance, was_said, starts[-1] if starts else None)

    def _end(self, utterance: Utterance, was_said: bool, started_at: float | None) -> None:
        now = self._clock()
        if utterance.cut:
            self._publish(Audio(utterance, AudioEvent.CUT, now))
        elif was_said:
            if started_at is not None:
                self._pace.learn(utterance.text, self._rate(), now - started_at)
            self._publish(Audio(utterance, AudioEvent.END, now))
            self._tell_it_is_back()
        else:
            self._tell([Fate(utterance, AudioEvent.DROPPED)])
        with self._queue as queue:
            queue.finish()

    def _try_to_say(self, utterance: Utterance, started: Callable[[], None]) -> bool:
        """False when the voice failed, or crashed on this utterance twice."""
        assert self._voice is not None
        for last in (False, True):
            try:
                self._voice.say(utterance, started)
                return True
            except VoiceCrashed as error:
                _log.warning("%s %s", error.sentence, error.detail)
                if utterance.cut or self._closing.is_set():
                    return False
                if last:
                    self._fail(error)
            except VoiceError as error:
                self._fail(error)
                return False
        return False

    def _fail(self, error: VoiceError) -> None:
        """Rest for a while; tell it, if this is news."""
        self._is_open = False
        self._try_at = self._clock() + self._retry_after
        if not self._has_failed and not self._closing.is_set():
            self._has_failed = True
            _log.warning("%s %s", error.sentence, error.detail)
            self._publish(error.notice())

    def _tell_it_is_back(self) -> None:
        if self._has_failed:
            self._has_failed = False
            self._publish(Notice(Level.INFO, _BACK, quiet=True))

    def _tell(self, fates: Iterable[Fate]) -> None:
        for utterance, event in fates:
            with self._queue:
                self.dropped += event is AudioEvent.DROPPED
            self._publish(Audio(utterance, event, self._clock()))
