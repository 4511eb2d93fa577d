"""What describers that cost money take: counted, kept within the user's limits, and spread over the hour.

The clocks come in as arguments; only `settle` and `close` touch the disk, so whoever decides what is asked never waits
for it.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from math import inf
from pathlib import Path

from narrator.mailbox import Guarded
from narrator.messages import Meter, Notice, Usage
from narrator.settings import Settings
from narrator.spending.caps import DAY, HOUR, ROUNDING, TOKENS, Cap, Rolling, Stand
from narrator.spending.daybook import Daybook, Spent
from narrator.spending.pacing import Pacing

_WRITTEN_EVERY = 5.0
_HOUR = 3600.0
_CLOCK_SET_BACK = 60.0
"""Seconds in the future from which on a line was written before the clock was set back, and tells no time."""
_METERED = 600.0
_LEAST_METERED = 60.0


class Spending:
    """The meter and the purse of one session; every method may be called from any thread.

    `folder` holds what all copies of the program spent today and within the last hour; `clock` and `wall` are as
    `time.monotonic` and `time.time`.
    """

    def __init__(
        self,
        settings: Callable[[], Settings],
        folder: Path,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._settings, self._clock, self._wall = settings, clock, wall
        self._books = Guarded(_Books(_day(wall())))
        self._daybook = Guarded(Daybook(folder))
        self._exchanged_at = -inf
        self._exchange()

    def add(self, usage: Usage) -> list[Notice]:
        """Count what a request took; returns what the user must know of the limits now, each thing once."""
        now, wall, settings = self._clock(), self._wall(), self._settings()
        with self._books as books:
            books.turn_to(_day(wall))
            books.take(usage, now, settings.number("spending.pace"))
            if usage.cost > 0 or usage.is_far:
                books.judge(settings, now, wall, is_paid=usage.cost > 0)
            return books.take_due()

    def free_at(self, now: float, *, is_paid: bool = True) -> float:
        """The monotonic time from which no limit forbids a request: `now` itself when none does.

        Infinite when a single request takes more than a limit allows. `is_paid` is False for a describer far away that
        is free of charge: for it only the limit of tokens holds.
        """
        wall = self._wall() + now - self._clock()
        with self._books as books:
            books.turn_to(_day(wall))
            return max(now, *(stand.free_at for stand in books.judge(self._settings(), now, wall, is_paid=is_paid)))

    def gap(self, *, is_paid: bool = True) -> float:
        """Seconds that two requests which no scene cut causes are kept apart: see `narrator.spending.pacing`."""
        now, settings = self._clock(), self._settings()
        with self._books as books:
            for_money = books.pacing.gap(now, settings.number("spending.pace")) if is_paid else 0.0
            return max(for_money, books.pacing.token_gap(now, settings.number(TOKENS)))

    def meter(self) -> Meter:
        now = self._clock()
        with self._books as books:
            books.turn_to(_day(self._wall()))
            return replace(
                books.meter,
                cost_an_hour=books.cost_an_hour(now),
                cost_today=books.spent_today,
                limit_today=self._settings().number("spending.day"),
            )

    def settle(self) -> list[Notice]:
        """To be called about once a second: exchanges with other copies what was spent, at most every 5 s.

        Returns what the user must know and `add` did not tell, as that the day's limit was reached before the start.
        """
        if self._clock() - self._exchanged_at >= _WRITTEN_EVERY:
            self._exchange()
        with self._books as books:
            return books.take_due()

    def close(self) -> None:
        """Write down what is left."""
        self._exchange()

    def _exchange(self) -> None:
        """Write what this copy spent, and read what all copies did."""
        self._exchanged_at = self._clock()
        with self._daybook as daybook:
            now, wall = self._clock(), self._wall()
            with self._books as books:
                books.turn_to(_day(wall))
                unwritten = dict(books.unwritten)
            written = {day: dollars for day, dollars in unwritten.items() if daybook.write(day, wall, dollars)}
            today, before = _day(wall), _day(wall - _HOUR)
            spent_today = daybook.others(today)
            lately = spent_today if before == today else [*daybook.others(before), *spent_today]
            with self._books as books:
                books.has_written(written)
                books.take_others(today, spent_today, [(now - (wall - spent.at), spent) for spent in lately], now)


@dataclass(slots=True)
class _Books:
    """All figures, for one thread at a time; money in US dollars."""

    today: date
    meter: Meter = field(default_factory=Meter)
    pacing: Pacing = field(default_factory=Pacing)
    minute: Rolling = field(default_factory=lambda: Rolling(60))
    own_hour: Rolling = field(default_factory=lambda: Rolling(_HOUR))
    hour: Rolling = field(default_factory=lambda: Rolling(_HOUR))
    """Of all copies."""
    metered: Rolling = field(default_factory=lambda: Rolling(_METERED))
    first_at: float = inf
    own_today: float = 0.0
    """What this copy spent today."""
    others_today: float = 0.0
    """What the daybook held of the other copies when it was read last."""
    unwritten: dict[date, float] = field(default_factory=dict)
    """What this copy spent and the daybook does not hold yet, by the day."""
    caps: tuple[Cap, ...] = field(default_factory=lambda: (Cap(TOKENS), Cap(HOUR), Cap(DAY)))
    due: list[Notice] = field(default_factory=list)

    @property
    def spent_today(self) -> float:
        return self.own_today + self.others_today

    def turn_to(self, day: date) -> None:
        """Begin a new day when it is one."""
        if day == self.today:
            return
        self.today, self.own_today, self.others_today = day, 0.0, 0.0
        next(cap for cap in self.caps if cap.key == DAY).forget()

    def take(self, usage: Usage, now: float, pace: float) -> None:
        """Count what a request took; tokens count against their limit when they went far away, or cost something."""
        self.meter = replace(
            self.meter,
            requests=self.meter.requests + 1,
            tokens_in=self.meter.tokens_in + usage.tokens_in,
            tokens_out=self.meter.tokens_out + usage.tokens_out,
            cached=self.meter.cached + usage.cached,
            cost=self.meter.cost + usage.cost,
        )
        if usage.cost <= 0 and not usage.is_far:
            return
        self.pacing.add(usage, now, pace)
        self.minute.add(usage.tokens_in + usage.tokens_out, now)
        if usage.cost <= 0:
            return
        self.own_hour.add(usage.cost, now)
        self.hour.add(usage.cost, now)
        self.metered.add(usage.cost, now)
        self.first_at = min(self.first_at, now)
        self.own_today += usage.cost
        self.unwritten[self.today] = self.unwritten.get(self.today, 0.0) + usage.cost

    def has_written(self, written: Mapping[date, float]) -> None:
        """So much of each day is in the daybook now."""
        for day, dollars in written.items():
            self.unwritten[day] -= dollars
            if self.unwritten[day] <= ROUNDING:
                del self.unwritten[day]

    def take_others(self, day: date, lines: Iterable[Spent], lately: Iterable[tuple[float, Spent]], now: float) -> None:
        """What other copies spent: the lines of a day, and those of the last hour, each with its monotonic time."""
        if day == self.today:
            self.others_today = sum(spent.dollars for spent in lines)
        theirs = [(at, spent.dollars) for at, spent in lately if now - _HOUR < at <= now + _CLOCK_SET_BACK]
        self.hour = Rolling(_HOUR, [*self.own_hour.parts(now), *theirs])

    def take_due(self) -> list[Notice]:
        due, self.due = self.due, []
        return due

    def cost_an_hour(self, now: float) -> float:
        span = min(_METERED, max(_LEAST_METERED, now - self.first_at))
        return self.metered.total(now) * 3600 / span

    def judge(self, settings: Settings, now: float, wall: float, *, is_paid: bool = True) -> Sequence[Stand]:
        """How every limit stands that holds; what is to be told of them becomes due.

        While requests are stopped only the limit that stops them longest is told of.
        """
        caps = [cap for cap in self.caps if is_paid or cap.key == TOKENS]
        stands = [self._stand(cap, settings.number(cap.key), now, wall) for cap in caps]
        pairs = list(zip(caps, stands, strict=True))
        last = max(pairs, key=lambda pair: pair[1].free_at)
        for cap, stand in [last] if last[1].free_at > now else pairs:
            notice = cap.notice(stand, now, wall)
            if notice is not None:
                self.due.append(notice)
        return stands

    def _stand(self, cap: Cap, limit: float, now: float, wall: float) -> Stand:
        expected = self.pacing.tokens(now) if cap.key == TOKENS else self.pacing.cost(now)
        used = {TOKENS: self.minute.total(now), HOUR: self.hour.total(now), DAY: self.spent_today}[cap.key]
        if cap.has_room(limit, used, expected):
            return Stand(limit, used, expected, now)
        if expected > limit:
            return Stand(limit, used, expected, inf)
        if cap.key == DAY:
            return Stand(limit, used, expected, now + _until_midnight(wall))
        rolling = self.minute if cap.key == TOKENS else self.hour
        return Stand(limit, used, expected, rolling.falls_to(cap.room(limit, expected), now))


def _day(wall: float) -> date:
    return datetime.fromtimestamp(wall).date()


def _until_midnight(wall: float) -> float:
    """Seconds to the user's next midnight, on a day of 23 or 25 hours too."""
    tomorrow = datetime.combine(_day(wall) + timedelta(days=1), datetime.min.time())
    return tomorrow.timestamp() - wall
