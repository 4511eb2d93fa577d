"""What a request shows: pictures at their times, alone or as tiles of a contact sheet. Values; nothing is drawn."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from narrator.messages import EncodedPicture, Moment

TokenCost = Callable[[int, int, str], int]
"""Width and height in pixels and a detail level -> tokens; `Backend.token_cost`."""

SIDES = (768, 384, 192)
"""Longest sides in pixels that a moment is kept at."""
TILE = 128
"""Longest side in pixels of a contact sheet's tile: text that is still read at 128 is lost at 96."""
COLUMNS = 3
"""Most columns and rows of a contact sheet, which so has at most 384 px."""
_SHEET_BYTES_PER_PIXEL = 1.0
"""More than a JPEG of quality 75 ever takes: white noise takes 0.61, noise of black and white 0.78."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the pictures of one request may take, and how many seconds back they shall reach."""

    pictures: int
    tokens: int
    bytes: int
    span: float


@dataclass(frozen=True, slots=True)
class View:
    """The frame that is asked about: its time and size, and `encode`, its JPEG at a longest side in pixels."""

    captured_at: float
    media_t: float
    epoch: int
    width: int
    height: int
    encode: Callable[[int], EncodedPicture]


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture of one time."""

    picture: EncodedPicture
    captured_at: float
    media_t: float = 0.0
    epoch: int = 0


@dataclass(frozen=True, slots=True)
class Planned:
    """One picture to send: a single shot, or a contact sheet of several, oldest first, left to right, top to bottom.

    `alone` and `sheet` make it. Its time is that of its newest shot.
    """

    shots: tuple[Shot, ...]
    detail: str
    width: int
    height: int
    side: int
    """Longest side in pixels at which a moment is seen: the picture's own, or that of a tile."""

    @property
    def is_sheet(self) -> bool:
        return len(self.shots) > 1

    @property
    def captured_at(self) -> float:
        return self.shots[-1].captured_at

    @property
    def media_t(self) -> float:
        return self.shots[-1].media_t

    @property
    def epoch(self) -> int:
        return self.shots[-1].epoch

    @property
    def bytes(self) -> int:
        """Bytes of the JPEG; for a contact sheet, which is drawn later, more than it can have."""
        return sheet_bytes(self.width, self.height) if self.is_sheet else len(self.shots[0].picture.jpeg)


def alone(shot: Shot, detail: str) -> Planned:
    """A single picture as it is."""
    picture = shot.picture
    return Planned((shot,), detail, picture.width, picture.height, max(picture.width, picture.height))


def sheet(shots: Sequence[Shot], detail: str) -> Planned:
    """A contact sheet; of one shot, that picture alone."""
    if len(shots) == 1:
        return alone(shots[0], detail)
    width, height = cell(shots)
    columns, rows = grid(len(shots))
    return Planned(tuple(shots), detail, width * columns, height * rows, max(width, height))


def cost(layout: Sequence[Planned], token_cost: TokenCost) -> int:
    """Tokens of all pictures of a layout."""
    return sum(token_cost(planned.width, planned.height, planned.detail) for planned in layout)


def fits(layout: Sequence[Planned], limits: Limits, token_cost: TokenCost) -> bool:
    """True when the layout keeps to the limits of pictures, bytes and tokens."""
    return (
        len(layout) <= limits.pictures
        and sum(planned.bytes for planned in layout) <= limits.bytes
        and cost(layout, token_cost) <= limits.tokens
    )


def shot(moment: Moment, side: int) -> Shot:
    """The largest kept picture of a moment with a longest side of at most `side`, else the smallest there is."""
    fitting = (picture for picture in moment.pictures if max(picture.width, picture.height) <= side)
    return Shot(next(fitting, moment.pictures[-1]), moment.captured_at, moment.media_t, moment.epoch)


def taken(view: View, side: int, detail: str) -> Planned:
    """The view itself at a longest side and a level of detail: here it is encoded."""
    return alone(Shot(view.encode(side), view.captured_at, view.media_t, view.epoch), detail)


def sides(view: View, full_side: int) -> tuple[int, ...]:
    """The longest sides that the view can be sent at, falling; the first may be more than it has."""
    longest = max(view.width, view.height)
    return (full_side, *(side for side in SIDES if side < min(full_side, longest)))


def tiles_a_sheet(full_side: int) -> int:
    """Most tiles of a contact sheet for a model that sees pictures of this side; 0 where not even four are legible."""
    columns = min(COLUMNS, full_side // TILE)
    return columns * columns if columns > 1 else 0


def fitted(width: int, height: int, side: int) -> tuple[int, int]:
    """Width and height with the longest at most `side`, the aspect kept, never enlarged."""
    longest = max(width, height)
    if longest <= side:
        return width, height
    return max(1, round(width * side / longest)), max(1, round(height * side / longest))


def grid(tiles: int) -> tuple[int, int]:
    """Columns and rows of a contact sheet."""
    columns = math.ceil(math.sqrt(tiles))
    return columns, math.ceil(tiles / columns)


def cell(shots: Sequence[Shot]) -> tuple[int, int]:
    """Width and height in pixels of the place of one tile: tiles of another shape are centred in it."""
    sizes = {(shot.picture.width, shot.picture.height) for shot in shots}
    tiles = [fitted(width, height, TILE) for width, height in sizes]
    return max(width for width, _ in tiles), max(height for _, height in tiles)


def sheet_bytes(width: int, height: int) -> int:
    """The most bytes that a contact sheet's JPEG can have."""
    return 1000 + math.ceil(width * height * _SHEET_BYTES_PER_PIXEL)
