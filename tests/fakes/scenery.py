"""Pictures, boxes and frames for the tests of sight."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from narrator.messages import Box, Frame

DATA = Path(__file__).resolve().parents[1] / "data"
Pixels = NDArray[np.uint8]


def frame(pixels: Pixels, seq: int, at: float, epoch: int = 0) -> Frame:
    """A frame that was captured at the time `at`, in seconds."""
    return Frame(seq, at, at, at, epoch, pixels)


def box(x: float, y: float = 0.5, width: float = 0.1, height: float = 0.3) -> Box:
    """A box around a centre, in parts of the picture."""
    return Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2)


@cache
def photo(name: str) -> Pixels:
    """A committed photograph: "astronaut" (a person), "chelsea" (a cat) or "coffee" (a cup)."""
    return as_pixels(cv2.imread(str(DATA / f"{name}.jpg")))


def landscape(seed: int, size: tuple[int, int] = (320, 180)) -> Pixels:
    """Something like a photograph: soft and hard shapes in all sizes, another one for each seed."""
    rng = np.random.default_rng(seed)
    width, height = size
    picture = np.zeros((height, width, 3), np.float32)
    for cells in (3, 7, 16, 40):
        patches = rng.uniform(0, 255, (cells, cells, 3)).astype(np.float32)
        method = cv2.INTER_CUBIC if cells % 2 else cv2.INTER_NEAREST
        picture += cv2.resize(patches, size, interpolation=method) / cells**0.5
    low, high = np.percentile(picture, (1, 99))
    return as_pixels(np.clip((picture - low) / (high - low) * 255, 0, 255))


def noise(pixels: Pixels, sigma: float, rng: np.random.Generator) -> Pixels:
    """The picture with a camera's noise of this standard deviation, of 255."""
    return as_pixels(np.clip(pixels + rng.normal(0, sigma, pixels.shape).astype(np.float32), 0, 255))


def lit(pixels: Pixels, gain: float, offset: float = 0.0) -> Pixels:
    """The picture in another light."""
    return as_pixels(np.clip(pixels * np.float32(gain) + offset, 0, 255))


def sign(*lines: str, size: tuple[int, int] = (640, 360), scale: float = 1.6) -> Pixels:
    """A light sign with dark lines of text."""
    width, height = size
    picture = np.full((height, width, 3), 215, np.uint8)
    for row, line in enumerate(lines):
        at = (width // 12, int(height * 0.3 + row * 52 * scale))
        cv2.putText(picture, line, at, cv2.FONT_HERSHEY_SIMPLEX, scale, (40, 30, 30), round(2.5 * scale), cv2.LINE_AA)
    return picture


def pasted(ground: Pixels, thing: Pixels, x: int, y: int = 0) -> Pixels:
    """The ground with a thing on it whose left upper corner is at (x, y), cut off at the edges."""
    picture = ground.copy()
    rows, columns = ground.shape[:2]
    left, right = max(x, 0), min(x + thing.shape[1], columns)
    top, bottom = max(y, 0), min(y + thing.shape[0], rows)
    if left < right and top < bottom:
        picture[top:bottom, left:right] = thing[top - y : bottom - y, left - x : right - x]
    return picture


def times(fps: float, start: float = 0.0) -> Iterator[float]:
    """The times of frames, in seconds, without end."""
    number = 0
    while True:
        yield start + number / fps
        number += 1


def as_pixels(array: object) -> Pixels:
    return np.ascontiguousarray(array, dtype=np.uint8)
