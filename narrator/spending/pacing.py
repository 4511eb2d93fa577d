"""How far apart paid requests are kept so that an hour of narration costs what the user wants on average. Pure.

Between two requests that no scene cut causes lie at least `gap` seconds:

    gap = max(mean, min(owed, 60 s * rate)) / rate        rate = 0.95 * pace / 3600 s

`mean` is the mean cost of the last 20 paid requests of the last hour, in US dollars, and `owed` is what was spent
beyond the rate: each request adds its cost, each second takes the rate away. A scene that moves evenly is asked about
every mean / rate seconds: 8.8 s at $0.30 an hour for the default model's $0.0007. Scene cuts wait for nothing, but
what they cost is owed, and the next requests that no cut causes wait longer for it, for a minute at most. A quiet time
leaves up to two minutes of the rate for a burst of cuts, for which nothing is owed.

With a limit of tokens a minute, requests also lie so far apart that they take three quarters of it: asked as fast as
money allows, a describer would stop at the limit and begin again every minute, in turns with the built-in one.

    gap >= 60 s * mean tokens / (0.75 * limit)
    gap >= 60 s / (n - 1)      where n requests fit into a minute: so one more, for a cut, fits at every moment
"""

from collections import deque
from math import floor, inf

from narrator.messages import Usage

_REMEMBERED = 20
_FORGOTTEN_AFTER = 3600.0
_AIM = 0.95
"""The share of the pace that is aimed at: a request that is under way is not counted yet."""
_LONGEST_PENANCE = 60.0
_BURST = 120.0
"""Seconds of the rate that a quiet time saves up for cuts."""
_TOKEN_AIM = 0.75
"""The share of the tokens of a minute that is aimed at; the rest is for cuts."""
_TOKEN_SAFETY = 0.9
"""The share of them that counts when it is asked how many requests fit: some take more than the mean."""
_MOST_OWED = 600.0
"""Seconds of the rate; beyond it an hour of cuts would silence the next hour too."""


class Pacing:
    """Learns from what requests took; `now` is in monotonic seconds and never falls."""

    def __init__(self) -> None:
        self._last: deque[tuple[float, Usage]] = deque(maxlen=_REMEMBERED)
        self._tokens: deque[tuple[float, int]] = deque(maxlen=_REMEMBERED)
        self._saved = 0.0
        """US dollars under the rate so far; below 0 what is owed."""
        self._counted_at = -inf

    def add(self, usage: Usage, now: float, pace: float) -> None:
        """A request to a describer far away has ended; `pace` is in US dollars an hour."""
        self._tokens.append((now, usage.tokens_in + usage.tokens_out))
        if usage.cost <= 0:
            return
        rate = _rate(pace)
        quiet = now - self._counted_at if self._last else 0.0
        self._saved = max(min(_BURST * rate, self._saved + quiet * rate) - usage.cost, -_MOST_OWED * rate)
        self._counted_at = now
        self._last.append((now, usage))

    def gap(self, now: float, pace: float) -> float:
        """Seconds that two requests are kept apart; 0 while nothing is known."""
        rate = _rate(pace)
        return max(self.cost(now), min(-self._saved, _LONGEST_PENANCE * rate), 0.0) / rate

    def token_gap(self, now: float, limit: float) -> float:
        """Seconds that two requests are kept apart for the limit of tokens a minute; 0 for no limit."""
        mean = self.tokens(now)
        if not limit or not mean:
            return 0.0
        fit = max(2, floor(_TOKEN_SAFETY * limit / mean))
        return max(60 * mean / (_TOKEN_AIM * limit), 60 / (fit - 1))

    def cost(self, now: float) -> float:
        """What the next request is expected to cost, in US dollars; 0 while nothing is known."""
        known = [usage.cost for at, usage in self._last if now - at < _FORGOTTEN_AFTER]
        return sum(known) / max(1, len(known))

    def tokens(self, now: float) -> float:
        """How many tokens the next request is expected to take; 0 while nothing is known."""
        known = [tokens for at, tokens in self._tokens if now - at < _FORGOTTEN_AFTER]
        return sum(known) / max(1, len(known))


def _rate(pace: float) -> float:
    return _AIM * pace / 3600
