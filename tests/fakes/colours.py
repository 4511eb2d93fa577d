"""A video of plain scenes that differ in colour, for a model that names colours."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from fakes import tiny_gguf
from numpy.typing import NDArray

SIZE = (640, 360)
RATE = 10
_CELL = 40


def scene(colour: str, step: int = 0) -> NDArray[np.uint8]:
    """An RGB picture of one colour, chequered so that it does not pass for a covered camera, and moving with `step`."""
    column, row = np.meshgrid(np.arange(SIZE[0]) + 4 * step, np.arange(SIZE[1]))
    chequers = ((column // _CELL + row // _CELL) % 2)[..., None]
    full = np.array(tiny_gguf.COLOURS[colour])
    return np.where(chequers, full, np.where(full, 190, 50)).astype(np.uint8)


def write_clip(path: Path, colours: Sequence[str], seconds: float) -> Path:
    """A video that shows each colour for so many seconds."""
    width, height = SIZE
    raw = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", str(RATE), "-i", "-")
    coded = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
    command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-y", *raw, *coded, str(path)]
    frames = round(seconds * RATE)
    pictures = (scene(colour, step).tobytes() for colour in colours for step in range(frames))
    subprocess.run(command, input=b"".join(pictures), check=True)
    return path


def shown_at(colours: Sequence[str], seconds: float, media_t: float) -> str:
    """The colour that such a video shows at a time."""
    return colours[min(len(colours) - 1, int((media_t + 0.5 / RATE) / seconds))]
