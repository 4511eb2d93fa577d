"""Limits of money and tokens: how much of each is used, when a request fits again, and what the user is told. Pure.

A request is not made when what is used and what it is expected to take would be more than the limit. After a stop the
next one is made when a fifth of the limit is free, so that two describers do not take turns line by line.
"""

import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf

from narrator.messages import Level, Notice

TOKENS, HOUR, DAY = "spending.tokens", "spending.hour", "spending.day"
_NEAR = 0.8
_RESUMES_AT = 0.8
_TOLD_AGAIN = {TOKENS: 600.0, HOUR: 3600.0, DAY: inf}
"""Seconds after which the same about a limit is told again; of a day's, at most once a day."""
ROUNDING = 1e-9
_OTHER = "The built-in describer goes on"


class Rolling:
    """The sum of what was added within the last `span` seconds."""

    def __init__(self, span: float, parts: Iterable[tuple[float, float]] = ()) -> None:
        """`parts` are what was added so far: monotonic seconds and amounts, in any order."""
        self.span = span
        self._parts = deque(sorted(parts))
        self._sum = sum(amount for _, amount in self._parts)

    def add(self, amount: float, now: float) -> None:
        self._parts.append((now, amount))
        self._sum += amount

    def total(self, now: float) -> float:
        while self._parts and self._parts[0][0] + self.span <= now:
            self._sum -= self._parts.popleft()[1]
        if not self._parts:
            self._sum = 0.0  # what rounding left
        return self._sum

    def parts(self, now: float) -> tuple[tuple[float, float], ...]:
        """What the sum consists of: when it was added, and how much."""
        self.total(now)
        return tuple(self._parts)

    def falls_to(self, amount: float, now: float) -> float:
        """When the sum will be so small, if nothing is added."""
        left = self.total(now)
        for at, part in self._parts:
            if left <= amount + ROUNDING:
                break
            left -= part
            now = at + self.span
        return now


@dataclass(frozen=True, slots=True)
class Stand:
    """How a limit stands: what is used of it, and the monotonic time from which a request fits."""

    limit: float
    used: float
    expected: float
    free_at: float


@dataclass(slots=True)
class Cap:
    """One limit by the key of its setting; remembers whether it stopped requests, and what was told of it."""

    key: str
    _is_stopped: bool = False
    _limit: float = 0.0
    _told: dict[str, float] = field(default_factory=dict)

    def has_room(self, limit: float, used: float, expected: float) -> bool:
        """Whether a request fits now; remembers when it does not. A limit of 0 is none."""
        if limit != self._limit:
            self.forget()
            self._limit = limit
        self._is_stopped = bool(limit) and used > self.room(limit, expected) + ROUNDING
        return not self._is_stopped

    def room(self, limit: float, expected: float) -> float:
        """How much may be used when the next request is made."""
        room = limit - expected
        return min(room, _RESUMES_AT * limit) if self._is_stopped else room

    def forget(self) -> None:
        """A new day, or a new limit: nothing was told of it."""
        self._is_stopped = False
        self._told.clear()

    def notice(self, stand: Stand, now: float, wall: float) -> Notice | None:
        """What the user must know and was not told: that little is left, or that nothing is."""
        if not stand.limit:
            return None
        stage = "reached" if stand.free_at > now else "near" if stand.used >= _NEAR * stand.limit else ""
        if not stage or (stage in self._told and now < self._told[stage] + _TOLD_AGAIN[self.key]):
            return None
        self._told |= {stage: now, "near": now}
        remedy = f"The setting {self.key} is the limit."
        if stage == "near":
            return Notice(Level.INFO, _near(self.key, stand), remedy, quiet=self.key == TOKENS)
        return Notice(Level.WARNING, _reached(self.key, stand, now, wall), remedy)


def money(dollars: float) -> str:
    """US dollars to the cent, small sums to two digits: "$0.28", "$0.0021"."""
    return f"${dollars:,.2f}" if dollars >= 0.01 or not dollars else f"${dollars:.2g}"


def _near(key: str, stand: Stand) -> str:
    if key == TOKENS:
        return f"{stand.used:,.0f} of at most {stand.limit:,.0f} tokens a minute are used."
    period = "today" if key == DAY else "within the last hour"
    return f"{money(stand.used)} were spent {period}, of at most {money(stand.limit)}."


def _reached(key: str, stand: Stand, now: float, wall: float) -> str:
    limit = {
        TOKENS: f"limit of {stand.limit:,.0f} tokens a minute",
        HOUR: f"limit of {money(stand.limit)} an hour",
        DAY: f"limit of {money(stand.limit)} a day",
    }[key]
    if stand.expected > stand.limit:
        return f"One request takes more than the {limit}. {_OTHER} until you raise it."
    return f"The {limit} is reached. {_OTHER} {_until(key, stand, now, wall)}."


def _until(key: str, stand: Stand, now: float, wall: float) -> str:
    if key == DAY:
        return "until tomorrow"
    left = stand.free_at - now
    if left < 100:
        return f"for {max(1, round(left))} seconds"
    then = time.localtime(wall + left + 59)  # the minute that has come by then
    return f"until {then.tm_hour}:{then.tm_min:02}"
