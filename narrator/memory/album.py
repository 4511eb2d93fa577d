"""What a lane shows its model: the newest picture at the moment of asking, and a memory of older, smaller ones."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from narrator.mailbox import Latest
from narrator.memory import budget
from narrator.memory.history import History
from narrator.memory.layouts import Limits, Planned, TokenCost
from narrator.messages import Frame, PromptPicture
from narrator.seams import Capabilities


@dataclass(frozen=True, slots=True)
class Shown:
    """The frame that a request speaks of, and its pictures, oldest first."""

    frame: Frame | None = None
    pictures: tuple[PromptPicture, ...] = ()


class Album:
    """One lane's; it remembers the last layout, which a model that caches its prompt's start is shown again."""

    def __init__(self, frames: Latest[Frame], history: History, limits: Callable[[], Limits]) -> None:
        self._frames, self._history, self._limits = frames, history, limits
        self._layout: tuple[Planned, ...] = ()

    def show(self, capabilities: Capabilities, token_cost: TokenCost, *, urgent: bool) -> Shown:
        """The pictures for one request; none for a describer that takes none."""
        frame = self._frames.peek() if capabilities.max_images else None
        if frame is None:
            return Shown()
        self._layout = budget.plan(
            self._history.view(frame),
            self._history.moments(),
            self._limits(),
            capabilities,
            token_cost,
            urgent=urgent,
            previous=self._layout,
        )
        now = time.monotonic()
        return Shown(frame, self._history.render(self._layout, now, absolute_times=capabilities.prefix_cache))
