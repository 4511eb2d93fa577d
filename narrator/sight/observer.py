"""Puts together what sight notices: one frame after the other goes in, Scenes with their news come out."""

from collections import deque
from collections.abc import Callable, Set
from dataclasses import dataclass, field

from narrator.messages import Change, Frame, News, NewsKind, Scene, TextLine, Track, Trouble
from narrator.sight.change import ChangeDetector
from narrator.sight.light import Light
from narrator.sight.text import TextMemory
from narrator.sight.things import Finder, Things
from narrator.sight.trouble import INTERVAL, TroubleWatch

AskText = Callable[[Frame, int], None]
"""Hands a frame, with the revision of its scene, to the text reader."""

_NEWS_KEPT = 40
_BUSY_AFTER_CHANGE = 3.0
_FIRST_LOOKS, _FIRST_GAP = 4, 0.1
_FIRST_READS, _READ_AGAIN = 2, 0.25
_SETTLES_AFTER, _SETTLES_BY, _FIRST_SETTLES_BY, _EMPTY_SETTLES_BY = 0.3, 1.0, 1.2, 4.0
"""Seconds after which a scene may be told of, and must be; at the start the text reader is still being loaded, and when
nothing else is there to be told, it is worth waiting for."""
_DIMMED = 0.1
_NEVER = float("-inf")


@dataclass(frozen=True, slots=True)
class Pace:
    """How often to look, in looks a second; the least time between two readings, in s; what is never told of."""

    moving: float = 5.0
    still: float = 1.0
    text_gap: float = 2.0
    muted: Set[str] = frozenset()


@dataclass(slots=True)
class _Stay:
    """What holds for one scene and ends with it."""

    began_at: float
    moved_at: float
    light: Light = field(default_factory=Light)
    scheduled_at: float = _NEVER
    looks: int = 0
    reads: int = 0
    read_at: float = _NEVER
    is_reading: bool = False
    moved_since_read: bool = False
    settled: bool = False


class Observer:
    """All of sight but its threads. `finder` None: no things are looked for; `ask_text` None: no text is read."""

    def __init__(self, finder: Finder | None, ask_text: AskText | None, *, live: bool = False) -> None:
        self._things = Things(finder) if finder else None
        self._ask_text = ask_text
        self._live = live
        self._memory = TextMemory()
        self._news: deque[News] = deque(maxlen=_NEWS_KEPT)
        self._told = 0
        self._revision = -1
        self._frame: Frame | None = None
        self._changed_at = _NEVER
        self._dirty = False
        self.looks = 0
        """How often it looked for things so far."""

    @property
    def revision(self) -> int:
        """The number of the scene, from 0."""
        return self._revision

    def see(self, frame: Frame, at: float, pace: Pace) -> Scene | None:
        """Look at a frame at the time `at` (s), again when it is the last one: the Scene when it is worth reading."""
        last, self._frame = self._frame, frame
        if last is None or frame.epoch != last.epoch:
            self._begin_epoch(at)
        if frame is not last:
            self._look_for_change(frame, at)
        if self._look.change is not Change.CUT:
            if frame is not last:
                self._look_for_trouble(frame, at)
                self._look_at_light(at)
            self._look_for_things(frame, at, pace)
            self._look_for_text(frame, at, pace)
            self._settle(at)
        return self._scene()

    def take_text(self, revision: int, lines: tuple[TextLine, ...], at: float) -> Scene | None:
        """What the reader found in a frame of the scene `revision`: the Scene when it is worth reading."""
        if revision != self._revision:
            return None
        self._stay.is_reading = False
        self._stay.reads += 1
        self._stay.read_at = at
        if not self._trouble:
            before = self._memory.lines
            self._memory.take(lines)
            self._dirty |= self._memory.lines != before
            fresh = self._memory.news(at)
            if fresh and self._stay.settled:
                self._tell(NewsKind.TEXT, at, text=fresh)
        self._settle(at)
        return self._scene()

    def stop_reading(self) -> None:
        """There is no text reader any more."""
        self._ask_text = None

    def _begin_epoch(self, at: float) -> None:
        """The source began anew: nothing is compared with what was before."""
        self._change = ChangeDetector()
        self._trouble_watch = TroubleWatch(live=self._live)
        self._trouble: Trouble | None = None
        self._trouble_due, self._trouble_light = _NEVER, 0.0
        self._begin(at)

    def _begin(self, at: float) -> None:
        """Another scene: what was followed is forgotten, without a word."""
        self._revision += 1
        self._stay = _Stay(at, at)
        self._memory.clear()
        if self._things:
            self._things.begin()
        self._dirty = True

    def _look_for_change(self, frame: Frame, at: float) -> None:
        self._look = self._change.look(frame.pixels, at)
        if self._look.change is not Change.STATIC:
            self._changed_at = frame.captured_at
        if self._look.change is Change.CUT:
            self._begin(at)
        elif self._look.change is Change.CHANGING:
            self._stay.moved_at, self._stay.moved_since_read = at, True

    def _look_for_trouble(self, frame: Frame, at: float) -> None:
        dimmed = abs(self._look.brightness - self._trouble_light) > _DIMMED
        if at < self._trouble_due and not dimmed:
            return
        self._trouble_due, self._trouble_light = at + INTERVAL, self._look.brightness
        before, self._trouble = self._trouble, self._trouble_watch.look(frame.pixels, at)
        if self._trouble is before:
            self._dirty |= self._trouble is not None  # nothing else shows then that pictures still come
            return
        if before not in (None, Trouble.FROZEN) or self._trouble not in (None, Trouble.FROZEN):
            self._begin(at)
        if self._trouble:
            self._tell(NewsKind.TROUBLE, at, trouble=self._trouble)
        else:
            self._tell(NewsKind.CLEAR, at, trouble=before)

    def _look_at_light(self, at: float) -> None:
        kind = self._stay.light.notice(self._look.brightness, at)
        if kind and self._sees_well and self._stay.settled:
            self._tell(kind, at)

    def _look_for_things(self, frame: Frame, at: float, pace: Pace) -> None:
        stay = self._stay
        elapsed, interval = at - stay.scheduled_at, self._interval(at, pace)
        if elapsed < interval or not self._sees_well:
            return
        # the beat is kept when one look is late, and begins anew after a longer gap
        stay.scheduled_at = stay.scheduled_at + interval if elapsed < 2 * interval else at
        stay.looks += 1
        self.looks += 1
        self._dirty = True
        if self._things:
            self._things.turn(*self._change.turned(), at)
            for kind, track in self._things.look(frame, at, self._change.moved, pace.muted, telling=stay.settled):
                self._tell(kind, at, track=track)

    def _interval(self, at: float, pace: Pace) -> float:
        if self._stay.looks < _FIRST_LOOKS:
            return _FIRST_GAP
        return 1 / (pace.moving if at - self._stay.moved_at < _BUSY_AFTER_CHANGE else pace.still)

    def _look_for_text(self, frame: Frame, at: float, pace: Pace) -> None:
        stay = self._stay
        if self._ask_text is None or stay.is_reading or not self._sees_well:
            return
        if stay.reads >= _FIRST_READS:
            due = (stay.moved_since_read or self._memory.unsure) and at - stay.read_at >= pace.text_gap
        else:
            due = at - stay.read_at >= _READ_AGAIN
        if due:
            stay.is_reading, stay.moved_since_read = True, False
            self._ask_text(frame, self._revision)

    def _settle(self, at: float) -> None:
        """The scene may be told of once things were looked for, and text too, unless that takes long."""
        stay, age = self._stay, at - self._stay.began_at
        if stay.settled or not self._sees_well or not stay.looks:
            return
        looked = self._things is None or stay.looks >= _FIRST_LOOKS
        read = self._ask_text is None or stay.reads >= _FIRST_READS
        if age >= self._settles_by or (looked and read and age >= _SETTLES_AFTER):
            stay.settled = self._dirty = True
            if self._revision:
                self._tell(NewsKind.CUT, at)

    @property
    def _settles_by(self) -> float:
        if self._revision:
            return _SETTLES_BY
        return _FIRST_SETTLES_BY if self._things and self._things.tracks else _EMPTY_SETTLES_BY

    @property
    def _sees_well(self) -> bool:
        return self._trouble is None and not self._trouble_watch.suspects

    def _tell(
        self,
        kind: NewsKind,
        at: float,
        *,
        track: Track | None = None,
        text: tuple[TextLine, ...] = (),
        trouble: Trouble | None = None,
    ) -> None:
        self._told += 1
        self._news.append(News(self._told, at, kind, track, text, trouble))
        self._dirty = True

    def _scene(self) -> Scene | None:
        if not self._dirty or self._frame is None:
            return None
        self._dirty = False
        return Scene(
            self._revision,
            self._frame.captured_at,
            self._frame.media_t,
            self._frame.epoch,
            self._look.change,
            self._things.tracks if self._things else (),
            self._memory.lines,
            round(self._look.brightness, 3),
            self._trouble,
            tuple(self._news),
            self._stay.settled,
            self._changed_at,
        )
