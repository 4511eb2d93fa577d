"""Frames that carry their number, scene and clock in a line of cells at their top, to be read back from a small JPEG.

The line is a twenty-fourth of the height: 64 black or white cells across the whole width, which hold the number of the
frame (24 bits), of the scene (8), the wall clock in milliseconds modulo 2^24 (24) and a checksum (8).
"""

import time
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
CELLS = 64
_LINES = 24
_CLOCK = 1 << 24
_WHITENING = 0x5A96C3A5B12D4E69
"""So that no stamp is a blank line."""
_CONTRAST = 60


def now_ms(wall_time: float | None = None) -> int:
    """The clock of the stamps."""
    return int((time.time() if wall_time is None else wall_time) * 1000) % _CLOCK


def age(stamp_ms: int, wall_time: float) -> float:
    """Seconds from a stamp's clock to a wall time."""
    difference = (now_ms(wall_time) - stamp_ms) % _CLOCK
    return (difference if difference < _CLOCK // 2 else difference - _CLOCK) / 1000


def draw(picture: Pixels, frame: int, scene: int, ms: int | None = None) -> Pixels:
    """Stamp a BGR picture in place and return it."""
    height, width = picture.shape[:2]
    word = _encoded(frame, scene, now_ms() if ms is None else ms)
    bits = np.array([[255 * (word >> (CELLS - 1 - place) & 1) for place in range(CELLS)]], np.uint8)
    line = cv2.resize(bits, (width, height // _LINES), interpolation=cv2.INTER_NEAREST)
    picture[: height // _LINES] = line[:, :, None]
    return picture


def stamp_in(jpeg: bytes) -> dict[str, Any] | None:
    """Frame, scene and clock in ms of a stamped picture that was not cropped; None when it carries no stamp."""
    grey = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
    return None if grey is None else _read(np.asarray(grey, np.uint8))


def _read(grey: Pixels) -> dict[str, Any] | None:
    height, width = grey.shape
    line = height / _LINES
    rows = grey[max(0, round(line * 0.25)) : max(1, round(line * 0.75))].mean(0)
    cell = width / CELLS
    values = np.array(
        [rows[round((place + 0.3) * cell) : round((place + 0.7) * cell) + 1].mean() for place in range(CELLS)]
    )
    if values.max() - values.min() < _CONTRAST:
        return None
    word = 0
    for bit in values > (values.max() + values.min()) / 2:
        word = word << 1 | int(bit)
    word ^= _WHITENING
    value, checksum = word >> 8, word & 255
    if _checksum(value) != checksum:
        return None
    return {"frame": value >> 32, "scene": value >> 24 & 255, "ms": value & (_CLOCK - 1)}


def _encoded(frame: int, scene: int, ms: int) -> int:
    value = (frame % _CLOCK) << 32 | (scene & 255) << 24 | ms % _CLOCK
    return (value << 8 | _checksum(value)) ^ _WHITENING


def _checksum(value: int) -> int:
    """CRC-8 with the polynomial 0x07, of 56 bits."""
    checksum = 0
    for shift in range(48, -1, -8):
        checksum ^= value >> shift & 255
        for _ in range(8):
            checksum = (checksum << 1 ^ 0x07) & 255 if checksum & 128 else checksum << 1 & 255
    return checksum
