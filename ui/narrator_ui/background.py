"""Slow things that the window asks for, done in a thread of their own."""

import logging
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from PySide6.QtCore import QObject, QTimer

from narrator.errors import NarratorError
from narrator.mailbox import Latest

_LOOK_MS = 33
T = TypeVar("T")
_log = logging.getLogger(__name__)


class Background(QObject, Generic[T]):
    """Does `work` once, then calls `done` with its result or its failure in the window's thread.

    When `parent` is gone by then nobody is told.
    """

    def __init__(self, parent: QObject, work: Callable[[], T], done: Callable[[T | NarratorError], None]) -> None:
        super().__init__(parent)
        self._done = done
        self._outcome: Latest[T | NarratorError] = Latest()
        self._waiting = QTimer(self, interval=_LOOK_MS)
        self._waiting.timeout.connect(self._look)
        self._waiting.start()
        threading.Thread(target=_do, args=(work, self._outcome), name="window work", daemon=True).start()

    def _look(self) -> None:
        outcome = self._outcome.peek()
        if outcome is not None:
            self._waiting.stop()
            self._done(outcome)


def _do(work: Callable[[], T], outcome: Latest[T | NarratorError]) -> None:
    try:
        outcome.put(work())
    except NarratorError as error:
        outcome.put(error)
    except Exception:  # noqa: BLE001 - the top of a thread: whatever it is, the user gets a sentence
        _log.exception("What the window asked for failed")
        outcome.put(NarratorError("That did not work.", "The log tells why."))
