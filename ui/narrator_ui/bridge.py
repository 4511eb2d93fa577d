"""Brings what the session's threads made into the window: one timer looks, and no thread ever calls Qt."""

from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from narrator.messages import Event, Frame, Pixels
from narrator.session import Session

TICK_MS = 25
"""40 looks a second: with no more of them than pictures, a look that is a little late misses one."""
_STILL_TICKS = 20


class Bridge(QObject):
    """Shows each new picture, hands on each event, then calls `tick`, every `TICK_MS` milliseconds."""

    first_picture = Signal()
    stood_still = Signal()
    """No new picture came for half a second."""

    def __init__(
        self,
        session: Session,
        show_picture: Callable[[Pixels], None],
        handle: Callable[[Event], None],
        tick: Callable[[], None],
    ) -> None:
        super().__init__()
        self._session = session
        self._events = session.subscribe()
        self._show_picture, self._handle, self._tick = show_picture, handle, tick
        self._shown: Frame | None = None
        self._still_ticks = 0
        self._timer = QTimer(self, interval=TICK_MS, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._look)
        self._timer.start()

    def close(self) -> None:
        """Look no more."""
        self._timer.stop()

    def _look(self) -> None:
        self._look_for_picture()
        for event in self._events.drain():
            self._handle(event)
        self._tick()

    def _look_for_picture(self) -> None:
        frame = self._session.frames.peek()
        if frame is None or frame is self._shown:
            self._still_ticks += 1
            if self._still_ticks == _STILL_TICKS:
                self.stood_still.emit()
            return
        self._still_ticks = 0
        is_first, self._shown = self._shown is None, frame
        self._show_picture(frame.pixels)
        if is_first:
            self.first_picture.emit()
