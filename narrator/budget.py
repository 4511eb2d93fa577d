"""Which pictures a model gets: pure, from moments and the backend's own token function."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from narrator.messages import EncodedPicture, Moment

TokenCost = Callable[[int, int, str], int]
"""Width and height in pixels and a detail level -> tokens."""
_MIDDLE_SIDE = 384
_MIDDLE_COUNT = 3


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may hold."""

    pictures: int
    tokens: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Planned:
    """A picture to send and the time it was taken."""

    picture: EncodedPicture
    captured_at: float


def plan(
    newest: Planned | None, moments: Sequence[Moment], limits: Limits, token_cost: TokenCost
) -> tuple[Planned, ...]:
    """The newest picture whole, then older ones, smaller and smaller, as far as the limits reach; oldest first.

    The newest picture is sent even when it alone breaks the limits of tokens and bytes: without it there is no answer.
    """
    if newest is None or limits.pictures < 1:
        return ()
    chosen = [newest]
    tokens, size = _cost(newest, token_cost), len(newest.picture.jpeg)
    older = [moment for moment in reversed(moments) if moment.captured_at < newest.captured_at]
    for place, moment in enumerate(older):
        candidate = Planned(_fitting(moment, place), moment.captured_at)
        tokens += _cost(candidate, token_cost)
        size += len(candidate.picture.jpeg)
        if len(chosen) >= limits.pictures or tokens > limits.tokens or size > limits.bytes:
            break
        chosen.append(candidate)
    return tuple(reversed(chosen))


def _cost(planned: Planned, token_cost: TokenCost) -> int:
    return token_cost(planned.picture.width, planned.picture.height, "")


def _fitting(moment: Moment, place: int) -> EncodedPicture:
    """The middle size for the first few, the smallest for the rest."""
    if place >= _MIDDLE_COUNT:
        return moment.pictures[-1]
    middle = [p for p in moment.pictures if max(p.width, p.height) <= _MIDDLE_SIDE]
    return middle[0] if middle else moment.pictures[-1]
