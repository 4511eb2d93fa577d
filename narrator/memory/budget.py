"""Which pictures a model gets: pure, from moments and the backend's own token function.

Older is smaller, and what "smaller" saves is asked of `token_cost`, never guessed from pixels: on some models fewer
pixels cost the same, on some a lower level of detail saves tokens, on some only fewer pictures do.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from narrator.memory.film import film
from narrator.memory.growing import grow
from narrator.memory.layouts import (
    SIDES,
    TILE,
    Limits,
    Planned,
    Shot,
    TokenCost,
    View,
    alone,
    cost,
    fits,
    fitted,
    sheet,
    shot,
    sides,
    taken,
    tiles_a_sheet,
)
from narrator.messages import Moment
from narrator.seams import Capabilities

__all__ = ["Limits", "Planned", "Shot", "TokenCost", "View", "cost", "fits", "legible_seconds", "plan"]

LEGIBLE = ((3.0, 384), (float("inf"), TILE))
"""Up to which age in seconds a picture must have which longest side to count, or half the newest's where that is less:
what moves is told from the last three seconds, at a size at which it is seen; for what was before, a tile does."""
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

    A describer that watches a video gets frames of one size: see `film`. One with a prefix cache gets `previous`, the
    layout of its last request, with the view added: see `growing`.
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
    if capabilities.frames_a_second:
        return film(view, older, limits, capabilities, token_cost)
    if capabilities.prefix_cache:
        return grow(previous, view, older, limits, capabilities, token_cost)
    return _Composer(view, older, limits, capabilities, token_cost).best(urgent=urgent)


def legible_seconds(layout: Sequence[Planned], span: float) -> float:
    """How many of the last `span` s a layout lets a model see: those near a picture that is large enough, `LEGIBLE`."""
    if not layout:
        return 0.0
    newest = layout[-1]
    seen = [
        (newest.captured_at - shot.captured_at, planned.side)
        for planned in reversed(layout)
        for shot in reversed(planned.shots)
    ]
    total, start = 0.0, 0.0
    for until, side in LEGIBLE:
        wanted = min(side, newest.side / 2)
        total += _union((age for age, seen_side in seen if seen_side >= wanted), start, min(until, span))
        start = until
    return total


def _union(ages: Iterable[float], start: float, end: float) -> float:
    """Seconds between `start` and `end` that lie near one of the rising ages."""
    total = 0.0
    for age in ages:
        if age - _SEEN >= end:
            break
        start, stop = max(start, age - _SEEN), min(age + _SEEN, end)
        if stop > start:
            total += stop - start
            start = stop
    return total


@dataclass(frozen=True, slots=True)
class _Shape:
    """How many older pictures: single ones of the middle and of the smallest size, and contact sheets behind them."""

    middle: int = 0
    small: int = 0
    sheets: int = 0


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A layout that fits, and what is compared: whole seconds of legible history, tokens, pictures."""

    layout: tuple[Planned, ...]
    seconds: int
    tokens: int

    @property
    def shots(self) -> int:
        return sum(len(planned.shots) for planned in self.layout)

    @property
    def rank(self) -> tuple[int, int, int]:
        return self.seconds, -self.tokens, -len(self.layout)


class _Composer:
    """Makes the candidates for one request and picks the best."""

    def __init__(
        self, view: View, older: Sequence[Moment], limits: Limits, capabilities: Capabilities, token_cost: TokenCost
    ) -> None:
        self._view, self._capabilities, self._token_cost = view, capabilities, token_cost
        self._older = older[::-1]
        self._ages = [view.captured_at - moment.captured_at for moment in self._older]
        self._limits = limits
        self._reach = self._ages[-1] if self._ages else 0.0
        self._most = round(_union([0.0, *self._ages], 0.0, limits.span))
        self._tiles = tiles_a_sheet(capabilities.full_side)
        self._small = [shot(moment, SIDES[-1]) for moment in self._older]

    def best(self, *, urgent: bool) -> tuple[Planned, ...]:
        """The best layout behind the sharpest newest picture that leaves room for enough history."""
        best: _Candidate | None = None
        enough = min(round(_ENOUGH), self._most)
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

        A side that costs no less than a larger one, while a smaller one does, is left out: by the rule of 258-token
        tiles that leaves at most 384 px, or the whole picture, and nothing between.
        """
        details = self._capabilities.details[: 1 + (_URGENT_LEVEL if urgent else _LEVEL)]
        wanted = sides(self._view, self._capabilities.full_side)
        for place, side in enumerate(wanted):
            for detail in reversed(details):
                prices = [self._price(side, detail) for side in wanted]
                price, dearer, cheaper = prices[place], prices[:place], prices[place + 1 :]
                is_between = dearer and cheaper and min(cheaper) < price >= min(dearer)
                if price > self._limits.tokens or is_between:
                    continue
                newest = taken(self._view, side, detail)
                if newest.bytes <= self._limits.bytes:
                    yield newest

    def _price(self, side: int, detail: str) -> int:
        return self._token_cost(*fitted(self._view.width, self._view.height, side), detail)

    def _candidates(self, newest: Planned) -> Iterator[_Candidate]:
        """Layouts that fit: with contact sheets, and where there can be none, with single pictures only."""
        yield self._judged((newest,))
        room = self._limits.pictures - 1
        has_sheet = False
        for middle in range(min(_MOST_MIDDLE, room) + 1 if self._tiles else 0):
            for candidate in self._growing(newest, (_Shape(middle, 0, count) for count in range(1, room - middle + 1))):
                has_sheet = True
                yield candidate
        if not has_sheet:
            counts = range(1, min(room, _MOST_SINGLE) + 1)
            yield from self._growing(newest, (_Shape(min(n, _MOST_MIDDLE), max(0, n - _MOST_MIDDLE)) for n in counts))

    def _growing(self, newest: Planned, shapes: Iterator[_Shape]) -> Iterator[_Candidate]:
        """The layouts of ever larger shapes, until more pictures add nothing or do not fit."""
        seconds = -1
        for shape in shapes:
            layout = (*self._behind(newest, shape), newest)
            if len(layout) == 1 or not fits(layout, self._limits, self._token_cost):
                return
            candidate = self._judged(layout)
            yield candidate
            if candidate.seconds in (seconds, self._most) or candidate.shots > len(self._older):
                return
            seconds = candidate.seconds

    def _judged(self, layout: tuple[Planned, ...]) -> _Candidate:
        return _Candidate(layout, round(legible_seconds(layout, self._limits.span)), cost(layout, self._token_cost))

    def _behind(self, newest: Planned, shape: _Shape) -> tuple[Planned, ...]:
        """The older pictures of a shape, oldest first: sheets, small ones, those of the middle size."""
        detail = self._capabilities.details[0] if self._capabilities.per_image_detail else newest.detail
        chosen = self._chosen(shape.middle, shape.small + shape.sheets * self._tiles)
        middle, small = chosen[: shape.middle], chosen[shape.middle : shape.middle + shape.small]
        tiles = [self._small[place] for place in chosen[shape.middle + shape.small :]]
        older = [alone(self._single(place, SIDES[1], newest), detail) for place in middle]
        older += [alone(self._single(place, SIDES[2], newest), detail) for place in small]
        starts = range(0, len(tiles), max(1, self._tiles))
        older += [sheet(tiles[start : start + self._tiles][::-1], detail) for start in starts]
        return tuple(planned for planned in reversed(older) if planned.side <= newest.side)

    def _single(self, place: int, side: int, newest: Planned) -> Shot:
        """The moment at a side, or at the middle size where that costs no more."""
        smaller, larger = (shot(self._older[place], min(wanted, newest.side)) for wanted in (side, SIDES[1]))
        prices = [self._token_cost(one.picture.width, one.picture.height, newest.detail) for one in (smaller, larger)]
        return larger if prices[1] <= prices[0] else smaller

    def _chosen(self, single: int, tiles: int) -> list[int]:
        """Places of the moments nearest to the wanted ages, the newest first, none twice."""
        if not self._older:
            return []
        wanted = [place + 1.0 for place in range(single)] + _spread(float(single), tiles, self._reach)
        return sorted({self._nearest(age) for age in wanted})

    def _nearest(self, age: float) -> int:
        place = bisect_left(self._ages, age)
        if place == len(self._ages) or (place and age - self._ages[place - 1] <= self._ages[place] - age):
            return place - 1
        return place


def _spread(start: float, count: int, reach: float) -> list[float]:
    """Ages from `start` to `reach` s: evenly `_GAP` apart or closer when they get there, else ever wider apart."""
    if not count or reach <= start:
        return []
    gap = min(_GAP, (reach - start) / count)
    widening = (reach - start - gap * count) / (count * count)
    return [start + gap * place + widening * place * place for place in range(1, count + 1)]
