"""Which pictures a model gets that watches them as a video: pure, evenly spaced frames of one size."""

from collections.abc import Sequence

from narrator.memory.layouts import Limits, Planned, TokenCost, View, alone, fits, shot, sides, taken
from narrator.messages import Moment
from narrator.seams import Capabilities

_EARLIEST, _LATEST = 0.5, 1.5
"""The gap between two frames, as a share of what it should be."""


def film(
    view: View, older: Sequence[Moment], limits: Limits, capabilities: Capabilities, token_cost: TokenCost
) -> tuple[Planned, ...]:
    """Frames, `capabilities.frames_a_second` of them, oldest first and the view last; `older` are oldest first.

    As many as there are and fit, and of those the sharpest; a frame that is missing ends it. When the view fits at no
    size, its smallest is sent alone. Frames are priced as single pictures, since a video rarely costs more.
    """
    forms = [taken(view, side, capabilities.details[0]) for side in sides(view, capabilities.full_side)]
    step = 1 / capabilities.frames_a_second
    films = [_frames(newest, older, step, limits, token_cost) for newest in forms]
    return max(films, key=len) or (forms[-1],)


def _frames(
    newest: Planned, older: Sequence[Moment], step: float, limits: Limits, token_cost: TokenCost
) -> tuple[Planned, ...]:
    """As many of the newest's size as fit; () when it does not fit itself."""
    frames: tuple[Planned, ...] = ()
    following: Planned | None = newest
    while following is not None and fits((following, *frames), limits, token_cost):
        frames = (following, *frames)
        following = _before(following, older, step)
    return frames


def _before(frame: Planned, older: Sequence[Moment], step: float) -> Planned | None:
    """The frame about a step before another; None where there is none of its size."""
    wanted = frame.captured_at - step
    gaps = ((frame.captured_at - moment.captured_at, moment) for moment in older)
    near = [moment for gap, moment in gaps if _EARLIEST * step <= gap <= _LATEST * step]
    if not near:
        return None
    found = alone(shot(min(near, key=lambda moment: abs(moment.captured_at - wanted)), frame.side), frame.detail)
    return found if found.side == frame.side else None
