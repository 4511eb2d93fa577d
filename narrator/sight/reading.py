"""Runs the text reader in a thread of its own: a page may take half a second, and sight does not wait for it."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from narrator.errors import NarratorError
from narrator.mailbox import Closed, Fifo, Latest
from narrator.messages import Frame, Level, Notice, TextLine
from narrator.sight.text import Reader

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reading:
    """What one look at a frame gave, with the revision of the scene that it was asked for."""

    revision: int
    lines: tuple[TextLine, ...]


class TextThread:
    """Reads the newest frame that it was asked to read; `answered` is called, in its thread, when `answers` grew."""

    def __init__(self, notify: Callable[[Notice], None], answered: Callable[[], None]) -> None:
        self._notify, self._answered = notify, answered
        self._asked: Latest[tuple[Frame, int]] = Latest()
        self.answers: Fifo[Reading] = Fifo(4)
        self.is_ready = threading.Event()
        """Set once the models are loaded."""
        self.is_off = threading.Event()
        """Set when there will be no answers."""
        self._thread = threading.Thread(target=self._run, name="text", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def ask(self, frame: Frame, revision: int) -> None:
        """Read this frame next, in place of one that still waits."""
        self._asked.put((frame, revision))

    def close(self, timeout: float) -> threading.Thread | None:
        """End after the read in progress; returns the thread if it is still there after `timeout` s."""
        self._asked.close()
        if self._thread.is_alive():
            self._thread.join(timeout)
        return self._thread if self._thread.is_alive() else None

    def _run(self) -> None:
        reader = Reader()
        try:
            reader.open()
            self.is_ready.set()
            self._read_all(reader)
        except Closed:
            return
        except NarratorError as error:
            _LOG.error("text is off: %s %s", error, error.detail)
            self._notify(Notice(Level.ERROR, f"{error.sentence} Text will not be read.", error.remedy))
        except Exception:  # noqa: BLE001 # the top of the thread
            _LOG.exception("text is off")
            self._notify(Notice(Level.ERROR, "Reading text failed; it stays off until the next start."))
        finally:
            self.is_off.set()

    def _read_all(self, reader: Reader) -> None:
        version = 0
        while True:
            version, asked = self._asked.wait(version)
            if asked is not None:
                frame, revision = asked
                self.answers.put(Reading(revision, reader.read(frame.pixels)))
                self._answered()
