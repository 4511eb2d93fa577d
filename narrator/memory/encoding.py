"""Pixels to JPEG, and down to a size, at the least cost."""

from narrator.memory.layouts import fitted
from narrator.messages import EncodedPicture, Pixels

_JPEG_QUALITY = 75


def encode(pixels: Pixels) -> EncodedPicture:
    """A JPEG of an HxWx3 BGR picture."""
    import cv2

    height, width = pixels.shape[:2]
    done, jpeg = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    assert done, "cv2 encodes every 8-bit picture as JPEG"
    return EncodedPicture(width, height, jpeg.tobytes())


def shrunk(pixels: Pixels, side: int) -> Pixels:
    """The picture with its longest side at most `side`, never enlarged: `fitted` tells its size.

    An exact half is eight times as fast as any other ratio with INTER_AREA, so large pictures go down in steps.
    """
    import cv2

    height, width = pixels.shape[:2]
    size = fitted(width, height, side)
    while max(height, width) >= 2 * side and height % 2 == 0 and width % 2 == 0:
        height, width = height // 2, width // 2
        pixels = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)  # type: ignore[assignment] # stubs
    if (width, height) == size:
        return pixels
    return cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value] # as above


def pyramid(pixels: Pixels, sides: tuple[int, ...]) -> list[Pixels]:
    """The picture at each side, largest first, each made from the one before; equal sizes are left out."""
    levels: list[Pixels] = []
    for side in sides:
        pixels = shrunk(pixels, side)
        if not levels or pixels is not levels[-1]:
            levels.append(pixels)
    return levels
