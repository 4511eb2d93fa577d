"""Notices that it got dark or light. Pure."""

from narrator.messages import NewsKind

_SHORT, _LONG = 0.5, 8.0
"""Time constants in seconds: what it is like now, and what it was like."""
_STEP = 0.12
_DIMMED, _LIT = 0.55, 1.7
_LASTS = 0.7
_GAP = 6.0


class Light:
    """Follows the mean luminance of one scene; tells a change once, when it lasts."""

    def __init__(self) -> None:
        self._now = self._before = -1.0
        self._at = 0.0
        self._since: float | None = None
        self._told_at = float("-inf")

    def notice(self, brightness: float, at: float) -> NewsKind | None:
        """Take the luminance (0 to 1) at the time `at` (s): `DARKER`, `BRIGHTER` or nothing new."""
        if self._now < 0:
            self._now = self._before = brightness
            self._at = at
        elapsed, self._at = at - self._at, at
        self._now += (brightness - self._now) * min(1.0, elapsed / _SHORT)
        self._before += (brightness - self._before) * min(1.0, elapsed / _LONG)
        kind = self._kind()
        self._since = None if kind is None else at if self._since is None else self._since
        if self._since is None or at - self._since < _LASTS or at - self._told_at < _GAP:
            return None
        self._before, self._told_at, self._since = self._now, at, None
        return kind

    def _kind(self) -> NewsKind | None:
        if self._before - self._now > _STEP and self._now < _DIMMED * self._before:
            return NewsKind.DARKER
        if self._now - self._before > _STEP and self._now > _LIT * self._before:
            return NewsKind.BRIGHTER
        return None
