"""How often and how much to speak."""

from dataclasses import dataclass

from narrator.messages import Change, Reason, Scene

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


def words(pace: Pace, scene: Scene, reason: Reason) -> int:
    """How many words an answer may have: few while the scene moves, more when it is still or the user asks."""
    seconds = _SPEAKING_SECONDS[pace.detail]
    if reason is Reason.USER or scene.change is Change.STATIC:
        seconds *= _LEISURE
    elif reason is Reason.CHANGE:
        seconds *= _HURRY
    return max(5, round(seconds * pace.rate / 60))
