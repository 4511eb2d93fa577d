"""Long work on a model, a download above all: it goes on when no dialog shows it, and tells how far it is."""

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QObject, QTimer, Signal

from narrator.errors import NarratorError
from narrator.mailbox import Cancel, Latest
from narrator.models.progress import FETCHING, WAITING, Progress
from narrator.models.sizes import in_words, time_in_words
from narrator_ui.background import Background
from narrator_ui.dialog import Tell

_LOOK_MS = 100
_QUARTER = 25
_BROKE = "The connection broke off. It is tried again."


@dataclass(frozen=True, slots=True)
class Task:
    """What is done to a model, off the window's thread."""

    name: str
    """The model's name; empty while it has none."""
    doing: str
    """What is going on, in words: "Downloading SmolVLM 256M"."""
    work: Callable[[Callable[[Progress], None], Cancel], str]
    """Does it: a sentence how it ended, soon after the switch was thrown, too. Raises `NarratorError`."""
    is_download: bool = False


class Errand(QObject):
    """One task at a time; a download is told aloud as it passes 25, 50 and 75 per cent."""

    began = Signal()
    progressed = Signal(object)
    """A `Progress`."""
    ended = Signal(object)
    """A sentence, or a `NarratorError`."""

    def __init__(self, parent: QObject, tell: Tell) -> None:
        super().__init__(parent)
        self._tell = tell
        self.task: Task | None = None
        self.progress: Progress | None = None
        self._cancelled = Cancel()
        self._newest: Latest[Progress] = Latest()
        self._quarter = -1
        self._looking = QTimer(self, interval=_LOOK_MS)
        self._looking.timeout.connect(self._look)

    def begin(self, task: Task) -> bool:
        """Start a task; False, and nothing happens, while another is going on."""
        if self.task is not None:
            return False
        cancelled, newest = Cancel(), Latest[Progress]()
        self.task, self.progress, self._quarter = task, None, -1
        self._cancelled, self._newest = cancelled, newest
        self._tell(f"{task.doing}.")
        self._looking.start()
        Background(self, lambda: task.work(newest.put, cancelled), self._end)
        self.began.emit()
        return True

    def stop(self) -> None:
        """Have the task end soon; what a download brought is kept."""
        self._cancelled.throw()

    @property
    def is_stopping(self) -> bool:
        return self.task is not None and bool(self._cancelled)

    def _look(self) -> None:
        progress = self._newest.peek()
        if progress is None or progress is self.progress:
            return
        before, self.progress = self.progress, progress
        if not self._cancelled and self.task is not None and self.task.is_download:
            self._tell_of(progress, before)
        self.progressed.emit(progress)

    def _tell_of(self, progress: Progress, before: Progress | None) -> None:
        if progress.doing == WAITING:
            if before is None or before.doing != WAITING:
                self._tell(_BROKE)
        elif progress.doing == FETCHING:
            done = percent(progress)
            is_first, is_further = self._quarter < 0, done // _QUARTER > self._quarter
            self._quarter = max(self._quarter, done // _QUARTER)
            if is_first and done:
                self._tell(f"It goes on at {done} percent.")
            elif is_further and 0 < self._quarter * _QUARTER < 100:
                self._tell(f"{self._quarter * _QUARTER} percent{_left(progress)}.")

    def _end(self, outcome: str | NarratorError) -> None:
        self._looking.stop()
        self._look()
        self.task = self.progress = None
        self.ended.emit(outcome)


def percent(progress: Progress) -> int:
    """How much of it is done."""
    return min(100, 100 * progress.done // max(1, progress.total))


def described(progress: Progress) -> str:
    """How far it is, in one line."""
    text = f"{in_words(progress.done)} of {in_words(progress.total)}, {percent(progress)} %"
    if progress.doing == WAITING:
        return f"{text}. {_BROKE}"
    if progress.speed > 0:
        text += f", {in_words(progress.speed)} a second"
    return text + _left(progress)


def _left(progress: Progress) -> str:
    if progress.left is None or progress.done >= progress.total:
        return ""
    return f", {time_in_words(progress.left)} left"
