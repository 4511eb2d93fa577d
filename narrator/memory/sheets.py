"""Contact sheets: moments tiled into one picture, each tile labelled with its time."""

from collections.abc import Callable, Sequence

from narrator.memory.encoding import encode
from narrator.memory.layouts import TILE, Shot, cell, fitted, grid
from narrator.messages import EncodedPicture, Pixels

_AHEAD = 48
"""Tiles that are kept decoded for sheets to come: 28 kB each."""
_LABEL_SCALE = 0.4
_LABEL_HEIGHT = 12


class Sheets:
    """Draws contact sheets from tiles that were decoded as their moments were kept, or for the sheets before.

    One thread remembers, any thread draws. Whole dictionaries are replaced, so nobody meets one that changes; two that
    draw at once may decode a tile twice.
    """

    def __init__(self) -> None:
        self._ahead: dict[bytes, Pixels] = {}
        self._drawn: dict[bytes, Pixels] = {}

    def remember(self, picture: EncodedPicture) -> None:
        """Decode a tile before a request needs it."""
        self._ahead = dict([*self._ahead.items(), (picture.jpeg, _decoded(picture))][-_AHEAD:])

    def ready(self, shots: Sequence[Shot]) -> None:
        """Have the tiles of a layout at hand, and no longer those of the layout before."""
        known = {**self._ahead, **self._drawn}
        self._drawn = {shot.picture.jpeg: _tile(shot.picture, known) for shot in shots}

    def draw(self, shots: Sequence[Shot], label: Callable[[Shot], str]) -> EncodedPicture:
        """One picture of all shots, in reading order; each tile has its label in the lower left corner."""
        import numpy as np

        width, height = cell(shots)
        columns, rows = grid(len(shots))
        known = self._drawn
        canvas: Pixels = np.zeros((rows * height, columns * width, 3), np.uint8)
        for place, shot in enumerate(shots):
            top, left = place // columns * height, place % columns * width
            tile = _tile(shot.picture, known)
            _put(canvas[top : top + height, left : left + width], tile, label(shot))
        return encode(canvas)


def clock(seconds: float) -> str:
    """A media time: 0:54, 12:07, 1:02:03."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def _tile(picture: EncodedPicture, known: dict[bytes, Pixels]) -> Pixels:
    tile = known.get(picture.jpeg)
    return _decoded(picture) if tile is None else tile


def _decoded(picture: EncodedPicture) -> Pixels:
    """The tile's pixels; the decoder itself halves what is far too large, which is cheap."""
    import cv2
    import numpy as np

    longest = max(picture.width, picture.height)
    reading = cv2.IMREAD_COLOR
    if longest >= 4 * TILE:
        reading = cv2.IMREAD_REDUCED_COLOR_4
    elif longest >= 2 * TILE:
        reading = cv2.IMREAD_REDUCED_COLOR_2
    pixels = cv2.imdecode(np.frombuffer(picture.jpeg, np.uint8), reading)
    assert pixels is not None, "it was encoded here"
    size = fitted(picture.width, picture.height, TILE)
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value] # cv2's stubs are wider


def _put(place: Pixels, tile: Pixels, label: str) -> None:
    """The tile in the middle of its place, a line that parts it from its neighbours, and its label, white on black."""
    import cv2

    height, width = tile.shape[:2]
    top, left = (place.shape[0] - height) // 2, (place.shape[1] - width) // 2
    place[top : top + height, left : left + width] = tile
    place[0], place[:, 0] = 0, 0
    (text_width, _), _ = cv2.getTextSize(label, cv2.FONT_HERSHEY_SIMPLEX, _LABEL_SCALE, 1)
    place[-_LABEL_HEIGHT:, : text_width + 4] = 0
    corner = (2, place.shape[0] - 2)
    cv2.putText(place, label, corner, cv2.FONT_HERSHEY_SIMPLEX, _LABEL_SCALE, (255, 255, 255), 1, cv2.LINE_AA)
