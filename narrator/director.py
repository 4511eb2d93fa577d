"""Decides which describer is asked, when, and for what. Pure: time, scene and what was heard come in as arguments.

Of the lanes that are ready the highest one leads: it narrates. The lowest, the program's own sight, cues it in a few
words, stands in when an answer is late, and leads when no other can: that is all that falling back is.

Facts from other threads (the user's wish, what became of a sound) go through `tell`, an inbox that the next decision
empties; every other call is made by lanes that hold the director alone (`mailbox.Guarded`), so nothing is locked here.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from math import inf
from typing import Protocol

from narrator.heard import Heard, Told
from narrator.mailbox import Fifo
from narrator.messages import CUED, Ask, Audio, Change, NewsKind, Priority, Reason, Run, Scene
from narrator.seams import Capabilities

_INBOX = 1000
_LONG = 60.0
_SETTLING = 1.5
"""Seconds that the user's wish waits for things to be looked for in a new scene."""
_PATIENCE = 3.0
"""Seconds after which the program's own sight tells what a model leaves unanswered."""
_CUE_WITHIN = 1.0
_LEARNING = 0.3
_SPEAKING_SECONDS = {1: 2.0, 2: 3.5, 3: 6.0, 4: 9.0, 5: 14.0}
"""How long a line may take to be spoken at each level of detail, in seconds at the user's own rate."""
_HURRY, _LEISURE = 0.75, 1.5


@dataclass(frozen=True, slots=True)
class Pace:
    """How often and how much to speak; times in seconds, `rate` in words a minute, `detail` from 1 to 5."""

    min_gap: float = 4.0
    cut_gap: float = 2.0
    overview: bool = True
    cues: bool = True
    rate: float = 200.0
    detail: int = 3
    lead: float = 0.3
    """How long before the voice falls silent the next answer is asked for, at least."""


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


class Purse(Protocol):
    """What paid requests may cost."""

    def free_at(self, now: float) -> float:
        """The monotonic time from which one may be made."""

    def gap(self) -> float:
        """Seconds that two of them are kept apart."""


class _Free:
    """Stands in where nothing costs anything."""

    def free_at(self, now: float) -> float:
        return now

    def gap(self) -> float:
        return 0.0


@dataclass(slots=True)
class _Standing:
    """A lane as the director sees it. `rank` rises with quality, from 0 for the program's own sight."""

    name: str
    rank: int
    capabilities: Capabilities = field(default_factory=Capabilities)
    is_open: bool = False
    rests_until: float = -inf
    last_ask: float = -inf
    asked_news: int = 0
    asked_frame: float = -inf
    lead: float = 0.0

    @property
    def sees(self) -> bool:
        """It is shown pictures, and need not wait until sight has recognised things."""
        return self.capabilities.max_images > 0

    def forget_last(self) -> None:
        """Ask again for what was asked."""
        self.asked_news, self.asked_frame = 0, -inf


class Director:
    """Turns what sight saw and what the user heard into the next `Ask` of each lane."""

    def __init__(self, pace: Pace, purse: Purse | None = None) -> None:
        self.pace = pace
        self._purse = purse or _Free()
        self._inbox: Fifo[Wish | Audio] = Fifo(_INBOX)
        self._lanes: dict[str, _Standing] = {}
        self._heard = Heard()
        self._last_line = -inf
        self._newest_news = (0, -inf)
        self._wished_at: float | None = None
        self._resumed_at = -inf
        self._held = self._finishing = False

    def enlist(self, lane: str, rank: int) -> None:
        """There is such a lane; it is asked from `ready` on."""
        self._lanes[lane] = _Standing(lane, rank)

    def dismiss(self, lane: str) -> None:
        """The lane is gone, with all that it had under way and did not say."""
        del self._lanes[lane]
        for told in list(self._heard.under_way.values()):
            if told.run.lane == lane and told.is_silent:
                self._heard.forget(told.run)

    def ready(self, lane: str, capabilities: Capabilities) -> None:
        """The lane's describer is open."""
        own = self._lanes[lane]
        own.capabilities, own.is_open = capabilities, True

    def rest(self, lane: str, until: float) -> None:
        """The lane's describer cannot answer before `until` (monotonic seconds)."""
        self._lanes[lane].rests_until = until

    def tell(self, fact: Wish | Audio) -> None:
        """From any thread, holding nothing: a wish of the user, or what became of a sound."""
        self._inbox.put(fact)

    def leader(self, now: float, scene: Scene | None) -> str:
        """The lane that narrates; while there is nothing to see for a model, the program's own sight."""
        return max(self._lanes.values(), key=lambda lane: self._fitness(lane, now, scene)).name

    def next(self, lane: str, now: float, scene: Scene | None, free_in: float) -> Ask | Wait:
        """What a lane shall do now; `free_in` is the time in seconds until the voice falls silent."""
        self._read_inbox(now)
        if scene is None or self._held or scene.frame_at < self._resumed_at:
            return Wait(now + _LONG)
        if scene.newest_news > self._newest_news[0]:
            self._newest_news = (scene.newest_news, now)
        own, leader = self._lanes[lane], self._lanes[self.leader(now, scene)]
        if own is leader:
            return self._lead(own, now, scene, free_in)
        if own.sees:
            return Wait(max(own.rests_until, self._free_at(own, now), now + _CUE_WITHIN))
        return self._stand_by(own, leader, now, scene, free_in)

    def opened(self, run: Run) -> None:
        """The lane opened a run for its last Ask."""
        self._heard.open(run)

    def offered(self, run: Run, clause: str, now: float) -> None:
        """A clause of this run went to the voice."""
        told = self._heard.under_way.get(run.id)
        if told is None:
            return
        own = self._lanes.get(run.lane)
        if own is not None and not told.offered:
            took = now - run.started_at
            own.lead += _LEARNING * (took - own.lead) if own.lead else took
        told.offered.append(clause)

    def answered(self, run: Run, now: float) -> None:
        """The run ended; with no clause offered there was nothing to say."""
        self._read_inbox(now)
        told = self._heard.under_way.get(run.id)
        if told is None:
            return
        if told.offered:
            self._last_line = now
        self._ask_again(self._heard.end(run))

    def failed(self, run: Run, now: float) -> None:
        """The backend gave up on this run: what it did not come to say is asked for again."""
        told = self._heard.under_way.get(run.id)
        if told is None:
            return
        if told.offered:
            run.cancel()
            self.answered(run, now)
            return
        self._heard.forget(run)
        self._ask_again(run)
        if run.reason is Reason.USER and not told.stood_in_for:
            self._wished_at = now

    @property
    def said(self) -> tuple[str, ...]:
        """The last captions that were heard, oldest first."""
        return self._heard.said

    def _can_lead(self, lane: _Standing, now: float, scene: Scene | None) -> bool:
        has_something_to_see = not (lane.sees and scene is not None and scene.trouble)
        return lane.is_open and lane.rests_until <= now and self._free_at(lane, now) <= now and has_something_to_see

    def _fitness(self, lane: _Standing, now: float, scene: Scene | None) -> int:
        """Above 0 for those that can lead, the best highest; when none can, the program's own sight is highest."""
        return lane.rank + 1 if self._can_lead(lane, now, scene) else -lane.rank

    def _free_at(self, lane: _Standing, now: float) -> float:
        return self._purse.free_at(now) if lane.capabilities.prices else now

    def _lead(self, own: _Standing, now: float, scene: Scene, free_in: float) -> Ask | Wait:
        if self._wished_at is not None:
            is_ready = own.sees or scene.settled or scene.trouble
            due = now if is_ready else self._wished_at + _SETTLING
            return self._ask_after(due, own, now, scene, Reason.USER, Priority.NOW)
        if self.pace.overview and self._needs_overview(own, scene):
            reason = Reason.START if self._heard.overview_of < 0 else Reason.CUT
            last = own.last_ask if own.sees else self._last_line
            return self._ask_after(last + self.pace.cut_gap, own, now, scene, reason)
        if self._has_news(own, scene):
            return self._ask_after(self._due(own, now, free_in), own, now, scene, Reason.CHANGE)
        if own.capabilities.heartbeat:
            return self._ask_after(own.last_ask + own.capabilities.heartbeat, own, now, scene, Reason.HEARTBEAT)
        return Wait(now + _LONG)

    def _needs_overview(self, own: _Standing, scene: Scene) -> bool:
        is_ready = own.sees or scene.settled or self._finishing
        return is_ready and scene.trouble is None and self._heard.overview_of < scene.revision

    def _has_news(self, own: _Standing, scene: Scene) -> bool:
        """For a model whatever moved is news; the program's own sight has only what it noticed."""
        if own.sees:
            noticed = any(n.number > own.asked_news and n.kind is not NewsKind.CUT for n in scene.news)
            return noticed or scene.changed_at > own.asked_frame
        return scene.newest_news > self._heard.told_news

    def _due(self, own: _Standing, now: float, free_in: float) -> float:
        """When to ask for what is new, so that the answer comes as the voice falls silent; after a rest, at once."""
        if own.last_ask < own.rests_until:
            return own.rests_until
        gap = 0.0 if self._finishing else max(self.pace.min_gap, own.capabilities.min_gap)
        if own.capabilities.prices and not self._finishing:
            gap = max(gap, self._purse.gap())
        last = own.last_ask if own.sees else self._last_line
        return max(last + gap, now + free_in - max(self.pace.lead, own.lead))

    def _stand_by(self, own: _Standing, leader: _Standing, now: float, scene: Scene, free_in: float) -> Ask | Wait:
        """Stand in for an answer that is late, or cue the leader in a few words."""
        until = now + _LONG
        for told in self._heard.under_way.values():
            if told.run.lane == own.name or not told.is_silent or told.stood_in_for:
                continue
            if now < told.run.started_at + _PATIENCE:
                until = min(until, told.run.started_at + _PATIENCE)
            elif (ask := self._stand_in(own, told, now, scene)) is not None:
                return ask
        if self._may_cue(leader, now, scene, free_in):
            return self._ask_after(now, own, now, scene, Reason.CUE)
        return Wait(until)

    def _stand_in(self, own: _Standing, told: Told, now: float, scene: Scene) -> Ask | Wait | None:
        """The Ask that `told` was opened for, when there is something to tell."""
        is_overview = told.run.reason.is_overview
        if is_overview and not (scene.settled or scene.trouble):
            return None
        told.stood_in_for = True
        if not is_overview and scene.newest_news <= self._heard.told_news:
            return None
        reason = told.run.reason if is_overview else Reason.CHANGE
        return self._ask_after(now, own, now, scene, reason, told.run.priority)

    def _may_cue(self, leader: _Standing, now: float, scene: Scene, free_in: float) -> bool:
        """Something that matters came or went within the last second, and nobody speaks."""
        number, since = self._newest_news
        is_fresh = now - since <= _CUE_WITHIN and number > self._heard.news
        is_free = free_in <= 0 and now >= self._last_line + self.pace.min_gap
        cues = any(news.kind in CUED for news in scene.news if news.number > self._cued_or_heard)
        is_told_already = any(told.offered for told in self._heard.under_way.values())
        return self.pace.cues and leader.sees and is_fresh and is_free and cues and not is_told_already

    @property
    def _cued_or_heard(self) -> int:
        cued = (told.run.news_to for told in self._heard.under_way.values() if told.run.reason is Reason.CUE)
        return max([self._heard.news, *cued])

    def _ask_after(
        self,
        due: float,
        own: _Standing,
        now: float,
        scene: Scene,
        reason: Reason,
        priority: Priority = Priority.NORMAL,
    ) -> Ask | Wait:
        if now < due:
            return Wait(due)
        news_after = self._cued_or_heard if reason is Reason.CUE else self._heard.told_news
        ask = Ask(reason, scene, priority, news_after, self._heard.expected, self._words(scene, reason))
        own.last_ask, own.asked_news, own.asked_frame = now, scene.newest_news, scene.frame_at
        if reason is Reason.USER:
            self._wished_at = None
        if reason.is_overview and (own.sees or scene.settled or self._finishing):
            self._heard.overview_of = scene.revision
        return ask

    def _words(self, scene: Scene, reason: Reason) -> int:
        """Short while the scene moves, longer when it is still or the user asks."""
        seconds = _SPEAKING_SECONDS[self.pace.detail]
        if reason is Reason.USER or scene.change is Change.STATIC:
            seconds *= _LEISURE
        elif reason is Reason.CHANGE:
            seconds *= _HURRY
        return max(5, round(seconds * self.pace.rate / 60))

    def _ask_again(self, run: Run | None) -> None:
        if run is not None and run.lane in self._lanes:
            self._lanes[run.lane].forget_last()

    def _read_inbox(self, now: float) -> None:
        for fact in self._inbox.drain():
            if isinstance(fact, Audio):
                self._ask_again(self._heard.hear(fact))
            else:
                self._obey(fact, now)

    def _obey(self, wish: Wish, now: float) -> None:
        if wish is Wish.DESCRIBE:
            self._wished_at = now
        elif wish is Wish.FINISH:
            self._finishing = True
        elif wish is Wish.HUSH:
            self._heard.hush()
        else:
            self._held = wish is Wish.HOLD
            if not self._held:
                self._resumed_at = now
