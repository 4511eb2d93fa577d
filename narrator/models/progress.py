"""How far long work on a model is, for a terminal or a window."""

import time
from dataclasses import dataclass

_TELLS_EACH = 0.2
_SPEED_OVER = 5.0
"""Seconds over which the speed is taken: long enough to be steady, short enough to be true."""
FETCHING, CHECKING, COPYING, WAITING = "fetching", "checking", "copying", "waiting"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a model is: bytes of all its files together, `speed` in bytes a second, `left` in seconds or None.

    `doing` is "fetching", "copying", "checking" what is there, or "waiting" for a line that broke.
    """

    title: str
    done: int
    total: int
    speed: float = 0.0
    left: float | None = None
    doing: str = FETCHING


@dataclass(frozen=True, slots=True)
class Step:
    """Bytes that are done, of all, and what is being done."""

    done: int
    total: int
    doing: str = FETCHING


class Meter:
    """Makes of many steps the few that are worth telling."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._seen: list[tuple[float, int]] = []
        self._told_at, self._doing = 0.0, ""

    def take(self, step: Step) -> Progress | None:
        """What to tell; None when the last telling was a moment ago."""
        now = time.monotonic()
        is_new = step.doing != self._doing
        if now - self._told_at < _TELLS_EACH and step.done < step.total and not is_new:
            return None
        if is_new:
            self._seen.clear()
        self._seen = [(at, done) for at, done in self._seen if at > now - _SPEED_OVER]
        self._seen.append((now, step.done))
        self._told_at, self._doing = now, step.doing
        since, before = self._seen[0]
        speed = (step.done - before) / (now - since) if now > since else 0.0
        left = (step.total - step.done) / speed if speed > 0 else None
        return Progress(self._title, step.done, step.total, speed, left, step.doing)
