"""Keeps our own windows out of a captured screen, so that captions are never read back."""

import sys
from collections import deque
from collections.abc import Callable, Sequence

from PySide6.QtCore import QRect
from PySide6.QtWidgets import QApplication, QWidget

from narrator import registry
from narrator.messages import Rectangle

_HOLD_TICKS = 5
"""How long a place counts after a window left it: the screen may still show it."""


class OwnWindows:
    """Tells where our windows are, dialogs, menus and tooltips included, when that changes."""

    def __init__(self, tell: Callable[[Sequence[Rectangle]], None], source: Callable[[], str]) -> None:
        self._tell, self._source = tell, source
        self._recent: deque[frozenset[Rectangle]] = deque(maxlen=_HOLD_TICKS)
        self._told: frozenset[Rectangle] = frozenset()

    def look(self) -> None:
        """Compare with what was told before; cheap enough for every tick."""
        visible = [window for window in QApplication.topLevelWidgets() if window.isVisible()]
        hidden = _hide_from_capture(visible, self._source())
        self._recent.append(frozenset(physical(window) for window in visible if window not in hidden))
        places = frozenset().union(*self._recent)
        if places != self._told:
            self._told = places
            self._tell(sorted(places))


def physical(window: QWidget) -> Rectangle:
    """Left, top, width and height of a window with its frame, in pixels of the screen's hardware."""
    frame, screen = window.frameGeometry(), window.screen()
    ratio, origin = screen.devicePixelRatio(), screen.geometry().topLeft()
    place = QRect(frame.topLeft() - origin, frame.size())
    return (
        origin.x() + round(place.x() * ratio),
        origin.y() + round(place.y() * ratio),
        round(place.width() * ratio),
        round(place.height() * ratio),
    )


def _hide_from_capture(windows: Sequence[QWidget], source: str) -> set[QWidget]:
    """The windows that the system itself leaves out of a captured screen; follows its documentation, was never run."""
    if sys.platform != "win32":
        return set()
    import ctypes

    exclude_from_capture, none = 0x11, 0x0  # WDA_EXCLUDEFROMCAPTURE (Windows 10 2004 and later), WDA_NONE
    is_screen = registry.source_spec(source).id == "screen"
    affinity = exclude_from_capture if is_screen else none  # else a shared screen would never show our window
    set_affinity = ctypes.windll.user32.SetWindowDisplayAffinity
    return {window for window in windows if set_affinity(int(window.winId()), affinity) and is_screen}
