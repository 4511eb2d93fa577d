"""Reads a source in a thread of its own: a live one as it comes, any other at the pace of its own timestamps."""

import logging
import time
from collections import deque
from collections.abc import Callable
from threading import Thread

from narrator.errors import SourceError, SourceRefused
from narrator.mailbox import Closed, Latest
from narrator.messages import Frame, Pixels
from narrator.seams import Source

_STALE_AFTER = 4.0
"""Seconds without a picture after which a live source counts as lost: more than OpenCV's own time limit of 3 s."""
_SLOW_TO_BEGIN = 12.0
"""Seconds that a source gets to open, and then a live one to give its first picture, which may wait for a key frame."""
_STEADY_AFTER = 1.0
_REPEAT = 0.25
"""Seconds after which a picture that stays is handed on again, so that what is seen is never old."""
_LATE = 0.05
_LONGEST_SKIP = 0.5
_FPS_WINDOW = 2.0
_NEVER = float("inf")
_log = logging.getLogger(__name__)


class Outlet:
    """Numbers and times pictures and hands each on as the newest frame, waiting for nobody."""

    def __init__(self, frames: Latest[Frame]) -> None:
        self.seq = 0
        self.epoch = 0
        self.drops = 0
        self._frames = frames
        self._recent: deque[float] = deque(maxlen=256)

    @property
    def fps(self) -> float:
        """Pictures a second, over the last 2 s."""
        now = time.monotonic()
        return sum(now - at < _FPS_WINDOW for at in tuple(self._recent)) / _FPS_WINDOW

    def put(self, pixels: Pixels, media_t: float) -> None:
        now = time.monotonic()
        pixels.flags.writeable = False
        self.seq += 1
        self._frames.put(Frame(self.seq, now, time.time(), media_t, self.epoch, pixels))
        self._recent.append(now)


class Reading(Thread):
    """One opening of a source, from `open` to its end; nudges `wish` when it has opened, begins and is over.

    `wish` holds True to play and False to hold a source that is not live; closing it ends the reading. `steady` is
    called once, when pictures have come for a second.
    """

    def __init__(
        self, source: Source, outlet: Outlet, wish: Latest[bool], steady: Callable[[], None], *, loop: bool
    ) -> None:
        super().__init__(name="capture-read", daemon=True)
        self.error: SourceError | None = None
        self.is_over = False
        self.is_opening = True
        self.is_abandoned = False
        self._source = source
        self._outlet = outlet
        self._wish = wish
        self._steady = steady
        self._loop = loop
        self._last_at = time.monotonic()
        self._first_at: float | None = None

    @property
    def holds(self) -> bool:
        """It can be held in place."""
        return not self.is_opening and not self._source.live

    @property
    def overdue_at(self) -> float:
        """When it should have opened, or given its next picture."""
        if not self.is_opening and not self._source.live:
            return _NEVER
        return self._last_at + (_SLOW_TO_BEGIN if self._first_at is None else _STALE_AFTER)

    def abandon(self) -> None:
        """Take nothing more from it; the thread ends as soon as it wakes."""
        self.is_abandoned = True

    def run(self) -> None:
        try:
            self._open()
            if self._source.live:
                self._read_live()
            else:
                self._play()
        except Closed:
            pass
        except SourceError as error:
            self.error = error
        except Exception as error:  # noqa: BLE001 - the top of this thread
            _log.exception("Reading the source failed")
            self.error = SourceRefused("The source failed.", "Choose another one.", repr(error))
        finally:
            self.is_opening = False
            self.is_over = True
            self._wish.nudge()

    def _open(self) -> None:
        self._source.open()
        if self.is_abandoned:
            self._source.close()
            raise Closed
        self._outlet.epoch += 1
        self._last_at = time.monotonic()
        self.is_opening = False
        self._wish.nudge()

    def _read_live(self) -> None:
        while not self.is_abandoned:
            picture = self._source.read()
            if picture is None:
                return
            self._show(picture.pixels, picture.media_t)

    def _show(self, pixels: Pixels, media_t: float) -> None:
        if self.is_abandoned:
            raise Closed
        self._outlet.put(pixels, media_t)
        self._last_at = time.monotonic()
        if self._first_at is None:
            self._first_at = self._last_at
            self._wish.nudge()
        elif self._last_at - self._first_at >= _STEADY_AFTER:
            self._first_at = _NEVER
            self._steady()

    def _play(self) -> None:
        while _Playing(self._source, self._outlet, self._wish, self._show).to_the_end() and self._loop:
            self._source.rewind()
            self._outlet.epoch += 1


class _Playing:
    """One pass over a source that is not live: media time 0 is `_origin` on the monotonic clock."""

    def __init__(
        self, source: Source, outlet: Outlet, wish: Latest[bool], show: Callable[[Pixels, float], None]
    ) -> None:
        self._source = source
        self._outlet = outlet
        self._wish = wish
        self._show = show
        self._origin = 0.0
        self._at: float | None = None
        self._period = 0.0
        self._shown: Pixels | None = None

    def to_the_end(self) -> bool:
        """Show every picture at its time and wait for the end of the last: False when there was none."""
        while (picture := self._source.read()) is not None:
            self._note(picture.media_t)
            self._wait_until(picture.media_t)
            self._shown = picture.pixels
            self._show(picture.pixels, picture.media_t)
            self._catch_up()
        if self._at is None:
            return False
        self._wait_until(self._at + self._period)
        return True

    def _note(self, media_t: float) -> None:
        if self._at is None:
            self._origin = time.monotonic() - media_t
        else:
            self._period = max(0.0, media_t - self._at)
        self._at = media_t

    def _wait_until(self, media_t: float) -> None:
        """Wait for a moment of media time, which stands still while the user holds it. Raises `Closed`."""
        version, playing = self._wish.wait(0)
        while True:
            began = time.monotonic()
            left = self._origin + media_t - began
            if playing and left <= 0:
                return
            version, item = self._wish.wait(version, min(left, _REPEAT) if playing else None)
            now = time.monotonic()
            if not playing:
                self._origin += now - began
            elif now - began >= _REPEAT and self._shown is not None:
                self._show(self._shown, now - self._origin)
            playing = playing if item is None else item

    def _catch_up(self) -> None:
        """Pass over pictures, unconverted, whose time is already over."""
        until = time.monotonic() + _LONGEST_SKIP
        while self._at is not None and self._late() > max(_LATE, self._period) and time.monotonic() < until:
            at = self._source.skip()
            if at is None:
                return
            self._outlet.drops += 1
            self._note(at)

    def _late(self) -> float:
        """Seconds since the next picture should have been shown."""
        return time.monotonic() - self._origin - (self._at or 0.0) - self._period
