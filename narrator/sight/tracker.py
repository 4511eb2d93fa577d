"""Follows detections from picture to picture: greedy matching to predicted boxes, and a vote on each track's class.

Pure: boxes, times and the test for movement come in as arguments.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from narrator.messages import Box, Track
from narrator.sight.labels import EVERYDAY, SELDOM, family
from narrator.sight.objects import Detection, inside, overlap

Moved = Callable[[Box, float], float]
"""The share of a box's area that changed since a time in seconds."""

_SURE, _LIKELY, _SELDOM_SURE = 0.5, 0.4, 0.6
_SURE_HITS, _LIKELY_HITS, _OF_LAST = 2, 3, 5
_COAST, _LEAST_MISSES = 0.9, 3
"""A track that is not found stays in the scene this long, in seconds and in looks."""
_REMEMBERED = 4.0
"""A track lost in mid-picture may come back this long without being news."""
_HELD = 30.0
"""A track that is not found where no pixel changed is held this long: the detector blinked."""
_STIRRED = 0.12
"""The share of its box that changes when a thing itself moves or arrives."""
_EDGE = 0.015
_AHEAD = 0.6
_SMOOTHING = 0.5
_PATH = 3.0


@dataclass(slots=True)
class Trail:
    """A thing that is followed: all that is known of it, changed by `Tracker` only."""

    id: int
    box: Box
    seen_at: float
    born_at: float
    stirred: bool
    """It moved or arrived: its box changed, which tells it from a thing that the detector had overlooked."""
    speed_x: float = 0.0
    speed_y: float = 0.0
    misses: int = 0
    interval: float = 0.2
    score: float = 0.0
    votes: dict[str, float] = field(default_factory=dict)
    hits: deque[float] = field(default_factory=lambda: deque(maxlen=_OF_LAST))
    path: deque[tuple[float, Box]] = field(default_factory=deque)
    confirmed_at: float | None = None
    entered_from: str = ""
    colour: str = ""
    shown: bool = False
    """It is part of the scene now."""

    @property
    def label(self) -> str:
        """The score-weighted majority over its life."""
        return max(self.votes, key=lambda name: self.votes[name])

    def predicted(self, at: float) -> Box:
        """Where it should be, for at most a second ahead."""
        return shifted(self.box, self.speed_x * min(at - self.seen_at, 1.0), self.speed_y * min(at - self.seen_at, 1.0))

    def snapshot(self) -> Track:
        return Track(self.id, self.label, round(self.score, 3), self.box, self.colour, self.entered_from)


@dataclass(frozen=True, slots=True)
class Turnover:
    """What an update changed: who is new in the scene, and who is gone, each with the edge it left over or ""."""

    new: tuple[Trail, ...] = ()
    gone: tuple[tuple[Trail, str], ...] = ()


class Tracker:
    """Holds the trails of one scene."""

    def __init__(self) -> None:
        self._trails: list[Trail] = []
        self._last_id = 0
        self._updated_at: float | None = None

    def reset(self) -> None:
        """Another scene: forget everything; ids go on."""
        self._trails.clear()
        self._updated_at = None

    @property
    def trails(self) -> tuple[Trail, ...]:
        """What is in the scene now, oldest first."""
        return tuple(trail for trail in self._trails if trail.shown)

    def shift(self, right: float, down: float) -> None:
        """The camera turned: everything moved this far, in picture widths and heights."""
        for trail in self._trails:
            trail.box = shifted(trail.box, right, down)
            trail.path = deque((at, shifted(box, right, down)) for at, box in trail.path)

    def update(self, detections: Sequence[Detection], at: float, moved: Moved) -> Turnover:
        """Take what was found in a picture of the time `at` (s)."""
        interval = at - self._updated_at if self._updated_at is not None else 0.2
        self._updated_at = at
        free = _one_of_a_family(detections)
        for trail, detection in _pairs(self._trails, free, at):
            free.remove(detection)
            _follow(trail, detection, at, interval, moved)
        for trail in self._trails:
            if trail.seen_at < at:
                trail.misses += 1
                trail.hits.append(0.0)
        for detection in free:
            self._begin(detection, at, interval, moved)
        new = tuple(trail for trail in self._trails if _joins(trail, at))
        gone = tuple(self._leaving(at, moved))
        return Turnover(new, gone)

    def _begin(self, detection: Detection, at: float, interval: float, moved: Moved) -> None:
        self._last_id += 1
        stirred = moved(detection.box, at - max(1.0, interval)) >= _STIRRED
        trail = Trail(self._last_id, detection.box, at, at, stirred, interval=interval)
        _count(trail, detection, stirred)
        trail.path.append((at, detection.box))
        self._trails.append(trail)

    def _leaving(self, at: float, moved: Moved) -> Iterable[tuple[Trail, str]]:
        for trail in tuple(self._trails):
            if not trail.misses:
                continue
            missing = at - trail.seen_at
            edge = _edge_ahead(trail) if trail.misses >= 2 and missing >= 0.35 else ""
            if trail.confirmed_at is None:
                if trail.misses >= 2 and missing >= 0.3:
                    self._trails.remove(trail)
            elif edge:
                self._trails.remove(trail)
                yield trail, edge
            elif missing > _HELD:
                self._trails.remove(trail)
            elif not self._may_be_back(trail, missing, moved):
                self._trails.remove(trail)
                yield trail, ""

    def _may_be_back(self, trail: Trail, missing: float, moved: Moved) -> bool:
        if moved(trail.box, trail.seen_at) < _STIRRED / 2:
            return True
        if missing > _COAST and trail.misses >= _LEAST_MISSES:
            trail.shown = False
        return missing <= _REMEMBERED or trail.misses < _LEAST_MISSES


def shifted(box: Box, right: float, down: float) -> Box:
    """The box moved by parts of the picture."""
    return Box(box.left + right, box.top + down, box.right + right, box.bottom + down)


def _one_of_a_family(detections: Sequence[Detection]) -> list[Detection]:
    """One thing is not a car and a truck: of boxes that nearly coincide the surest is kept."""
    kept: list[Detection] = []
    for found in sorted(detections, key=lambda found: -found.score):
        relatives = [other for other in kept if family(other.label) == family(found.label)]
        if not any(overlap(found.box, other.box) >= 0.6 or _is_part(found, other) for other in relatives):
            kept.append(found)
    return kept


def _is_part(found: Detection, other: Detection) -> bool:
    """An arm inside a person is not a second person, unless it is nearly as sure a find."""
    return found.score < min(_SELDOM_SURE, other.score - 0.1) and inside(found.box, other.box) > 0.85


def _pairs(trails: Sequence[Trail], detections: Sequence[Detection], at: float) -> list[tuple[Trail, Detection]]:
    """The best matches, each trail and each detection at most once."""
    candidates = [
        (score, index, number)
        for index, trail in enumerate(trails)
        for number, found in enumerate(detections)
        if (score := _likeness(trail, found, at)) is not None
    ]
    pairs: list[tuple[Trail, Detection]] = []
    used_trails, used_detections = set[int](), set[int]()
    for _, index, number in sorted(candidates, reverse=True):
        if index not in used_trails and number not in used_detections:
            used_trails.add(index)
            used_detections.add(number)
            pairs.append((trails[index], detections[number]))
    return pairs


def _likeness(trail: Trail, found: Detection, at: float) -> float | None:
    """How well a detection continues a trail, higher is better; None when it cannot."""
    expected = trail.predicted(at)
    shared = overlap(expected, found.box)
    relation = _relation(trail, found, shared)
    if relation is None or not 0.4 < _ratio(found.box.height, expected.height) < 2.5:
        return None
    size = max(expected.width, expected.height, found.box.width, found.box.height)
    apart = _distance(expected, found.box) / max(size, 1e-6)
    elapsed = min(at - trail.seen_at, 1.5)
    if shared < 0.2 and apart > 0.35 + 0.9 * elapsed:
        return None
    return shared - 0.5 * apart + relation - 0.1 * elapsed


def _relation(trail: Trail, found: Detection, shared: float) -> float | None:
    if found.label in trail.votes:
        return 0.2
    if family(found.label) == family(trail.label):
        return 0.1
    return 0.0 if shared > 0.7 and "person" not in (found.label, trail.label) else None


def _follow(trail: Trail, found: Detection, at: float, interval: float, moved: Moved) -> None:
    elapsed = max(at - trail.seen_at, 1e-3)
    stirs = moved(found.box, trail.seen_at) >= _STIRRED
    _steer(trail, found.box, elapsed)
    trail.box, trail.seen_at, trail.misses, trail.interval = found.box, at, 0, interval
    trail.path.append((at, found.box))
    while trail.path[0][0] < at - _PATH:
        trail.path.popleft()
    trail.shown = trail.confirmed_at is not None
    _count(trail, found, stirs)


def _steer(trail: Trail, box: Box, elapsed: float) -> None:
    """Exponential smoothing of the speed, in picture widths and heights a second."""
    share = 1.0 if len(trail.path) == 1 else _SMOOTHING
    trail.speed_x += share * (_step(trail.box.left, trail.box.right, box.left, box.right) / elapsed - trail.speed_x)
    trail.speed_y += share * (_step(trail.box.top, trail.box.bottom, box.top, box.bottom) / elapsed - trail.speed_y)


def _step(low: float, high: float, new_low: float, new_high: float) -> float:
    """How far an interval moved; an end that is cut off by the picture's edge says nothing."""
    if min(low, new_low) < _EDGE and max(high, new_high) < 1 - _EDGE:
        return new_high - high
    if max(high, new_high) > 1 - _EDGE and min(low, new_low) > _EDGE:
        return new_low - low
    return (new_low + new_high - low - high) / 2


def _count(trail: Trail, found: Detection, stirs: bool) -> None:
    """Remember a hit. A middling score counts only where something stirs: a second look at the same is no proof."""
    trail.votes[found.label] = trail.votes.get(found.label, 0.0) + found.score
    trail.score += (found.score - trail.score) * (0.3 if trail.score else 1.0)
    counts = found.score >= _SURE or (found.score >= _LIKELY and stirs and found.label in EVERYDAY)
    trail.hits.append(found.score if counts else 0.0)


def _joins(trail: Trail, at: float) -> bool:
    """Confirm a trail whose hits suffice; True in the moment it joins the scene."""
    if trail.confirmed_at is not None or trail.seen_at < at:
        return False
    sure = _SELDOM_SURE if trail.label in SELDOM and not _travelled(trail) else _SURE
    likely = _SELDOM_SURE if trail.label in SELDOM else _LIKELY
    enough = sum(hit >= sure for hit in trail.hits) >= _SURE_HITS
    if not enough and sum(hit >= likely for hit in trail.hits) < _LIKELY_HITS:
        return False
    trail.confirmed_at, trail.shown = at, True
    trail.entered_from = _edge_behind(trail)
    return True


def _travelled(trail: Trail) -> bool:
    """It went further than its own size, which a stain or a stone does not."""
    first = trail.path[0][1]
    return _distance(first, trail.box) > max(first.width, first.height)


def _edge_behind(trail: Trail) -> str:
    """The edge that it came in over: its first box, moved back to the look before, touches it."""
    back = -max(_AHEAD, trail.interval)
    return _edge(trail.path[0][1], trail.speed_x * back, trail.speed_y * back) if trail.stirred else ""


def _edge_ahead(trail: Trail) -> str:
    ahead = max(_AHEAD, trail.interval)
    return _edge(trail.box, trail.speed_x * ahead, trail.speed_y * ahead)


def _edge(box: Box, right: float, down: float) -> str:
    """The edge that a box touches when it moves so; a box that moves away from an edge does not touch it."""
    if box.left + min(right, 0) <= _EDGE and right <= 0.01 and box.right < 1 - _EDGE:
        return "left"
    if box.right + max(right, 0) >= 1 - _EDGE and right >= -0.01 and box.left > _EDGE:
        return "right"
    if box.top + min(down, 0) <= _EDGE and down < -0.02 and box.bottom < 1 - _EDGE:
        return "top"
    if box.bottom + max(down, 0) >= 1 - _EDGE and down > 0.02 and box.top > _EDGE:
        return "bottom"
    return ""


def _distance(a: Box, b: Box) -> float:
    return float(((a.centre_x - b.centre_x) ** 2 + (a.centre_y - b.centre_y) ** 2) ** 0.5)


def _ratio(a: float, b: float) -> float:
    return a / b if b > 0 else 1.0
