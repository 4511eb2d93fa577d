"""What is spoken next, what is not worth speaking any more, and how long it will take: pure, with the clock given."""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from narrator.messages import AudioEvent, Priority, Run, Utterance

_REMEMBERED_RUNS = 100
_LETTERS_A_WORD = 6
"""A standard word is five letters and a space."""
_FASTEST, _SLOWEST = 0.3, 3.0
_LEARNING = 0.3


class Fate(NamedTuple):
    """What became of an utterance that was never begun: DROPPED, or CUT by a hush."""

    utterance: Utterance
    event: AudioEvent


class SpeechQueue:
    """Utterances that wait, by priority and in order; the unit of NORMAL is the run.

    `still_true` tells whether an utterance of narration holds in the scene of now. `max_wait` and `max_frame_age` are
    seconds since the offer and since the picture; they are judged at a run's first clause. While `is_held`, what is
    offered with a run is dropped, and so is the rest of that run.
    """

    def __init__(self, still_true: Callable[[Utterance], bool], max_wait: float, max_frame_age: float) -> None:
        self.max_wait, self.max_frame_age = max_wait, max_frame_age
        self.sounding: Utterance | None = None
        self.is_held = False
        self._still_true = still_true
        self._waiting: list[Utterance] = []
        self._current: dict[Priority, Run] = {}
        self._begun: deque[int] = deque(maxlen=_REMEMBERED_RUNS)
        self._over: deque[tuple[int, AudioEvent]] = deque(maxlen=_REMEMBERED_RUNS)

    @property
    def waiting(self) -> tuple[Utterance, ...]:
        return tuple(self._waiting)

    @property
    def is_idle(self) -> bool:
        return not self._waiting and self.sounding is None

    def has_begun(self, run: Run | None) -> bool:
        """Whether a clause of this run was offered before."""
        return run is not None and run.id in self._begun

    def offer(self, utterance: Utterance) -> tuple[Utterance | None, list[Fate]]:
        """Take an utterance; returns the sounding one if that must be cut for it, and what it displaced."""
        run, priority = utterance.run, utterance.priority
        late = self._fate_of_late(utterance)
        if late is not None:
            return None, [late]
        interrupted = self.sounding if priority is Priority.NOW and not _same_run(utterance, self.sounding) else None
        replaced = {Priority.NORMAL: (Priority.NORMAL,), Priority.NOW: (Priority.NORMAL, Priority.NOW)}
        displaced = self._displace(utterance, replaced.get(priority, ()))
        if run is not None:
            self._current[priority] = run
            self._begun.append(run.id)
        self._waiting.append(utterance)
        return interrupted, displaced

    def next(self, now: float) -> tuple[Utterance | None, list[Fate]]:
        """Begin the next utterance that is worth speaking, which is `sounding` then; and what was found stale."""
        stale: list[Fate] = []
        while self._waiting:
            first = self._waiting.pop(max(range(len(self._waiting)), key=lambda place: self._waiting[place].priority))
            if not self._is_stale(first, now):
                self.sounding = first
                return first, stale
            stale.append(Fate(first, AudioEvent.DROPPED))
            if first.run is not None:
                stale += self.retract(first.run)
        return None, stale

    def finish(self) -> None:
        """What sounded has ended."""
        self.sounding = None

    def retract(self, run: Run, event: AudioEvent = AudioEvent.DROPPED) -> list[Fate]:
        """Take back the clauses of this run that were not begun, those to come included."""
        self._over.append((run.id, event))
        return [Fate(utterance, event) for utterance in self._take(lambda utterance: utterance.run is run)]

    def clear(self, event: AudioEvent) -> list[Fate]:
        """Take back everything that was not begun, with what is still to come of the runs under way."""
        self._over += [(run.id, event) for run in self._current.values()]
        self._current.clear()
        return [Fate(utterance, event) for utterance in self._take(lambda _: True)]

    def _fate_of_late(self, utterance: Utterance) -> Fate | None:
        """What becomes of an utterance whose run is over, or is ended by the hold."""
        if utterance.run is None:
            return None
        events = [event for run_id, event in self._over if run_id == utterance.run.id]
        if self.is_held and not events:
            self._over.append((utterance.run.id, AudioEvent.DROPPED))
            return Fate(utterance, AudioEvent.DROPPED)
        return Fate(utterance, events[-1]) if events else None

    def _displace(self, newcomer: Utterance, priorities: tuple[Priority, ...]) -> list[Fate]:
        """End the other runs of these priorities."""
        fates: list[Fate] = []
        for priority in priorities:
            run = self._current.get(priority)
            if run is not None and run is not newcomer.run:
                del self._current[priority]
                fates += self.retract(run)
        others = self._take(lambda old: old.priority in priorities and not _same_run(newcomer, old))
        return fates + [Fate(utterance, AudioEvent.DROPPED) for utterance in others]

    def _take(self, belongs: Callable[[Utterance], bool]) -> list[Utterance]:
        taken = [utterance for utterance in self._waiting if belongs(utterance)]
        self._waiting = [utterance for utterance in self._waiting if not belongs(utterance)]
        return taken

    def _is_stale(self, utterance: Utterance, now: float) -> bool:
        run = utterance.run
        if run is not None and run.cancelled:
            return True
        if utterance.priority is not Priority.NORMAL:
            return False
        if utterance.is_first and now - utterance.offered_at > self.max_wait:
            return True
        if run is None:
            return False
        is_old = utterance.is_first and now - run.frame_at > max(self.max_frame_age, run.frame_lasts)
        return is_old or not self._still_true(utterance)


class SpeakingPace:
    """How long words take, learned from how long they took: what an engine calls 200 words a minute is not."""

    def __init__(self) -> None:
        self._factor = 1.0

    def seconds(self, text: str, rate: float) -> float:
        """The time that a text takes at a nominal `rate` in words a minute."""
        return self._factor * _nominal(text, rate)

    def learn(self, text: str, rate: float, seconds: float) -> None:
        """Take into account how long a text took."""
        if len(text) >= _LETTERS_A_WORD:
            measured = min(_SLOWEST, max(_FASTEST, seconds / _nominal(text, rate)))
            self._factor += _LEARNING * (measured - self._factor)


def _nominal(text: str, rate: float) -> float:
    return len(text) / _LETTERS_A_WORD * 60 / rate


def _same_run(utterance: Utterance, other: Utterance | None) -> bool:
    return other is not None and utterance.run is not None and utterance.run is other.run
