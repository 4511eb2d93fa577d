"""Which pictures a model gets: pure, from moments and the backend's own token function.

Older is smaller, and what "smaller" saves is asked of `token_cost`, never guessed from pixels: on some models fewer
pixels cost the same, on some a lower level of detail saves tokens, on some only fewer pictures do.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from narrator.growing import grow
from narrator.layouts import (
    SIDES,
    TILE,
    Limits,
    Planned,
    Shot,
    TokenCost,
    View,
    cost,
    fits,
    fitted,
    shot,
    sides,
    taken,
    tiles_a_sheet,
)
from narrator.messages import Moment
from narrator.seams import Capabilities

__all__ = ["Limits", "Planned", "Shot", "TokenCost", "View", "cost", "fits", "legible_seconds", "plan"]

LEGIBLE = ((3.0, 384), (float("inf"), TILE))
"""Up to which age in seconds a picture must have which longest side to count: what moves is told from the last three
seconds, at a size at which movement is seen; for what was before, a tile does."""
_SEEN = 1.0
"""Seconds before and after a picture for which it tells what happened."""
_ENOUGH = 8.0
"""Seconds of legible history that go before a sharper newest picture; what is beyond them does not."""
_TWIN = 0.5
"""Seconds within which an older picture shows the same as the newest."""
_GAP = 2.0
"""Seconds between older pictures for as long as they reach back far enough; farther back they stand wider apart."""
_LEVEL, _URGENT_LEVEL = 1, 2
"""The level of detail of the newest picture, counted from the cheapest, where a model has so many."""
_MOST_MIDDLE = 2
_MOST_SINGLE = 16


def plan(
    view: View | None,
    moments: Sequence[Moment],
    limits: Limits,
    capabilities: Capabilities,
    token_cost: TokenCost,
    *,
    urgent: bool = False,
    previous: Sequence[Planned] = (),
) -> tuple[Planned, ...]:
    """The pictures of one request, oldest first: the view is the last and always there.

    Of the layouts that keep to `limits` it takes that with the sharpest view and, behind it, the longest legible
    history; `_ENOUGH` s of history go before sharpness, and among equals the cheaper wins. `urgent` (a cut, a question)
    gives the view a level of detail more. `moments` are oldest first; those of another epoch are left out.

    When the view fits in no form, its smallest is sent alone all the same, for without it there is no answer; `fits`
    is False then, and only then. The plan is empty for a describer that takes no pictures and where there is no view.

    A describer with a prefix cache gets `previous`, the layout of its last request, with the view added: see `growing`.
    """
    pictures = min(limits.pictures, capabilities.max_images)
    if view is None or pictures < 1:
        return ()
    limits = replace(limits, pictures=pictures)
    older = [
        moment
        for moment in moments
        if moment.epoch == view.epoch and _TWIN <= view.captured_at - moment.captured_at <= limits.span
    ]
    if capabilities.prefix_cache:
        return grow(previous, view, older, limits, capabilities, token_cost)
    return _Composer(view, older, limits, capabilities, token_cost).best(urgent=urgent)


def legible_seconds(layout: Sequence[Planned], span: float) -> float:
    """How many of the last `span` s a layout lets a model see: those near a picture that is large enough, `LEGIBLE`."""
    if not layout:
        return 0.0
    newest = layout[-1]
    seen = [(newest.captured_at - shot.captured_at, planned.side) for planned in layout for shot in planned.shots]
    total, start = 0.0, 0.0
    for until, side in LEGIBLE:
        ages = sorted(age for age, seen_side in seen if seen_side >= min(side, newest.side))
        total += _union(ages, start, min(until, span))
        start = until
    return total


def _union(ages: Sequence[float], start: float, end: float) -> float:
    """Seconds between `start` and `end` that lie near one of the rising ages."""
    total = 0.0
    for age in ages:
        stop = min(age + _SEEN, end)
        start = max(start, age - _SEEN)
        total += max(0.0, stop - start)
        start = max(start, stop)
    return total


@dataclass(frozen=True, slots=True)
class _Shape:
    """How many older pictures: single ones of the middle and of the smallest size, and contact sheets behind them."""

    middle: int = 0
    small: int = 0
    sheets: int = 0


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A layout, and what is compared: whole seconds of legible history, then tokens, then pictures."""

    layout: tuple[Planned, ...]
    seconds: int
    tokens: int

    @property
    def rank(self) -> tuple[int, int, int]:
        return self.seconds, -self.tokens, -len(self.layout)


class _Composer:
    """Makes the candidates for one request and picks the best."""

    def __init__(
        self, view: View, older: Sequence[Moment], limits: Limits, capabilities: Capabilities, token_cost: TokenCost
    ) -> None:
        self._view, self._limits, self._capabilities, self._token_cost = view, limits, capabilities, token_cost
        self._older = older[::-1]
        self._ages = [view.captured_at - moment.captured_at for moment in self._older]
        self._tiles = tiles_a_sheet(capabilities.full_side)

    def best(self, *, urgent: bool) -> tuple[Planned, ...]:
        """The best layout behind the sharpest newest picture that leaves room for enough history."""
        best: _Candidate | None = None
        enough = min(round(_ENOUGH), round(_union([0.0, *self._ages], 0.0, self._limits.span)))
        for newest in self._forms(urgent=urgent):
            candidate = max(self._candidates(newest), key=lambda candidate: candidate.rank)
            if best is None or min(enough, candidate.seconds) > best.seconds:
                best = candidate
            if best.seconds >= enough:
                break
        return best.layout if best else (self._smallest(),)

    def _smallest(self) -> Planned:
        return taken(self._view, sides(self._view, self._capabilities.full_side)[-1], self._capabilities.details[0])

    def _forms(self, *, urgent: bool) -> Iterator[Planned]:
        """The newest picture in each form that fits alone, the sharpest first.

        A smaller side that costs as much as a larger one is only worth its bytes, so it is left out unless it is also
        as cheap as any: with the rule of 258-pixel tiles that leaves 384 px and the whole picture, nothing between.
        """
        details = self._capabilities.details[: 1 + (_URGENT_LEVEL if urgent else _LEVEL)]
        wanted = sides(self._view, self._capabilities.full_side)
        for place, side in enumerate(wanted):
            for detail in reversed(details):
                prices = [self._token_cost(*fitted(self._view.width, self._view.height, s), detail) for s in wanted]
                price = prices[place]
                if price > self._limits.tokens or (price >= min(prices[:place], default=price + 1) > min(prices)):
                    continue
                newest = taken(self._view, side, detail)
                if newest.bytes <= self._limits.bytes:
                    yield newest

    def _candidates(self, newest: Planned) -> Iterator[_Candidate]:
        """Layouts that fit, one family after the other; a family ends where it has nothing to add or does not fit."""
        yield self._judged((newest,))
        for family in self._families():
            last = 1
            for shape in family:
                layout = (*self._behind(newest, shape), newest)
                if sum(len(planned.shots) for planned in layout) <= last or not self._fits(layout):
                    break
                last = sum(len(planned.shots) for planned in layout)
                yield self._judged(layout)

    def _families(self) -> Iterator[Iterator[_Shape]]:
        """Series of shapes, each larger than the one before."""
        room = self._limits.pictures - 1
        for middle in range(min(_MOST_MIDDLE, room) + 1 if self._tiles else 0):
            yield (_Shape(middle, 0, sheets) for sheets in range(1, room - middle + 1))
        singles = range(1, min(room, _MOST_SINGLE) + 1)
        yield (_Shape(min(count, _MOST_MIDDLE), max(0, count - _MOST_MIDDLE)) for count in singles)

    def _fits(self, layout: Sequence[Planned]) -> bool:
        return fits(layout, self._limits, self._token_cost)

    def _judged(self, layout: tuple[Planned, ...]) -> _Candidate:
        return _Candidate(layout, round(legible_seconds(layout, self._limits.span)), cost(layout, self._token_cost))

    def _behind(self, newest: Planned, shape: _Shape) -> tuple[Planned, ...]:
        """The older pictures of a shape, oldest first: sheets, small ones, those of the middle size."""
        detail = self._capabilities.details[0] if self._capabilities.per_image_detail else newest.detail
        chosen = self._chosen(shape.middle, shape.small + shape.sheets * self._tiles)
        single = shape.middle + shape.small
        older = [
            Planned((self._single(moment, SIDES[1] if place < shape.middle else SIDES[2], newest),), detail)
            for place, moment in enumerate(chosen[:single])
        ]
        tiles = [shot(moment, SIDES[-1]) for moment in chosen[single:]]
        starts = range(0, len(tiles), max(1, self._tiles))
        older += [Planned(tuple(reversed(tiles[start : start + self._tiles])), detail) for start in starts]
        return tuple(reversed([planned for planned in older if planned.side <= newest.side]))

    def _single(self, moment: Moment, side: int, newest: Planned) -> Shot:
        """The moment at a side, or at the middle size where that costs no more."""
        smaller = shot(moment, min(side, newest.side))
        larger = shot(moment, min(SIDES[1], newest.side))
        prices = [self._token_cost(one.picture.width, one.picture.height, newest.detail) for one in (smaller, larger)]
        return larger if prices[1] <= prices[0] else smaller

    def _chosen(self, single: int, tiles: int) -> list[Moment]:
        """The moments nearest to the wanted ages, the newest first, none twice."""
        wanted = [place + 1.0 for place in range(single)] + _spread(float(single), tiles, self._limits.span)
        places = {self._nearest(age) for age in wanted} if self._older else set()
        return [self._older[place] for place in sorted(places)]

    def _nearest(self, age: float) -> int:
        place = bisect_left(self._ages, age)
        if place == len(self._ages) or (place and age - self._ages[place - 1] <= self._ages[place] - age):
            return place - 1
        return place


def _spread(start: float, count: int, span: float) -> list[float]:
    """Ages from `start` to `span` s: evenly `_GAP` apart or closer when they reach, else ever wider apart."""
    if not count:
        return []
    gap = min(_GAP, (span - start) / count)
    widening = (span - start - gap * count) / (count * count)
    return [start + gap * place + widening * place * place for place in range(1, count + 1)]
