"""Runs the program with its window and measures how smooth that stays: how often it paints, how long it is blocked.

    python tests/benchmarks/window_probe.py RESULT --events FILE --source ...

RESULT gets, when the window closes, the pictures painted a second and the gaps of the event loop in milliseconds: how
much later than asked for a timer of 5 ms fired, from 8 s after the window was there, or PROBE_AFTER seconds.
"""

import json
import os
import sys
import threading
import time
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt, QTimer
from PySide6.QtWidgets import QApplication

from narrator.__main__ import main
from narrator_ui.main_window import MainWindow

BEAT_MS = 5
SETTLED = float(os.environ.get("PROBE_AFTER", 8.0))


class Probe(QObject):
    """Lives in the thread of the window and watches its event loop."""

    def __init__(self, result: Path) -> None:
        super().__init__()
        self._result = result
        self._gaps: list[float] = []
        self._last = self._since = 0.0
        self._painted = 0
        self._window: MainWindow | None = None

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.User:
            self._find_window()
            return True
        return super().event(event)

    def _find_window(self) -> None:
        windows = [widget for widget in QApplication.topLevelWidgets() if isinstance(widget, MainWindow)]
        if not windows or not windows[0].isVisible():
            QTimer.singleShot(50, self._find_window)
            return
        self._window = windows[0]
        QTimer.singleShot(round(SETTLED * 1000), self._begin)

    def _begin(self) -> None:
        assert self._window is not None
        self._last = self._since = time.perf_counter()
        self._painted = self._window.view.painted
        self._timer = QTimer(self, interval=BEAT_MS, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)
        self._timer.start()
        application = QCoreApplication.instance()
        assert application is not None
        application.aboutToQuit.connect(self._end)

    def _beat(self) -> None:
        now = time.perf_counter()
        self._gaps.append(max(0.0, (now - self._last) * 1000 - BEAT_MS))
        self._last = now
        assert self._window is not None
        self._shown = self._window.view.painted, now

    def _end(self) -> None:
        painted, until = self._shown
        gaps = sorted(self._gaps)
        result = {
            "fps": (painted - self._painted) / (until - self._since),
            "p50": gaps[len(gaps) // 2],
            "p99": gaps[int(len(gaps) * 0.99)],
            "max": gaps[-1],
        }
        self._result.write_text(json.dumps(result))


def _send_probe(result: Path) -> None:
    """Wait for the application, then let a probe into its thread."""
    while (application := QCoreApplication.instance()) is None:
        time.sleep(0.05)
    probe = Probe(result)
    probe.moveToThread(application.thread())
    QCoreApplication.postEvent(probe, QEvent(QEvent.Type.User))
    _probes.append(probe)


_probes: list[Probe] = []
"""Keeps the probe alive: Qt owns nothing of it."""

if __name__ == "__main__":
    threading.Thread(target=_send_probe, args=(Path(sys.argv.pop(1)),), daemon=True).start()
    sys.exit(main())
