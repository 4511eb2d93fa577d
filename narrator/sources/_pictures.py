"""Reads picture files of every common kind into 8-bit BGR."""

from pathlib import Path
from typing import TYPE_CHECKING

from narrator.errors import SourceRefused
from narrator.messages import Pixels
from narrator.sources._opencv import as_bgr, quieten
from narrator.sources._probe import is_text, name_of, why_unreadable

if TYPE_CHECKING:
    from cv2.typing import MatLike

SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".avif",
    ".jp2", ".pgm", ".ppm", ".pbm", ".pnm", ".ras", ".sr", ".hdr", ".pfm", ".heic", ".heif",
)  # fmt: skip
STEP = 0.2
"""Seconds between two showings of a picture that stays."""
_LONGEST_SIDE = 3840


def load_picture(path: Path) -> Pixels:
    """A picture file upright, over white where transparent, 3840 pixels a side at most. Raises `SourceRefused`."""
    import cv2
    import numpy as np

    problem = why_unreadable(path, "picture")
    if problem:
        raise problem
    quieten()
    try:
        pixels = _decoded(np.fromfile(path, np.uint8))  # OpenCV cannot open every name on Windows
    except (OSError, MemoryError, cv2.error) as error:
        raise _why_not_shown(path) from error
    if pixels is None:
        raise _why_not_shown(path)
    return _shrunk(pixels)


def _decoded(data: Pixels) -> Pixels | None:
    import cv2

    if data[:2].tobytes() != b"\xff\xd8":  # a JPEG is never transparent and always 8 bits
        raw = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
        if raw is not None and raw.ndim == 3 and raw.shape[2] == 4:
            return _over_white(raw)
        if raw is not None and raw.dtype.kind == "f":
            return _tone_mapped(raw)
    colour = cv2.imdecode(data, cv2.IMREAD_COLOR)  # this also turns it upright and makes 8 bits of 16
    return None if colour is None else as_bgr(colour)


def _over_white(raw: "MatLike") -> Pixels:
    import numpy as np

    top = 65535 if raw.dtype == np.uint16 else 255
    share = raw[:, :, 3:].astype(np.float32) / top
    blended = raw[:, :, :3] * (255 / top) * share + 255 * (1 - share)
    return blended.astype(np.uint8)


def _tone_mapped(raw: "MatLike") -> Pixels:
    """Light as physics measures it, squeezed so that the brightest is white (gamma 2.2)."""
    import numpy as np

    light = np.nan_to_num(raw.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    scaled = np.clip(light / max(float(light.max()), 1e-9), 0, 1) ** (1 / 2.2)
    return as_bgr((scaled * 255).astype(np.uint8))


def _shrunk(pixels: Pixels) -> Pixels:
    import cv2

    height, width = pixels.shape[:2]
    scale = _LONGEST_SIDE / max(height, width)
    if scale >= 1:
        return pixels
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return as_bgr(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))


def _why_not_shown(path: Path) -> SourceRefused:
    if is_text(path):
        return SourceRefused(f"{name_of(path)} is a text file, not a picture.", "Choose a picture file.")
    if path.suffix.lower() in (".heic", ".heif"):
        return SourceRefused(f"{name_of(path)} is a HEIC picture, which cannot be read.", "Convert it to JPEG.")
    return SourceRefused(f"{name_of(path)} is not a picture that can be read.", "Convert it to JPEG or PNG.")
