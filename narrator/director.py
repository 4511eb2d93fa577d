"""Decides which describer is asked, when, and for what. Pure: time, scene and what was heard come in as arguments.

Of the lanes that are ready the highest one leads: it narrates. The lowest, the program's own sight, cues it in a few
words, stands in when an answer is late, and leads when no other can: that is all that falling back is. A lane between
them goes ahead of the leader: it is asked for the same, answers sooner, and the leader adds what it left out.

Facts from other threads (the user's wish, what became of a sound) go through `tell`, an inbox that the next decision
empties; every other call is made by lanes that hold the director alone (`mailbox.Guarded`), so nothing is locked here.
"""

from collections import deque
from enum import StrEnum
from math import inf

from narrator.heard import Heard, Told
from narrator.mailbox import Fifo
from narrator.messages import CUED, Ask, Audio, Level, NewsKind, Notice, Priority, Reason, Run, Scene
from narrator.models.sizes import time_in_words
from narrator.pace import Pace, Wait, words
from narrator.seams import Capabilities
from narrator.standing import Free, Purse, Standing

_INBOX = 1000
_LONG = 60.0
_SETTLING = 1.5
"""Seconds that the user's wish waits for things to be looked for in a new scene."""
_PATIENCE = 3.0
"""Seconds after which the program's own sight tells what a model leaves unanswered."""
_CUE_WITHIN = 1.0
_STALE_AFTER = 15.0
"""Seconds after which a picture is not of now any more: its source was lost, for even one that stays is shown anew."""
_NOTICED = 100
_LEARNING = 0.3


class Wish(StrEnum):
    """What the user may ask of the director."""

    DESCRIBE = "describe"
    HOLD = "hold"
    GO_ON = "go on"
    HUSH = "hush"
    """What is under way was silenced on purpose: it is not told again."""
    FINISH = "finish"
    """The source is over: tell what is left without keeping a distance between lines."""


class Director:
    """Turns what sight saw and what the user heard into the next `Ask` of each lane."""

    def __init__(self, pace: Pace, purse: Purse | None = None) -> None:
        self.pace = pace
        self._purse = purse or Free()
        self._inbox: Fifo[Wish | Audio] = Fifo(_INBOX)
        self._lanes: dict[str, Standing] = {}
        self._heard = Heard()
        self._last_line = -inf
        self._noticed: deque[tuple[int, float]] = deque(maxlen=_NOTICED)
        self._wished_at: float | None = None
        self._last_wish = -inf
        self._wish_failed = False
        self._first_seen_at = inf
        self._resumed_at = -inf
        self._held = self._finishing = False

    def enlist(self, lane: str, rank: int) -> None:
        """There is such a lane; it is asked from `ready` on."""
        self._lanes[lane] = Standing(lane, rank)

    def dismiss(self, lane: str) -> None:
        """The lane is gone, with all that it had under way and did not say."""
        self._lanes.pop(lane, None)
        for told in list(self._heard.under_way.values()):
            if told.run.lane == lane and told.is_silent:
                self._heard.forget(told.run)

    def ready(self, lane: str, capabilities: Capabilities) -> None:
        """The lane's describer is open."""
        own = self._lanes[lane]
        own.capabilities, own.is_open, own.granted = capabilities, True, self._last_wish

    def reopening(self, lane: str) -> None:
        """The lane's describer is not open any more, and is about to be opened again."""
        if lane in self._lanes:
            self._lanes[lane].is_open = False

    def rest(self, lane: str, until: float) -> None:
        """The lane's describer cannot answer before `until` (monotonic seconds)."""
        if lane in self._lanes:
            self._lanes[lane].rests_until = until

    def tell(self, fact: Wish | Audio) -> None:
        """From any thread, holding nothing: a wish of the user, or what became of a sound."""
        self._inbox.put(fact)

    def leader(self, now: float, scene: Scene | None) -> str:
        """The lane that narrates; while there is nothing to see for a model, the program's own sight."""
        best = max(self._lanes.values(), key=lambda lane: lane.fitness(now, scene, self._purse), default=None)
        return best.name if best else ""

    def next(self, lane: str, now: float, scene: Scene | None, free_in: float) -> Ask | Wait | Notice:
        """What a lane shall do now, or tell; `free_in` is the time in seconds until the voice falls silent."""
        self._read_inbox(now)
        if scene is None or self._held or lane not in self._lanes:
            return Wait(now + _LONG)
        stale_at = max(scene.frame_at, self._resumed_at) + _STALE_AFTER
        if now > stale_at:
            return self._excuse(now, scene)
        if scene.frame_at < self._resumed_at:
            return Wait(stale_at)
        self._first_seen_at = min(self._first_seen_at, now)
        known = self._noticed[-1][0] if self._noticed else 0
        self._noticed += [(news.number, now) for news in scene.news if news.number > known]
        own, leader = self._lanes[lane], self._lanes[self.leader(now, scene)]
        if own is leader:
            return self._lead(own, now, scene, free_in)
        if own.rank:
            return self._go_ahead(own, leader, now, scene, free_in)
        return self._stand_by(own, leader, now, scene, free_in)

    def opened(self, run: Run) -> bool:
        """The lane opened a run for its last Ask; False when it must not go out, since the narration was held."""
        self._read_inbox(run.started_at)
        self._heard.open(run)
        return not self._held

    def since(self, run: Run) -> tuple[str, ...]:
        """What others told since this run began."""
        return self._heard.since(run)

    def offered(self, run: Run, clause: str, now: float) -> Priority:
        """A clause of this run goes to the voice, with the priority that is returned."""
        told = self._heard.under_way.get(run.id)
        if told is None:
            return run.priority
        own = self._lanes.get(run.lane)
        if own is not None and not told.offered:
            took = now - run.started_at
            own.lead += _LEARNING * (took - own.lead) if own.lead else took
        told.offered.append(clause)
        is_second = told.stood_in_for or self._heard.is_answered_by_another(run)
        return min(run.priority, Priority.NEXT) if is_second else run.priority

    def answered(self, run: Run, now: float) -> None:
        """The run ended; with no clause offered there was nothing to say."""
        self._read_inbox(now)
        told = self._heard.under_way.get(run.id)
        if told is None:
            return
        if told.offered:
            self._last_line = now
        elif run.cancelled and not told.hushed and self._is_wish_left(told):
            self._wished_at = now
        self._ask_again(self._heard.end(run))

    def failed(self, run: Run, now: float, *, is_final: bool = False) -> None:
        """The backend gave up on this run: what it did not come to say is asked for again, elsewhere if `is_final`."""
        told = self._heard.under_way.get(run.id)
        if told is None:
            return
        if told.offered:
            run.cancel()
            self.answered(run, now)
            return
        self._heard.forget(run)
        if is_final and run.lane in self._lanes:
            self._lanes[run.lane].declined = run.scene_revision
        else:
            self._ask_again(run)
        if self._is_wish_left(told):
            self._wished_at, self._wish_failed = now, True

    @property
    def said(self) -> tuple[str, ...]:
        """The last captions that were heard, oldest first."""
        return self._heard.said

    def _is_wish_left(self, told: Told) -> bool:
        """This run was for a wish of the user that nobody else answers."""
        is_wish = told.run.reason is Reason.USER and not told.stood_in_for
        return is_wish and not self._heard.is_wish_asked_elsewhere(told.run)

    def _excuse(self, now: float, scene: Scene) -> Wait | Notice:
        """There is no picture of now: nothing is asked, and who wishes to hear what is there is told why not."""
        if self._wished_at is None:
            return Wait(now + _LONG)
        self._wished_at, self._last_wish, self._wish_failed = None, -inf, False
        age = time_in_words(now - scene.frame_at)
        return Notice(Level.WARNING, f"The last picture is {age} old. Narration goes on as soon as new ones come.")

    def _lead(self, own: Standing, now: float, scene: Scene, free_in: float) -> Ask | Wait:
        if self._wished_at is not None and not (own.sees and self._wish_failed and len(self._lanes) > 1):
            return self._grant(own, now, scene)
        if self.pace.overview and self._needs_overview(own, scene):
            reason = Reason.START if self._heard.overview_of < 0 else Reason.CUT
            last = own.last_overview if own.sees else self._last_line
            due = max(last + self.pace.cut_gap, self._better_awaited(own, now) if reason is Reason.START else now)
            return self._ask_after(due, own, now, scene, reason)
        if self._has_news(own, scene):
            return self._ask_after(self._due(own, now, free_in), own, now, scene, Reason.CHANGE)
        if own.capabilities.heartbeat:
            return self._ask_after(own.last_ask + own.capabilities.heartbeat, own, now, scene, Reason.HEARTBEAT)
        return Wait(now + _LONG)

    def _grant(self, own: Standing, now: float, scene: Scene) -> Ask | Wait:
        """Ask for what the user wishes to hear."""
        assert self._wished_at is not None
        is_ready = own.sees or scene.settled or scene.trouble
        due = now if is_ready else self._wished_at + _SETTLING
        return self._ask_after(due, own, now, scene, Reason.USER, Priority.NOW)

    def _needs_overview(self, own: Standing, scene: Scene) -> bool:
        is_ready = own.declined < scene.revision and (own.sees or scene.settled or self._finishing)
        return is_ready and scene.trouble is None and self._heard.overview_of < scene.revision

    def _better_awaited(self, own: Standing, now: float) -> float:
        """Until when the first words are left to a describer that is still being opened."""
        better = (lane for lane in self._lanes.values() if lane.rank > own.rank and lane.rests_until <= now)
        is_opening = not self._finishing and any(not lane.is_open for lane in better)
        return self._first_seen_at + _PATIENCE if is_opening else now

    def _has_news(self, own: Standing, scene: Scene) -> bool:
        """For a model whatever moved is news; the program's own sight has only what it noticed."""
        if own.sees:
            noticed = any(n.number > own.asked_news and n.kind is not NewsKind.CUT for n in scene.news)
            return noticed or scene.changed_at > own.asked_frame
        return scene.newest_news > self._heard.told_news(own.name)

    def _due(self, own: Standing, now: float, free_in: float) -> float:
        """When to ask for what is new, so that the answer comes as the voice falls silent; after a rest, at once."""
        if own.last_ask < own.rests_until:
            return own.rests_until
        gap = 0.0 if self._finishing else max(self.pace.min_gap, own.capabilities.min_gap)
        if own.is_limited and not self._finishing:
            gap = max(gap, self._purse.gap(is_paid=own.is_paid))
        last = own.last_ask if own.sees else self._last_line
        return max(last + gap, now + free_in - max(self.pace.lead, own.lead))

    def _go_ahead(self, own: Standing, leader: Standing, now: float, scene: Scene, free_in: float) -> Ask | Wait:
        """Answer before the leader, what was cut to, what the user wishes and what is new, unless it spoke already."""
        later = Wait(max(own.rests_until, own.free_at(now, self._purse), now + _CUE_WITHIN))
        if not own.can_lead(now, scene, self._purse) or not own.sees:
            return later
        is_fresh = own.granted < self._last_wish <= now <= self._last_wish + _PATIENCE
        if is_fresh and not self._heard.is_wish_answered(self._last_wish):
            own.granted = self._last_wish
            return self._asked(own, now, scene, Reason.USER, Priority.NOW)
        if self.pace.overview and own.overview_of < scene.revision and self._heard.is_untold(scene.revision):
            reason = Reason.START if own.overview_of < 0 else Reason.CUT
            due = own.last_overview + self.pace.cut_gap
            return Wait(due) if now < due else self._asked(own, now, scene, reason)
        if leader.asked_frame < scene.changed_at and self._has_news(own, scene):
            due = self._due(own, now, free_in)
            return Wait(due) if now < due else self._asked(own, now, scene, Reason.CHANGE)
        return later

    def _stand_by(self, own: Standing, leader: Standing, now: float, scene: Scene, free_in: float) -> Ask | Wait:
        """Tell what the leader leaves unanswered, or cue it in a few words."""
        if self._wished_at is not None and (self._wish_failed or now >= self._wished_at + _PATIENCE):
            return self._grant(own, now, scene)
        silent = [told for told in self._heard.under_way.values() if told.run.lane != own.name and told.is_silent]
        late = next((told for told in silent if now >= told.run.started_at + _PATIENCE), None)
        is_unheard = late is not None and late.run.reason.is_overview and not self._heard.since(late.run)
        if late is not None and is_unheard and not late.stood_in_for and self._is_ready(scene):
            late.stood_in_for = True
            return self._ask_after(now, own, now, scene, late.run.reason, late.run.priority)
        if self.pace.overview and self._needs_overview(own, scene) and self._is_declined(now, scene):
            return self._ask_after(now, own, now, scene, Reason.START if self._heard.overview_of < 0 else Reason.CUT)
        is_free = free_in <= 0 and now >= self._last_line + self.pace.min_gap
        if is_free and self._is_left_untold(own, now, scene, is_late=late is not None):
            return self._ask_after(now, own, now, scene, Reason.CHANGE)
        if is_free and self._may_cue(leader, now, scene):
            return self._ask_after(now, own, now, scene, Reason.CUE)
        waiting = [told.run.started_at for told in silent] + [at for _, at in self._noticed]
        if self._wished_at is not None:
            waiting.append(self._wished_at)
        dues = [self._last_line + self.pace.min_gap, *(since + _PATIENCE for since in waiting)]
        return Wait(min((due for due in dues if due > now), default=now + _LONG))

    def _is_declined(self, now: float, scene: Scene) -> bool:
        """No model that works will describe this scene."""
        working = (lane for lane in self._lanes.values() if lane.rank and lane.can_lead(now, scene, self._purse))
        return all(lane.declined >= scene.revision for lane in working)

    def _is_ready(self, scene: Scene) -> bool:
        return scene.settled or scene.trouble is not None

    def _is_left_untold(self, own: Standing, now: float, scene: Scene, *, is_late: bool) -> bool:
        """News has waited too long: of any kind while an answer is late, else what matters, while the leader waits."""
        told = self._heard.told_news(own.name)
        old = {number for number, at in self._noticed if number > told and now - at >= _PATIENCE}
        return any(news.number in old and (is_late or news.kind in CUED) for news in scene.news)

    def _may_cue(self, leader: Standing, now: float, scene: Scene) -> bool:
        """Something that matters came or went within the last second, and no answer is being spoken."""
        if not (self.pace.cues and leader.sees) or any(told.offered for told in self._heard.under_way.values()):
            return False
        fresh = {number for number, at in self._noticed if now - at <= _CUE_WITHIN and number > self._cued_or_heard}
        return any(news.kind in CUED and news.number in fresh for news in scene.news)

    @property
    def _cued_or_heard(self) -> int:
        cued = (told.run.news_to for told in self._heard.under_way.values() if told.run.reason is Reason.CUE)
        return max([self._heard.news, *cued])

    def _ask_after(
        self,
        due: float,
        own: Standing,
        now: float,
        scene: Scene,
        reason: Reason,
        priority: Priority = Priority.NORMAL,
    ) -> Ask | Wait:
        if now < due:
            return Wait(due)
        ask = self._asked(own, now, scene, reason, priority)
        if reason is Reason.USER:
            self._wished_at, self._wish_failed = None, False
        if reason.is_overview and (own.sees or scene.settled or self._finishing):
            self._heard.overview_of = scene.revision
        return ask

    def _asked(
        self, own: Standing, now: float, scene: Scene, reason: Reason, priority: Priority = Priority.NORMAL
    ) -> Ask:
        """An ask that goes out now, noted with the lane."""
        news_after = self._cued_or_heard if reason is Reason.CUE else self._heard.told_news(own.name)
        own.last_ask, own.asked_news, own.asked_frame = now, scene.newest_news, scene.frame_at
        if reason.is_overview:
            own.last_overview, own.overview_of = now, scene.revision
        return Ask(reason, scene, priority, news_after, self._heard.expected, words(self.pace, scene, reason))

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
            self._wished_at = self._last_wish = now
            self._wish_failed = False
        elif wish is Wish.FINISH:
            self._finishing = True
        elif wish is Wish.HUSH:
            self._heard.hush()
            self._last_wish = -inf
        else:
            self._held = wish is Wish.HOLD
            if self._held:
                self._wished_at, self._last_wish = None, -inf
            else:
                self._resumed_at = now
