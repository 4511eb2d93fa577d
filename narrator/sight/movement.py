"""Turns what the tracker follows into news worth telling: who comes, who goes, who moves where. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import exp, log

from narrator.messages import Box, NewsKind, Track
from narrator.sight.labels import family
from narrator.sight.objects import overlap
from narrator.sight.tracker import Trail, Turnover, shifted

_FEW, _SEVERAL = 2, 4
_GAP_SEVERAL, _GAP_CROWD = 3.0, 10.0
"""Least seconds between two comings or goings of one kind, with up to `_SEVERAL` of it and with more."""
_MOTION_GAP, _MOTION_GAP_OF_ONE = 4.0, 8.0
_NEAR = 0.45
"""Height from which one of a crowd is told of by itself."""
_LEAST_STAY = 1.5
_WINDOW, _LEAST_SPAN = 2.2, 1.5
_LEAST_WAY, _WAY_IN_WIDTHS, _STANDS = 0.10, 0.5, 0.03
_GROWTH, _STEADY = 1.22, 1.07
"""How much larger or smaller in 2 s is coming closer or going away, and what is neither."""
_LEAST_FIT = 0.8
_LEAST_SIZE = 0.15
_EDGE = 0.015
_JUST_CAME = 4.0

Item = tuple[NewsKind, Track]
_WAYS = {NewsKind.MOVES_LEFT, NewsKind.MOVES_RIGHT}


@dataclass(slots=True)
class _Course:
    """How one trail moves, and when its movement was last told."""

    sideways: NewsKind | None = None
    in_depth: NewsKind | None = None
    told_at: float = float("-inf")


class Movement:
    """Remembers, for one scene, what was told of each trail and each kind: a crowd stays tellable."""

    def __init__(self) -> None:
        self._courses: dict[int, _Course] = {}
        self._turnover_at: dict[str, float] = {}
        self._motion_at: dict[str, float] = {}

    def notice(
        self, turnover: Turnover, trails: Sequence[Trail], at: float, *, telling: bool, turning: bool
    ) -> list[Item]:
        """The news of one update. With `telling` False all of it is known already; `turning`: the camera moves."""
        for trail, _ in turnover.gone:
            self._courses.pop(trail.id, None)
        items: list[Item] = []
        if telling:
            came = [trail for trail in turnover.new if self._comes(trail, trails, at)]
            items += [(NewsKind.APPEARED, trail.snapshot()) for trail in came]
        if telling and not turning:
            went = [(trail, edge) for trail, edge in turnover.gone if self._goes(trail, edge, trails, at)]
            items += [(NewsKind.LEFT, _at_edge(trail, edge)) for trail, edge in went]
        for trail in trails:
            items += self._moves(trail, trails, at, quiet=turning or not telling)
        return items

    def _comes(self, trail: Trail, trails: Sequence[Trail], at: float) -> bool:
        if not trail.stirred:
            return False
        others = [other for other in trails if other is not trail and family(other.label) == family(trail.label)]
        if not trail.entered_from and (len(others) >= _FEW or any(_touch(trail.box, other.box) for other in others)):
            return False
        return self._is_due(trail.label, len(others) + 1, at)

    def _goes(self, trail: Trail, edge: str, trails: Sequence[Trail], at: float) -> bool:
        if trail.seen_at - trail.born_at < _LEAST_STAY:
            return False
        others = [other for other in trails if family(other.label) == family(trail.label)]
        if not edge and (len(others) >= _FEW or any(_touch(trail.box, other.box) for other in others)):
            return False
        return self._is_due(trail.label, len(others) + 1, at)

    def _is_due(self, label: str, count: int, at: float) -> bool:
        gap = 0.0 if count <= _FEW else _GAP_SEVERAL if count <= _SEVERAL else _GAP_CROWD
        if at - self._turnover_at.get(label, float("-inf")) < gap:
            return False
        self._turnover_at[label] = at
        return True

    def _moves(self, trail: Trail, trails: Sequence[Trail], at: float, *, quiet: bool) -> Iterator[Item]:
        course = self._courses.setdefault(trail.id, _Course())
        path = [(time, box) for time, box in trail.path if time >= at - _WINDOW]
        if trail.seen_at < at or path[-1][0] - path[0][0] < _LEAST_SPAN:
            return
        before = (course.sideways, course.in_depth)
        course.sideways = _sideways(path, course.sideways)
        course.in_depth = _in_depth(path, course.in_depth)
        fresh = course.in_depth if course.in_depth not in (None, before[1]) else None
        fresh = fresh or (course.sideways if course.sideways not in (None, before[0]) else None)
        if fresh and not quiet and not _expected(trail, fresh, at) and self._may_tell(trail, trails, course, at):
            course.told_at = self._motion_at[trail.label] = at
            yield fresh, trail.snapshot()

    def _may_tell(self, trail: Trail, trails: Sequence[Trail], course: _Course, at: float) -> bool:
        count = sum(other.label == trail.label for other in trails)
        if count > _SEVERAL - 1 and trail.box.height < _NEAR:
            return False
        recent = at - self._motion_at.get(trail.label, float("-inf")) < _MOTION_GAP
        return not recent and at - course.told_at >= _MOTION_GAP_OF_ONE


def _expected(trail: Trail, kind: NewsKind, at: float) -> bool:
    """Who just came in over an edge goes on that way: nobody needs to hear it."""
    came = trail.confirmed_at is not None and at - trail.confirmed_at < _JUST_CAME
    return came and (trail.entered_from != "" and kind in _WAYS)


def _sideways(path: Sequence[tuple[float, Box]], now: NewsKind | None) -> NewsKind | None:
    first, last = path[0][1], path[-1][1]
    if _cut_sideways(first) or _cut_sideways(last):
        return now
    way = last.centre_x - first.centre_x
    if abs(way) >= max(_LEAST_WAY, _WAY_IN_WIDTHS * last.width):
        return NewsKind.MOVES_RIGHT if way > 0 else NewsKind.MOVES_LEFT
    return None if abs(way) < _STANDS else now


def _in_depth(path: Sequence[tuple[float, Box]], now: NewsKind | None) -> NewsKind | None:
    sizes = _sizes([box for _, box in path])
    if sizes is None or max(sizes) < _LEAST_SIZE:
        return now
    slope, fit = _line([time for time, _ in path], [log(size) for size in sizes])
    growth = exp(2 * slope)
    if fit >= _LEAST_FIT and growth >= _GROWTH:
        return NewsKind.COMES_CLOSER
    if fit >= _LEAST_FIT and growth <= 1 / _GROWTH:
        return NewsKind.GOES_AWAY
    return None if 1 / _STEADY < growth < _STEADY else now


def _sizes(boxes: Sequence[Box]) -> list[float] | None:
    """Heights, or widths where the picture's edge cuts the heights; None where both are cut."""
    if all(box.top > _EDGE and box.bottom < 1 - _EDGE for box in boxes):
        return [max(box.height, 1e-3) for box in boxes]
    if any(_cut_sideways(box) for box in boxes):
        return None
    return [max(box.width, 1e-3) for box in boxes]


def _line(times: Sequence[float], values: Sequence[float]) -> tuple[float, float]:
    """Least squares: the slope, and the share of the variance that the line explains."""
    mean_t, mean_v = sum(times) / len(times), sum(values) / len(values)
    tt = sum((t - mean_t) ** 2 for t in times)
    vv = sum((v - mean_v) ** 2 for v in values)
    tv = sum((t - mean_t) * (v - mean_v) for t, v in zip(times, values, strict=True))
    return (tv / tt, tv * tv / (tt * vv)) if tt > 0 and vv > 1e-9 else (0.0, 0.0)


def _cut_sideways(box: Box) -> bool:
    return box.left <= _EDGE or box.right >= 1 - _EDGE


def _touch(a: Box, b: Box) -> bool:
    """They overlap, or are less than half a width apart: one may hide the other."""
    wider = Box(a.left - a.width / 2, a.top, a.right + a.width / 2, a.bottom)
    return overlap(wider, b) > 0


def _at_edge(trail: Trail, edge: str) -> Track:
    """The trail as it left: with its box at the edge, which tells where."""
    box = trail.box
    ways = {
        "left": (-box.left, 0.0),
        "right": (1 - box.right, 0.0),
        "top": (0.0, -box.top),
        "bottom": (0.0, 1 - box.bottom),
    }
    return replace(trail.snapshot(), box=shifted(box, *ways.get(edge, (0.0, 0.0))))
