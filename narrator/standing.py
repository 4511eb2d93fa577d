"""A lane as the director sees it, and what paid requests may cost."""

from dataclasses import dataclass, field
from math import inf
from typing import Protocol

from narrator.messages import Scene
from narrator.seams import Capabilities


class Purse(Protocol):
    """What requests that leave this machine may take; of those that are not paid only tokens are limited."""

    def free_at(self, now: float, *, is_paid: bool = True) -> float:
        """The monotonic time from which one may be made."""

    def gap(self, *, is_paid: bool = True) -> float:
        """Seconds that two of them are kept apart."""


class Free:
    """Stands in where nothing costs anything."""

    def free_at(self, now: float, *, is_paid: bool = True) -> float:  # noqa: ARG002 - as the protocol has it
        return now

    def gap(self, *, is_paid: bool = True) -> float:  # noqa: ARG002 - as the protocol has it
        return 0.0


@dataclass(slots=True)
class Standing:
    """A lane as the director sees it. `rank` rises with quality, from 0 for the program's own sight."""

    name: str
    rank: int
    capabilities: Capabilities = field(default_factory=Capabilities)
    is_open: bool = False
    rests_until: float = -inf
    last_ask: float = -inf
    last_overview: float = -inf
    overview_of: int = -1
    """The newest scene that it was asked to describe as a whole."""
    declined: int = -1
    """The newest scene that it will not describe: asked again, it would decline again."""
    granted: float = -inf
    """When the last wish of the user was made that it was asked for ahead of the leader."""
    asked_news: int = 0
    asked_frame: float = -inf
    lead: float = 0.0

    @property
    def sees(self) -> bool:
        """It is shown pictures, and need not wait until sight has recognised things."""
        return self.capabilities.max_images > 0

    @property
    def is_paid(self) -> bool:
        return self.capabilities.prices is not None

    @property
    def is_limited(self) -> bool:
        """The purse has a say: its requests cost something, or go to another machine."""
        return self.is_paid or self.capabilities.pictures_leave_device

    def free_at(self, now: float, purse: Purse) -> float:
        """From when on the purse lets it be asked."""
        return purse.free_at(now, is_paid=self.is_paid) if self.is_limited else now

    def can_lead(self, now: float, scene: Scene | None, purse: Purse) -> bool:
        has_something_to_see = not (self.sees and scene is not None and scene.trouble)
        return self.is_open and self.rests_until <= now and self.free_at(now, purse) <= now and has_something_to_see

    def fitness(self, now: float, scene: Scene | None, purse: Purse) -> int:
        """Above 0 when it can lead, the best highest; when none can, the program's own sight is highest."""
        return self.rank + 1 if self.can_lead(now, scene, purse) else -self.rank

    def forget_last(self) -> None:
        """Ask again for what was asked."""
        self.asked_news, self.asked_frame = 0, -inf
