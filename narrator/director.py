"""Decides when a describer is asked, and for what. Pure: time, scene and what was heard come in as arguments.

Facts from other threads (the user's wish, what became of a sound) go through `tell`, an inbox that the next decision
empties; everything else is called by the lane's own thread, so there is nothing to lock.
"""

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

from narrator.mailbox import Fifo
from narrator.messages import Ask, Audio, AudioEvent, Priority, Reason, Run, Scene
from narrator.seams import Capabilities

_INBOX = 1000
_SAID = 12
_LONG = 60.0
_SETTLING = 1.5
"""Seconds that the user's wish waits for things to be looked for in a new scene."""
_OVERVIEWS = (Reason.START, Reason.CUT, Reason.USER)


@dataclass(frozen=True, slots=True)
class Pace:
    """How often to speak, in seconds."""

    min_gap: float = 4.0
    cut_gap: float = 2.0
    overview: bool = True
    lead: float = 0.3
    """How long before the voice falls silent the next answer is asked for."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to ask now; decide again at `until` (monotonic seconds) or when something happens."""

    until: float


class Wish(StrEnum):
    """What the user may ask of the director."""

    DESCRIBE = "describe"
    HOLD = "hold"
    GO_ON = "go on"
    HUSH = "hush"
    """What is under way was silenced on purpose: it is not told again."""
    FINISH = "finish"
    """The source is over: tell what is left without keeping a distance between lines."""


@dataclass(slots=True)
class _Told:
    """A run whose words are on their way to the ear."""

    run: Run
    offered: list[str] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    sounds_over: int = 0
    answered: bool = False
    dropped: bool = False
    hushed: bool = False

    @property
    def is_over(self) -> bool:
        return self.answered and self.sounds_over >= len(self.offered)


class Director:
    """Turns what sight saw and what the user heard into the next `Ask`."""

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self.capabilities = Capabilities()
        """Of the backend that is asked: it may want a slower pace."""
        self._inbox: Fifo[Wish | Audio] = Fifo(_INBOX)
        self._under_way: dict[int, _Told] = {}
        self._said: deque[str] = deque(maxlen=_SAID)
        self._heard_news = 0
        self._overview_of = -1
        self._second_chance = (-1, -1)
        self._last_ask = float("-inf")
        self._last_line = float("-inf")
        self._wished_at: float | None = None
        self._resumed_at = float("-inf")
        self._held = self._finishing = False

    def tell(self, fact: Wish | Audio) -> None:
        """From any thread: a wish of the user, or what became of a sound."""
        self._inbox.put(fact)

    def next(self, now: float, scene: Scene | None, free_in: float) -> Ask | Wait:
        """What to do now; `free_in` is the time in seconds until the voice falls silent."""
        self._read_inbox(now)
        if scene is None or self._held or scene.frame_at < self._resumed_at:
            return Wait(now + _LONG)
        pace = self.pace
        if self._wished_at is not None:
            due = now if scene.settled or scene.trouble else self._wished_at + _SETTLING
            return self._ask_after(due, now, scene, Reason.USER, Priority.NOW)
        if pace.overview and self._needs_overview(scene):
            reason = Reason.START if self._overview_of < 0 else Reason.CUT
            return self._ask_after(self._last_line + pace.cut_gap, now, scene, reason)
        if scene.newest_news > self._told_news:
            gap = 0.0 if self._finishing else max(pace.min_gap, self.capabilities.min_gap)
            due = max(self._last_line + gap, now + free_in - pace.lead)
            return self._ask_after(due, now, scene, Reason.CHANGE)
        if self.capabilities.heartbeat:
            return self._ask_after(self._last_ask + self.capabilities.heartbeat, now, scene, Reason.HEARTBEAT)
        return Wait(now + _LONG)

    def opened(self, run: Run) -> None:
        """The lane opened a run for the last Ask."""
        self._under_way[run.id] = _Told(run)

    def offered(self, run: Run, clause: str) -> None:
        """A clause of this run went to the voice."""
        self._under_way[run.id].offered.append(clause)

    def answered(self, run: Run, now: float) -> None:
        """The run ended; with no clause offered there was nothing to say."""
        self._read_inbox(now)
        told = self._under_way[run.id]
        told.answered = True
        told.dropped = told.dropped or bool(run.cancelled)
        if told.offered:
            self._last_line = now
        self._settle(told)

    def failed(self, run: Run, now: float) -> None:
        """The backend gave up on this run: what it did not come to say is asked for again."""
        if self._under_way[run.id].offered:
            run.cancel()
            self.answered(run, now)
        else:
            del self._under_way[run.id]
            self._want_overview_again(run)

    @property
    def said(self) -> tuple[str, ...]:
        """The last captions that were heard, oldest first."""
        return tuple(self._said)

    @property
    def _told_news(self) -> int:
        """News up to this number was heard, or its words are under way."""
        return max([self._heard_news, *(told.run.news_to for told in self._under_way.values() if not told.dropped)])

    def _needs_overview(self, scene: Scene) -> bool:
        is_ready = scene.settled or self._finishing
        return is_ready and scene.trouble is None and self._overview_of < scene.revision

    def _ask_after(
        self, due: float, now: float, scene: Scene, reason: Reason, priority: Priority = Priority.NORMAL
    ) -> Ask | Wait:
        if now < due:
            return Wait(due)
        self._last_ask, self._wished_at = now, None
        ask = Ask(reason, scene, priority, self._told_news, self._expected())
        if reason in _OVERVIEWS and (scene.settled or self._finishing):
            self._overview_of = scene.revision
        return ask

    def _expected(self) -> tuple[str, ...]:
        """What will have been heard when the next words are spoken."""
        under_way = (" ".join(told.offered) for told in self._under_way.values() if told.offered and not told.dropped)
        return (*self._said, *under_way)

    def _read_inbox(self, now: float) -> None:
        for fact in self._inbox.drain():
            if isinstance(fact, Audio):
                self._hear(fact)
            else:
                self._obey(fact, now)

    def _obey(self, wish: Wish, now: float) -> None:
        if wish is Wish.DESCRIBE:
            self._wished_at = now
        elif wish is Wish.FINISH:
            self._finishing = True
        elif wish is Wish.HUSH:
            for told in self._under_way.values():
                told.hushed = True
        else:
            self._held = wish is Wish.HOLD
            if not self._held:
                self._resumed_at = now

    def _hear(self, audio: Audio) -> None:
        run = audio.utterance.run
        told = self._under_way.get(run.id) if run else None
        if told is None or audio.event is AudioEvent.START:
            return
        told.sounds_over += 1
        told.dropped = told.dropped or audio.event is AudioEvent.DROPPED
        if audio.event is AudioEvent.END:
            told.heard.append(audio.utterance.text)
        self._settle(told)

    def _settle(self, told: _Told) -> None:
        """Said means heard. What was dropped is told once more if it is still true; what was hushed is not."""
        if not told.is_over:
            return
        del self._under_way[told.run.id]
        if told.heard:
            self._said.append(" ".join(told.heard))
        chance = (told.run.scene_revision, told.run.news_to)
        if told.dropped and not told.hushed and chance > self._second_chance:
            self._second_chance = chance
            self._want_overview_again(told.run)
        else:
            self._heard_news = max(self._heard_news, told.run.news_to)

    def _want_overview_again(self, run: Run) -> None:
        if run.reason in _OVERVIEWS and self._overview_of == run.scene_revision:
            self._overview_of -= 1
