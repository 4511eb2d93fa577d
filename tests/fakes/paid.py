"""A purse on clocks of its own, and what paid requests take."""

from collections.abc import Callable, Mapping
from datetime import datetime
from itertools import count
from pathlib import Path

import pytest

from narrator.messages import Change, Notice, Priority, Reason, Run, Scene, Usage
from narrator.seams import Prices, Value
from narrator.settings import Settings
from narrator.spending.purse import Spending

PRICES = Prices(0.30, 2.50, 0.03)
"""Of the default model."""
NOON = datetime(2026, 11, 21, 12, 0).timestamp()
_ids = count(1)


def run_of(backend: str = "gemini") -> Run:
    """A run that nobody asked for."""
    scene = Scene(0, 0.0, 0.0, 0, Change.CHANGING)
    return Run(next(_ids), backend, backend, Reason.CHANGE, Priority.NORMAL, 0.0, 9.0, 0.0, 0.0, 0, scene, 0)


def used(
    tokens_in: int = 0, tokens_out: int = 0, cached: int = 0, cost: float | None = None, *, is_far: bool = True
) -> Usage:
    """What a request took; its cost by the default model's prices, if none is given."""
    cost = PRICES.cost(tokens_in, tokens_out, cached) if cost is None else cost
    return Usage(run_of(), tokens_in, tokens_out, cached, cost, is_far=is_far)


class Purse:
    """A `Spending` whose time passes when it is told to; `limits` may be changed."""

    def __init__(self, folder: Path, wall: float, **limits: Value) -> None:
        self.now = self.start = 5000.0
        self.limits: dict[str, Value] = dict(limits)
        self._defaults: Mapping[str, Value] = Settings.defaults().values
        self.spending = Spending(self._settings, folder, lambda: self.now, lambda: wall + self.now - self.start)

    def _settings(self) -> Settings:
        return Settings({**self._defaults, **self.limits})

    @property
    def is_free(self) -> bool:
        return self.spending.free_at(self.now) <= self.now

    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    def add(self, usage: Usage) -> list[Notice]:
        return self.spending.add(usage)

    def spend(
        self, tokens_in: int = 0, tokens_out: int = 0, cached: int = 0, cost: float | None = None
    ) -> list[Notice]:
        return self.add(used(tokens_in, tokens_out, cached, cost))


@pytest.fixture
def purse(tmp_path: Path) -> Callable[..., Purse]:
    """Makes purses that share a folder; nothing is spread over the hour unless a pace is given."""

    def make(wall: float = NOON, **limits: Value) -> Purse:
        return Purse(tmp_path / "spending", wall, **{"spending.pace": 1000.0, **limits})

    return make
