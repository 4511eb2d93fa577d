"""What is seen: pixels, frames, and the moments that are kept of them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels: TypeAlias = NDArray[np.uint8]
else:  # numpy costs a tenth of a second, which --help does not have
    Pixels = object
"""Height x width x 3, BGR, read-only: shared by every thread and never changed."""


Rectangle: TypeAlias = tuple[int, int, int, int]
"""Left, top, width and height in pixels of the whole desktop, as the system counts them."""


@dataclass(frozen=True, slots=True)
class Picture:
    """What a source read: pixels and their place in it."""

    pixels: Pixels
    media_t: float


@dataclass(frozen=True, slots=True)
class Frame:
    """A captured picture. `epoch` rises with every loop and reconnect: times of two epochs are never compared."""

    seq: int
    captured_at: float
    wall_time: float
    media_t: float
    epoch: int
    pixels: Pixels


@dataclass(frozen=True, slots=True)
class EncodedPicture:
    """A JPEG with its size in pixels."""

    width: int
    height: int
    jpeg: bytes


@dataclass(frozen=True, slots=True)
class Moment:
    """A kept frame: its time and its pictures by longest side, each encoded once."""

    captured_at: float
    media_t: float
    epoch: int
    is_cut: bool
    pictures: tuple[EncodedPicture, ...]
