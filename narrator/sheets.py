"""Contact sheets: moments tiled into one picture, each tile labelled with its time."""

from collections.abc import Callable, Sequence

from narrator.encoding import encode
from narrator.layouts import TILE, Shot, cell, fitted, grid
from narrator.messages import EncodedPicture, Pixels

_LABEL_SCALE = 0.4
_LABEL_HEIGHT = 12


class Sheets:
    """Draws contact sheets and keeps the pixels of the last layout's tiles. Any thread may draw.

    Two threads that draw at once may decode a tile twice; they never see half of one.
    """

    def __init__(self) -> None:
        self._tiles: dict[bytes, Pixels] = {}

    def keep_only(self, shots: Sequence[Shot]) -> None:
        """Forget the tiles of all other shots."""
        wanted = {shot.picture.jpeg for shot in shots}
        self._tiles = {jpeg: tile for jpeg, tile in dict(self._tiles).items() if jpeg in wanted}

    def draw(self, shots: Sequence[Shot], label: Callable[[Shot], str]) -> EncodedPicture:
        """One picture of all shots, in reading order; each tile has its label in the lower left corner."""
        import numpy as np

        width, height = cell(shots)
        columns, rows = grid(len(shots))
        canvas: Pixels = np.zeros((rows * height, columns * width, 3), np.uint8)
        for place, shot in enumerate(shots):
            top, left = place // columns * height, place % columns * width
            _put(canvas[top : top + height, left : left + width], self._tile(shot), label(shot))
        return encode(canvas)

    def _tile(self, shot: Shot) -> Pixels:
        tile = self._tiles.get(shot.picture.jpeg)
        if tile is None:
            tile = self._tiles[shot.picture.jpeg] = _decoded(shot.picture)
        return tile


def clock(seconds: float) -> str:
    """A media time: 0:54, 12:07, 1:02:03."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


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
    """The tile in the middle of its place, and its label, white on black, in the corner."""
    import cv2

    height, width = tile.shape[:2]
    top, left = (place.shape[0] - height) // 2, (place.shape[1] - width) // 2
    place[top : top + height, left : left + width] = tile
    (text_width, _), _ = cv2.getTextSize(label, cv2.FONT_HERSHEY_SIMPLEX, _LABEL_SCALE, 1)
    place[-_LABEL_HEIGHT:, : text_width + 4] = 0
    cv2.putText(
        place, label, (2, place.shape[0] - 2), cv2.FONT_HERSHEY_SIMPLEX, _LABEL_SCALE, (255, 255, 255), 1, cv2.LINE_AA
    )
