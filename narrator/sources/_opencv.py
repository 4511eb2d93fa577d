"""Opens videos and cameras through OpenCV, whose FFmpeg options are one environment variable for the whole process."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from narrator.errors import SourceRefused
from narrator.messages import Pixels

if TYPE_CHECKING:
    import cv2
    from cv2.typing import MatLike

OPEN_TIMEOUT = 4.0
LONG_OPEN_TIMEOUT = 8.0
"""Seconds for a stream whose size is known only from its first key frame."""
READ_TIMEOUT = 3.0
_ONE_THREAD_UP_TO = 1920 * 1088
"""Pixels. Decoding in several threads costs a third more work, which only larger pictures need."""
_OPTIONS = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
_LOW_DELAY = "rtsp_flags;prefer_tcp|flags;low_delay|probesize;32768|analyzeduration;100000"
"""Options of FFmpeg. They make a live stream fresher, and lose pictures of a file.

Not among them is fflags;nobuffer: it throws away the first key frame, and the next may be 10 s away.
"""
_FIRST_PICTURE = 9.0
"""Seconds that a live stream gets to send a key frame, from which on it can be shown."""
_DESCRIPTORS = Path("/proc/self/fd")
"""Where Linux lists the files that this process has open, each under its number."""
_opening = Lock()
"""Keeps the options of a live stream from a file. It costs no time: OpenCV opens one video at a time in any case."""


class Reader:
    """One opened video, read by one thread; `close` may come from any other, even while a read blocks."""

    def __init__(self, capture: "cv2.VideoCapture") -> None:
        import cv2

        self._capture: cv2.VideoCapture | None = capture
        self._at = -1.0
        self._has_begun = False
        self._opened_at = time.monotonic()
        self.has_size = capture.get(cv2.CAP_PROP_FRAME_WIDTH) > 0
        rate = capture.get(cv2.CAP_PROP_FPS)
        count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.period = 1 / rate if 0 < rate <= 1000 else 0.04
        self.duration = count * self.period if count > 1 and rate > 0 else None
        """Seconds, as the file's header says; None when the video has no known end."""

    def advance(self) -> float | None:
        """Take the next picture without converting it: its time in seconds, always rising; None at the end."""
        import cv2

        capture = self._capture
        if capture is None or not capture.grab():
            return None
        at = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        self._at = at if at > self._at else self._at + self.period
        return self._at

    def pixels(self) -> Pixels | None:
        """The picture that `advance` took, or None when it is damaged."""
        capture = self._capture
        if capture is None:
            return None
        good, pixels = capture.retrieve()
        return as_bgr(pixels) if good and pixels is not None and pixels.size else None

    def read(self) -> Pixels | None:
        """The next picture of a live video, or None when it stopped."""
        while (capture := self._capture) is not None:
            asked_at = time.monotonic()
            is_there = capture.grab()
            now = time.monotonic()
            is_late = now - asked_at > 0.95 * READ_TIMEOUT
            if is_there and not (is_late and self._has_begun):  # a late one is an old one, left in the decoder
                self._has_begun = True
                return self.pixels()
            if self._has_begun or not is_late or now > self._opened_at + _FIRST_PICTURE:
                return None
        return None

    def seek(self, at: float) -> None:
        """Go on at about `at` seconds."""
        import cv2

        if self._capture is not None:
            self._capture.set(cv2.CAP_PROP_POS_MSEC, at * 1000)

    def close(self) -> None:
        """Let go of the video; a read that still blocks keeps it alive until it returns."""
        self._capture = None


def open_file(path: Path, descriptors: Path = _DESCRIPTORS) -> Reader | None:
    """A video file, or None when it cannot be opened. Raises `SourceRefused` for a name that OpenCV cannot take."""
    import cv2

    quieten()
    with _opening, _plain_name(path.absolute(), descriptors) as name:
        capture = cv2.VideoCapture(name, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
        size = capture.get(cv2.CAP_PROP_FRAME_WIDTH) * capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
        if size > _ONE_THREAD_UP_TO:
            capture.release()
            capture = cv2.VideoCapture(name, cv2.CAP_FFMPEG)
        return _opened(capture)


def open_url(url: str, *, timeout: float = OPEN_TIMEOUT, low_delay: bool = False) -> Reader | None:
    """A video from the network, or None when it cannot be opened within `timeout` s."""
    reader = _open_url(url, timeout, _LOW_DELAY if low_delay else None)
    if reader is None or reader.has_size or not low_delay:
        return reader
    reader.close()
    return _open_url(url, LONG_OPEN_TIMEOUT, None)  # the short look that low delay allows did not find its size


def open_camera(device: int | str, backend: int, wishes: dict[int, float]) -> Reader | None:
    """A camera by number or path, asked for `wishes` by OpenCV property; None when it cannot be opened."""
    import cv2

    if isinstance(device, str) and not _is_text(device):
        return None
    quieten()
    capture = cv2.VideoCapture(device, backend)
    if capture.isOpened():
        for wish, value in wishes.items():
            capture.set(wish, value)
    return _opened(capture)


def as_bgr(pixels: "MatLike") -> Pixels:
    """The same 8-bit picture as contiguous BGR, whatever number of channels it came with."""
    import cv2
    import numpy as np

    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    if channels == 1:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR)
    elif channels == 4:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_BGRA2BGR)
    return np.ascontiguousarray(pixels, dtype=np.uint8)


def quieten() -> None:
    """Keep OpenCV and FFmpeg from writing to the terminal; we say what is wrong in our own words."""
    import cv2

    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # AV_LOG_QUIET, read when FFmpeg is first used
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def _open_url(url: str, timeout: float, ffmpeg_options: str | None) -> Reader | None:
    import cv2

    quieten()
    options = [
        cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
        round(timeout * 1000),
        cv2.CAP_PROP_READ_TIMEOUT_MSEC,
        round(READ_TIMEOUT * 1000),
        cv2.CAP_PROP_N_THREADS,
        1,  # threads that each hold a picture back would make it older
    ]
    with _opening:
        before = os.environ.get(_OPTIONS)
        if ffmpeg_options is not None:
            os.environ[_OPTIONS] = ffmpeg_options
        try:
            return _opened(cv2.VideoCapture(url, cv2.CAP_FFMPEG, options))
        finally:
            _restore(before)


@contextmanager
def _plain_name(path: Path, descriptors: Path) -> Iterator[str]:
    """A name of the file that OpenCV can take: one that is not UTF-8 makes its Python binding crash."""
    if _is_text(str(path)):
        yield str(path)
    elif descriptors.is_dir():
        with path.open("rb") as file:
            yield str(descriptors / str(file.fileno()))
    else:
        raise SourceRefused("The name of the video has letters that cannot be read.", "Rename it and its folders.")


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _opened(capture: "cv2.VideoCapture") -> Reader | None:
    return Reader(capture) if capture.isOpened() else None


def _restore(before: str | None) -> None:
    if before is None:
        os.environ.pop(_OPTIONS, None)
    else:
        os.environ[_OPTIONS] = before
