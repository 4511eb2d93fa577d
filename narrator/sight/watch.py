"""The sight thread: looks at the newest frame, keeps the moments, and publishes what it sees."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from narrator.errors import NarratorError
from narrator.mailbox import Closed, Latest
from narrator.messages import Frame, Level, Notice, Scene
from narrator.seams import Context
from narrator.sight.objects import Detector
from narrator.sight.observer import Observer, Pace
from narrator.sight.reading import TextThread

_LOG = logging.getLogger(__name__)
_LOOK_AGAIN, _LOOK_AGAIN_FOR = 0.1, 3.0
"""A frame that no other follows is looked at again this often and this long, in seconds."""
_LOOK_GAP = 1 / 15
"""Least seconds between two looks. A cut is seen 33 ms later on average; a source of 30 pictures a second costs a fifth
less work in all, most of it for waking up."""
_LONG_GAP = 3.5
_FPS_OVER = 5.0
_CLOSE_TIMEOUT = 1.5


class Memory(Protocol):
    """What keeps pictures for later."""

    def wants(self, frame: Frame) -> bool: ...

    def keep(self, frame: Frame, *, is_cut: bool) -> None: ...


def _never() -> bool:
    return False


class Sight:
    """Owns the sight thread and the text thread. It takes what is newest and never holds up who captures.

    `is_live` says whether the source is one whose picture can freeze or be covered; `on_cut` is told each new
    revision, in the sight thread, after its Scene was published.
    """

    def __init__(
        self,
        frames: Latest[Frame],
        scenes: Latest[Scene],
        history: Memory,
        context: Context,
        on_cut: Callable[[int], None],
        *,
        on_screen: bool = False,
        is_live: Callable[[], bool] = _never,
    ) -> None:
        self._frames, self._scenes, self._history = frames, scenes, history
        self._context, self._on_cut = context, on_cut
        self._is_camera = _never if on_screen else is_live
        self._clock = _Clock()
        self._looks: deque[tuple[float, int]] = deque()
        self._failures: set[str] = set()
        self._revision = 0
        self._last_seq = -1
        self._closing = threading.Event()
        self._text = TextThread(context.notify, frames.nudge) if context.flag("sight.text") else None
        self._thread = threading.Thread(target=self._run, name="sight", daemon=True)

    @property
    def fps(self) -> float:
        """How often it looked for things, a second, of late."""
        looks = tuple(self._looks)
        if len(looks) < 2 or time.monotonic() - looks[-1][0] > _FPS_OVER:
            return 0.0
        return (looks[-1][1] - looks[0][1]) / max(looks[-1][0] - looks[0][0], 1e-3)

    def start(self) -> None:
        if self._text:
            self._text.start()
        self._thread.start()

    def close(self) -> threading.Thread | None:
        """End both threads; returns the one that is still there after a second and a half."""
        deadline = time.monotonic() + _CLOSE_TIMEOUT
        self._closing.set()
        self._frames.nudge()
        left = self._text.close(_CLOSE_TIMEOUT) if self._text else None
        if self._thread.is_alive():
            self._thread.join(max(0.0, deadline - time.monotonic()))
        return self._thread if self._thread.is_alive() else left

    def _run(self) -> None:
        try:
            self._watch()
        except Closed:
            return
        except Exception:  # noqa: BLE001 # the top of the thread
            _LOG.exception("sight ended")
            self._context.notify(Notice(Level.ERROR, "Looking at the picture failed.", "Start the narration again."))

    def _watch(self) -> None:
        detector = self._detector()
        observer: Observer | None = None
        version, frame, looked_at = 0, None, 0.0
        while not self._closing.is_set():
            self._closing.wait(max(0.0, looked_at + _LOOK_GAP - time.monotonic()))
            version, newest = self._frames.wait(version, self._patience(frame))
            looked_at = time.monotonic()
            frame = newest or frame
            if frame is None:
                continue
            if observer is None:
                observer = Observer(detector, self._text.ask if self._text else None, live=self._is_camera())
            try:
                self._see(observer, frame)
            except Exception as error:  # noqa: BLE001 # the top of the thread: the next frame may do
                self._tell_failure(error)

    def _detector(self) -> Detector | None:
        if not self._context.flag("sight.objects"):
            return None
        detector = Detector()
        try:
            detector.open()
        except NarratorError as error:
            _LOG.error("objects are off: %s %s", error, error.detail)
            sentence = f"{error.sentence} People and things will not be recognised."
            self._context.notify(Notice(Level.ERROR, sentence, error.remedy))
            return None
        return detector

    def _patience(self, frame: Frame | None) -> float | None:
        """How long to wait for the next frame before the last one is looked at again; None for ever."""
        if frame is None or time.monotonic() - frame.captured_at > _LOOK_AGAIN_FOR:
            return None
        return _LOOK_AGAIN

    def _see(self, observer: Observer, frame: Frame) -> None:
        is_fresh, self._last_seq = frame.seq != self._last_seq, frame.seq
        at = self._clock.at(frame, is_fresh=is_fresh)
        self._take_text(observer, at)
        if is_fresh or time.monotonic() - frame.captured_at <= _LOOK_AGAIN_FOR:
            self._publish(observer.see(frame, at, self._pace()))
            self._looks.append((time.monotonic(), observer.looks))
            while self._looks[0][0] < time.monotonic() - _FPS_OVER:
                self._looks.popleft()
        is_cut = observer.revision > self._revision
        if is_cut:
            self._revision = observer.revision
            self._on_cut(self._revision)
        if is_fresh and (is_cut or self._history.wants(frame)):
            self._history.keep(frame, is_cut=is_cut)

    def _take_text(self, observer: Observer, at: float) -> None:
        if self._text is None:
            return
        for reading in self._text.answers.drain():
            self._publish(observer.take_text(reading.revision, reading.lines, at))
        if self._text.is_off.is_set():
            observer.stop_reading()

    def _publish(self, scene: Scene | None) -> None:
        if scene is not None:
            self._scenes.put(scene)

    def _pace(self) -> Pace:
        number = self._context.number
        muted = frozenset(name.strip().lower() for name in self._context.text("sight.mute").split(",") if name.strip())
        return Pace(number("sight.rate_moving"), number("sight.rate_still"), number("sight.text_gap"), muted)

    def _tell_failure(self, error: Exception) -> None:
        """Each kind of failure goes to the log once and the user hears of the first."""
        kind = f"{type(error).__name__}: {error}"
        if kind in self._failures:
            return
        if not self._failures:
            self._context.notify(Notice(Level.ERROR, "Looking at a picture failed; the next one is tried."))
        if len(self._failures) < 20:  # some messages hold a number that never repeats
            self._failures.add(kind)
        _LOG.exception("a frame could not be looked at")


class _Clock:
    """The time that sight lives in: that of the frames, without the long gaps in which nothing was captured."""

    def __init__(self) -> None:
        self._last = float("-inf")
        self._skipped = 0.0

    def at(self, frame: Frame, *, is_fresh: bool) -> float:
        now = frame.captured_at if is_fresh else min(time.monotonic(), frame.captured_at + _LOOK_AGAIN_FOR)
        gap = now - self._last
        if is_fresh and gap > _LONG_GAP and self._last > float("-inf"):
            self._skipped += gap - _LONG_GAP
        self._last = max(now, self._last)
        return self._last - self._skipped
