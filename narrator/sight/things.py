"""Looks for things, follows them and names their colours: all that the object detector is needed for."""

from collections import deque
from collections.abc import Set
from typing import Protocol

from narrator.messages import Frame, Pixels, Track
from narrator.sight.colour import colour
from narrator.sight.movement import Item, Movement
from narrator.sight.objects import Detection
from narrator.sight.tracker import Moved, Tracker

_TURNING, _TURN_MEMORY = 0.03, 1.0
"""A camera that turned by this part of the picture in the last second makes everything seem to move."""
_COLOUR_GAP, _COLOUR_VOTES = 0.6, 3


class Finder(Protocol):
    """What finds things in a picture."""

    def detect(self, pixels: Pixels) -> list[Detection]: ...


class Things:
    """What is followed in the scene of the moment."""

    def __init__(self, finder: Finder) -> None:
        self._finder = finder
        self._tracker = Tracker()
        self._searched: Pixels | None = None
        self._found: list[Detection] = []
        self.begin()

    def begin(self) -> None:
        """Another scene: forget what was followed, without a word."""
        self._tracker.reset()
        self._movement = Movement()
        self._turns: deque[tuple[float, float]] = deque()
        self._colours: dict[int, deque[str]] = {}
        self._coloured_at = float("-inf")

    def turn(self, right: float, down: float, at: float) -> None:
        """The camera turned, so that everything moved this far in the picture."""
        if right or down:
            self._tracker.shift(right, down)
            self._turns.append((at, abs(right) + abs(down)))

    def look(self, frame: Frame, at: float, moved: Moved, muted: Set[str], *, telling: bool) -> list[Item]:
        """Search the frame; the news of it. The same picture is searched once, however often it is looked at."""
        if self._searched is not frame.pixels:
            self._found = self._finder.detect(frame.pixels)
            self._searched = frame.pixels
        detections = [found for found in self._found if found.label not in muted]
        turnover = self._tracker.update(detections, at, moved)
        self._name_colours(frame, at)
        while self._turns and self._turns[0][0] < at - _TURN_MEMORY:
            self._turns.popleft()
        turning = sum(way for _, way in self._turns) > _TURNING
        return self._movement.notice(turnover, self._tracker.trails, at, telling=telling, turning=turning)

    @property
    def tracks(self) -> tuple[Track, ...]:
        """What is there now, the longest known first."""
        return tuple(trail.snapshot() for trail in self._tracker.trails)

    def _name_colours(self, frame: Frame, at: float) -> None:
        """A colour counts when two of the last three looks agree on it."""
        trails = [trail for trail in self._tracker.trails if not trail.misses]
        fresh = [trail for trail in trails if len(self._colours.get(trail.id, ())) < _COLOUR_VOTES]
        if at - self._coloured_at >= _COLOUR_GAP:
            self._coloured_at, fresh = at, trails
        for trail in fresh:
            votes = self._colours.setdefault(trail.id, deque(maxlen=_COLOUR_VOTES))
            votes.append(colour(frame.pixels, trail.box))
            most = max(set(votes), key=votes.count)
            trail.colour = most if votes.count(most) > 1 else ""
