"""What a lane shows its model: the newest picture at the moment of asking, and a memory of older, smaller ones."""

import time
from collections.abc import Callable

from narrator.mailbox import Latest
from narrator.memory import budget
from narrator.memory.history import History
from narrator.memory.layouts import Limits, Planned, TokenCost
from narrator.messages import Frame, PromptPicture
from narrator.seams import Capabilities


class Album:
    """One lane's; it remembers the last layout, which a model that caches its prompt's start is shown again."""

    def __init__(self, frames: Latest[Frame], history: History, limits: Callable[[], Limits]) -> None:
        self._frames, self._history, self._limits = frames, history, limits
        self._layout: tuple[Planned, ...] = ()

    def newest(self, capabilities: Capabilities) -> Frame | None:
        """The frame to speak of: the newest; None for a describer that is shown no pictures."""
        return self._frames.peek() if capabilities.max_images else None

    def show(
        self, frame: Frame | None, capabilities: Capabilities, token_cost: TokenCost, *, urgent: bool
    ) -> tuple[PromptPicture, ...]:
        """The pictures for one request about this frame, oldest first."""
        if frame is None:
            return ()
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
        return self._history.render(self._layout, now, absolute_times=capabilities.prefix_cache)
