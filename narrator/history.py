"""The rolling frame buffer: the newest frames large, older ones smaller, each picture encoded once per size."""

from collections import deque
from dataclasses import replace

from narrator.messages import EncodedPicture, Frame, Moment, Pixels

SIDES = (768, 384, 192)
"""Longest sides in pixels that a moment is kept at."""
_LARGE_FOR = 8.0
_MIDDLE_FOR = 60.0
_JPEG_QUALITY = 75


class History:
    """Keeps a moment each `interval` s and at cuts, within `max_bytes`. One thread writes; any thread reads."""

    def __init__(self, interval: float, max_bytes: int) -> None:
        self._interval = interval
        self._max_bytes = max_bytes
        self._kept: deque[Moment] = deque()
        self._snapshot: tuple[Moment, ...] = ()
        self._newest: tuple[int, EncodedPicture] | None = None

    def wants(self, frame: Frame) -> bool:
        """True when it is time for the next moment."""
        return not self._kept or frame.captured_at - self._kept[-1].captured_at >= self._interval

    def keep(self, frame: Frame, *, is_cut: bool) -> None:
        """Encode the frame and add it; older moments give up their larger pictures, the oldest go."""
        pictures = tuple(encode(pixels) for pixels in _pyramid(frame.pixels))
        self._kept.append(Moment(frame.captured_at, frame.media_t, frame.epoch, is_cut, pictures))
        self._age(frame.captured_at)
        while self.bytes > self._max_bytes and len(self._kept) > 1:
            self._kept.popleft()
        self._snapshot = tuple(self._kept)

    def moments(self) -> tuple[Moment, ...]:
        """What is kept, oldest first."""
        return self._snapshot

    def newest(self, frame: Frame) -> EncodedPicture:
        """This frame at full size for a model (longest side 768), encoded once however often it is asked for."""
        if self._newest is None or self._newest[0] != frame.seq:
            self._newest = (frame.seq, encode(shrunk(frame.pixels, SIDES[0])))
        return self._newest[1]

    @property
    def bytes(self) -> int:
        """Bytes of all kept pictures."""
        return sum(len(picture.jpeg) for moment in self._kept for picture in moment.pictures)

    def _age(self, now: float) -> None:
        for index, moment in enumerate(self._kept):
            age = now - moment.captured_at
            largest = SIDES[0] if age < _LARGE_FOR else SIDES[1] if age < _MIDDLE_FOR else SIDES[2]
            fitting = tuple(p for p in moment.pictures if max(p.width, p.height) <= largest)
            if len(fitting) < len(moment.pictures):
                self._kept[index] = replace(moment, pictures=fitting or moment.pictures[-1:])


def encode(pixels: Pixels) -> EncodedPicture:
    """A JPEG of an HxWx3 BGR picture."""
    import cv2

    height, width = pixels.shape[:2]
    done, jpeg = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    assert done, "cv2 encodes every 8-bit picture as JPEG"
    return EncodedPicture(width, height, jpeg.tobytes())


def shrunk(pixels: Pixels, side: int) -> Pixels:
    """The picture with its longest side at most `side`, never enlarged.

    An exact half is eight times as fast as any other ratio with INTER_AREA, so large pictures go down in two steps.
    """
    import cv2

    height, width = pixels.shape[:2]
    longest = max(height, width)
    if longest <= side:
        return pixels
    if longest >= 2 * side and height % 2 == 0 and width % 2 == 0:
        half = cv2.resize(pixels, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        return shrunk(half, side)  # type: ignore[arg-type] # cv2's stubs widen the element type
    size = (max(1, round(width * side / longest)), max(1, round(height * side / longest)))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value] # as above


def _pyramid(pixels: Pixels) -> list[Pixels]:
    levels: list[Pixels] = []
    for side in SIDES:
        pixels = shrunk(pixels, side)
        if not levels or pixels is not levels[-1]:
            levels.append(pixels)
    return levels
