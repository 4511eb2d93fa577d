"""Layouts for models that keep what they read: the pictures of the last request stay as they are, a new one is added.

Such a model reads only what follows the part that is the same as in the request before, so a picture is never sent
smaller later on. When the limit is reached, the older half becomes one contact sheet, and it grows again.
"""

from collections.abc import Sequence

from narrator.memory.layouts import (
    SIDES,
    Limits,
    Planned,
    Shot,
    TokenCost,
    View,
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

_HELD = 16
"""Pictures that shall find room, so that seven of eight tokens are the same as before: the newest is sized for it."""
_LEGIBLE = 384


def grow(
    previous: Sequence[Planned],
    view: View,
    older: Sequence[Moment],
    limits: Limits,
    capabilities: Capabilities,
    token_cost: TokenCost,
) -> tuple[Planned, ...]:
    """The next layout after `previous`, which is () at first: its pictures as they were, then the view.

    It starts anew, with a sheet of `older`, when the view is of another epoch or is sent in another form. When the
    view fits in no form its smallest is returned alone, and `fits` is False.
    """
    newest = _newest(view, limits, capabilities, token_cost)
    tiles = tiles_a_sheet(capabilities.full_side)
    before = tuple(planned for planned in previous if planned.captured_at < view.captured_at)
    if not before or not _goes_on(before, newest):
        before = _collapsed([shot(moment, SIDES[-1]) for moment in older], tiles, newest.detail)
    grown = (*before, newest)
    while len(grown) > 1 and not fits(grown, limits, token_cost):
        half = max(1, len(grown) // 2)
        shots = [shot for planned in grown[:half] for shot in planned.shots]
        grown = (*_collapsed(shots, tiles if half > 1 else 0, newest.detail), *grown[half:])
    return grown


def _goes_on(before: Sequence[Planned], newest: Planned) -> bool:
    """True when the pictures before may stay: of the same epoch and not better than the newest."""
    return all(
        planned.epoch == newest.epoch and planned.side <= newest.side and planned.detail == newest.detail
        for planned in before
    )


def _collapsed(shots: Sequence[Shot], tiles: int, detail: str) -> tuple[Planned, ...]:
    """One contact sheet of at most `tiles` of the shots, evenly spread; nothing where there can be none."""
    if min(tiles, len(shots)) < 2:
        return ()
    count = min(tiles, len(shots))
    spread = [shots[round(place * (len(shots) - 1) / (count - 1))] for place in range(count)]
    return (sheet(spread, detail),)


def _newest(view: View, limits: Limits, capabilities: Capabilities, token_cost: TokenCost) -> Planned:
    """The view in the largest form of which `_HELD` find room, else in the cheapest that is legible, else in any."""
    wanted = sides(view, capabilities.full_side)
    for detail in reversed(capabilities.details[:2]):
        price = {side: token_cost(*fitted(view.width, view.height, side), detail) for side in wanted}
        roomy = [side for side in price if price[side] * _HELD <= limits.tokens]
        payable = [side for side in price if price[side] <= limits.tokens]
        for side in roomy + sorted(payable, key=lambda side: (side < _LEGIBLE, price[side], -side)):
            newest = taken(view, side, detail)
            if newest.bytes <= limits.bytes:
                return newest
    return taken(view, wanted[-1], capabilities.details[0])
