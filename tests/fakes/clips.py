"""Small videos made on the fly; every frame of a numbered clip shows its number as black and white bars."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

BITS = 12
SIZE = (320, 180)
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "15", "-bf", "0", "-pix_fmt", "yuv420p")


def numbered_picture(number: int, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    """A BGR picture of width x height pixels with `number` in it, read back by `number_in`."""
    bars = np.array([[255 if number >> bit & 1 else 0 for bit in reversed(range(BITS))]], np.uint8)
    grey = cv2.resize(bars, size, interpolation=cv2.INTER_NEAREST)
    return np.ascontiguousarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), dtype=np.uint8)


def number_in(pixels: NDArray[np.uint8]) -> int:
    """The number that a frame of a numbered clip shows."""
    height, width = pixels.shape[:2]
    row = pixels[height // 2, :, 1]
    bars = [row[int((bar + 0.5) * width / BITS)] > 127 for bar in range(BITS)]
    return int("".join("1" if bar else "0" for bar in bars), 2)


def write_numbered_clip(
    path: Path,
    frames: int,
    *,
    rate: float = 30,
    size: tuple[int, int] = SIZE,
    options: Sequence[str] = H264,
) -> Path:
    """Encode a video whose frames show 0, 1, 2 ... with ffmpeg."""
    width, height = size
    raw = ("-f", "rawvideo", "-pix_fmt", "bgr24", "-s", f"{width}x{height}", "-r", str(rate), "-i", "-")
    command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-y", *raw, *options, str(path)]
    pictures = b"".join(numbered_picture(number, size).tobytes() for number in range(frames))
    subprocess.run(command, input=pictures, check=True)
    return path


@pytest.fixture(scope="session")
def numbered_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """120 numbered frames at 30 a second."""
    return write_numbered_clip(tmp_path_factory.mktemp("clips") / "numbered.mp4", 120)


@pytest.fixture(scope="session")
def short_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """15 numbered frames at 30 a second: half a second."""
    return write_numbered_clip(tmp_path_factory.mktemp("clips") / "short.mp4", 15)


@pytest.fixture(scope="session")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 s of numbered frames at 25 a second, for servers that play it."""
    return write_numbered_clip(tmp_path_factory.mktemp("clips") / "long.mp4", 1000, rate=25, size=(160, 90))
