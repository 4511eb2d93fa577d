"""Keeps pictures coming: opens the source, watches over its reading, and opens it anew when it is lost.

Two threads work here. One reads, and may block for ever in a driver, as with a camera that was unplugged; the other
watches it, abandons it when pictures stay away, and tells the user.
"""

import logging
import time
from collections.abc import Callable
from threading import Event, Thread

from narrator.capture_reading import Outlet, Reading
from narrator.errors import SourceError, SourceLost, SourceRefused
from narrator.mailbox import Closed, Latest
from narrator.messages import Frame, Level, Notice
from narrator.seams import Source

_FIRST_BACK_OFF = 0.25
_LONGEST_BACK_OFF = 2.0
_MOST_BLOCKED = 4
_TO_WAKE = 0.5
"""Seconds that a read gets to notice that its source was closed."""
_log = logging.getLogger(__name__)


class Capture:
    """Feeds `frames` from `source` between `start` and `close`. `title` is what a sentence calls the source.

    It tells with `notify` when a source is lost and when it is back, once each; that a source can never open is told
    by `failure` alone.
    """

    def __init__(
        self,
        source: Source,
        title: str,
        frames: Latest[Frame],
        notify: Callable[[Notice], None],
        *,
        loop: bool = False,
    ) -> None:
        self.ended = Event()
        """Set when the source is over for good: at the end of a file, when it can never open, after `close`."""
        self.failure: SourceError | None = None
        """Why it can never open; None at a normal end."""
        self._source = source
        self._title = title[:1].upper() + title[1:]
        self._notify = notify
        self._loop = loop
        self._outlet = Outlet(frames)
        self._wish: Latest[bool] = Latest()
        self._good_news = ""
        self._back_off = _FIRST_BACK_OFF
        self._reading: Reading | None = None
        self._blocked: list[Reading] = []
        self._thread = Thread(target=self._run, name="capture", daemon=True)

    @property
    def fps(self) -> float:
        """Pictures a second, over the last 2 s."""
        return self._outlet.fps

    @property
    def drops(self) -> int:
        """Pictures of a file that were passed over because they came late."""
        return self._outlet.drops

    def start(self) -> None:
        self._wish.put(True)
        self._thread.start()

    def pause(self) -> None:
        """Hold a file where it is, release a camera, a screen or a stream."""
        self._wish.put(False)

    def resume(self) -> None:
        """Go on after `pause`."""
        self._wish.put(True)

    def close(self) -> Thread | None:
        """End within 2 s: the thread that is left behind because it blocks, or None."""
        self._wish.close()
        if self._thread.is_alive():
            self._thread.join(1.0)
        self.ended.set()
        reading = self._reading
        if reading is not None:
            reading.join(_TO_WAKE)
        return next((thread for thread in (self._thread, reading) if thread and thread.is_alive()), None)

    def _run(self) -> None:
        try:
            while not self.ended.is_set():
                self._wait_to_open()
                self._read_once()
        except Closed:
            pass
        except Exception as error:  # noqa: BLE001 - the top of this thread
            _log.exception("Capture failed")
            self._end(SourceRefused("The source failed.", "Choose another one.", repr(error)))
        finally:
            if self._reading is not None:
                self._reading.abandon()
            self._source.close()

    def _wait_to_open(self) -> None:
        """Wait until the user wants to play and no older thread is in the way. Raises `Closed`."""
        version, playing = self._wish.wait(0)
        while not playing or self._is_obstructed():
            version, playing = self._wish.wait(version)

    def _is_obstructed(self) -> bool:
        """True while an older thread may still open the source, or too many of them hang."""
        self._blocked = [reading for reading in self._blocked if not reading.is_over]
        return len(self._blocked) >= _MOST_BLOCKED or any(reading.is_opening for reading in self._blocked)

    def _read_once(self) -> None:
        """Open and read until the source ends, is lost or is paused. Raises `Closed`."""
        reading = Reading(self._source, self._outlet, self._wish, self._steady, loop=self._loop)
        self._reading = reading
        reading.start()
        error = self._watch(reading)
        if reading.is_abandoned and error is None:
            return
        self._source.close()
        if error is None:
            self._end(None)
        else:
            self._fail(error)

    def _watch(self, reading: Reading) -> SourceError | None:
        """Wait until the reading is over, or abandon it: what went wrong, if anything. Raises `Closed`."""
        version, playing = self._wish.wait(0)
        while not reading.is_over:
            if not playing and not reading.holds:
                self._abandon(reading)
                return None
            left: float | None = reading.overdue_at - time.monotonic()
            if left is not None and left <= 0:
                if not reading.is_opening:
                    self._abandon(reading)
                    return SourceLost(f"{self._title} stopped.", detail="a read blocks")
                self._tell_lost(SourceLost(f"{self._title} does not answer."))
                left = None
            version, newer = self._wish.wait(version, None if left == float("inf") else left)
            playing = playing if newer is None else newer
        return reading.error

    def _abandon(self, reading: Reading) -> None:
        """Leave a thread that may hang to itself; it lets go of what it holds when it wakes."""
        reading.abandon()
        self._source.close()
        reading.join(_TO_WAKE)
        self._blocked.append(reading)

    def _fail(self, error: SourceError) -> None:
        """End when trying again is no use, else wait a while. Raises `Closed`."""
        level = logging.DEBUG if self._good_news else logging.WARNING
        _log.log(level, "%s: %s %s", self._title, error.sentence, error.detail)
        was_there = self._outlet.seq > 0 and self._source.live  # a camera that was unplugged may be plugged in again
        if isinstance(error, SourceRefused) and not was_there:
            self._end(error)
            return
        self._tell_lost(error)
        delay, self._back_off = self._back_off, min(2 * self._back_off, _LONGEST_BACK_OFF)
        self._wait(delay)

    def _wait(self, seconds: float) -> None:
        """Wait, but not while the user has paused. Raises `Closed`."""
        until = time.monotonic() + seconds
        version, playing = self._wish.wait(0)
        while playing and (left := until - time.monotonic()) > 0:
            version, newer = self._wish.wait(version, left)
            playing = playing if newer is None else newer

    def _tell_lost(self, error: SourceError) -> None:
        """Say that the source is lost, once until it is back."""
        if self._good_news:
            return
        was_there = self._outlet.seq > 0
        self._good_news = f"{self._title} is back." if was_there else f"{self._title} has started."
        sentence = f"{self._title} stopped." if was_there else error.sentence
        self._notify(Notice(Level.WARNING, f"{sentence} Trying again.", error.remedy))

    def _steady(self) -> None:
        """Pictures come well: say so if they were lost. Called by the reading thread."""
        self._back_off = _FIRST_BACK_OFF
        good_news, self._good_news = self._good_news, ""
        if good_news:
            self._notify(Notice(Level.INFO, good_news))

    def _end(self, failure: SourceError | None) -> None:
        self.failure = failure
        self.ended.set()
