"""Opens the window on a session and stays until it is closed."""

import logging
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType

from PySide6.QtCore import QTimer
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication, QMessageBox

from narrator.choice import chosen_source, usable
from narrator.diagnostics import leave_at_once, log_path, start_logging
from narrator.errors import NarratorError, NoWindow, UsageError
from narrator.messages import Level, Notice
from narrator.resources import resource
from narrator.session import Session
from narrator.settings import Settings, settings_file
from narrator_ui.bridge import TICK_MS
from narrator_ui.display import require_display
from narrator_ui.main_window import MainWindow

_log = logging.getLogger(__name__)


def run(session: Session, *, duration: float | None = None) -> int:
    """Start the session in a window; returns the exit code when the window is closed, by now with the session.

    With a `duration` the window closes by itself that many seconds after the first picture, when all is spoken.
    Raises `NoWindow` when no window can be opened here; the session has not started then.
    """
    require_display()
    application = _application()
    try:
        window = MainWindow(session, application)
        with unhandled_shown(window), _closed_by_signals(window):
            window.show()
            QTimer.singleShot(0, session.start)
            if duration is not None:
                milliseconds = round(duration * 1000)
                window.bridge.first_picture.connect(lambda: QTimer.singleShot(milliseconds, lambda: _end(window)))
            code = application.exec()
    finally:
        session.close()
    return code


def main() -> int:
    """What the desktop's icon starts: the window with the user's settings, on the source given as the one argument."""
    try:
        return _main()
    except NarratorError as error:
        return _fail(error)
    except Exception:  # noqa: BLE001 - the top of the program: whatever it is, the user gets a sentence
        _log.critical("Unhandled", exc_info=True)
        return _fail(NarratorError("Scene Narrator had to stop.", f"Report it with the log: {log_path()}"))


def _main() -> int:
    store = settings_file()
    settings, notices = usable(*store.load())
    start_logging(settings.text("log.level"))
    source, hints = _source(settings)
    backend, voice = settings.text("backend"), settings.text("voice")
    session = Session(settings, source=source, backend=backend, voice=voice, store=store, notices=[*notices, *hints])
    code = run(session)
    if session.left_behind:
        leave_at_once(code)
    return code


def _source(settings: Settings) -> tuple[str, list[Notice]]:
    given = sys.argv[1:]
    if len(given) > 1 or (given and given[0].startswith("-")):
        remedy = "Use scene-narrator for options; scene-narrator --help shows them."
        raise UsageError("This program takes a source and no options.", remedy)
    return (given[0], []) if given else chosen_source(settings)


def _fail(error: NarratorError) -> int:
    """Say why there is no window; a program without a console has only a box for that."""
    _log.error("%s %s", error.sentence, error.detail)
    if sys.stderr is not None:
        sys.stderr.write(f"{error.sentence} {error.remedy}".rstrip() + "\n")
    with suppress(NoWindow):
        require_display()
        _application()
        QMessageBox.critical(None, "Scene Narrator", f"{error.sentence}\n\n{error.remedy}")
    return 2 if isinstance(error, UsageError) else 1


def _application() -> QApplication:
    application = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(application, QApplication)
    application.setApplicationName("scene-narrator")
    application.setApplicationDisplayName("Scene Narrator")
    application.setDesktopFileName("scene-narrator")
    application.setWindowIcon(QIcon(str(resource("icons/scene-narrator.svg"))))
    return application


def _end(window: MainWindow) -> None:
    """Close the window when what is being said has come to its end."""
    draining = threading.Thread(target=window.session.drain, name="drain", daemon=True)
    draining.start()
    waiting = QTimer(window, interval=TICK_MS)
    waiting.timeout.connect(lambda: draining.is_alive() or window.close())
    waiting.start()


@contextmanager
def unhandled_shown(window: MainWindow) -> Iterator[None]:
    """Log what no handler caught, and show it as a notice instead of ending the program."""

    def show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        _log.critical("Unhandled in the window", exc_info=(kind, error, trace))
        remedy = f"Narration goes on. If it happens again, report it with the log: {log_path()}"
        window.show_notice(Notice(Level.ERROR, "Something went wrong in the window.", remedy, quiet=True))

    before, sys.excepthook = sys.excepthook, show
    try:
        yield
    finally:
        sys.excepthook = before


@contextmanager
def _closed_by_signals(window: MainWindow) -> Iterator[None]:
    """Ctrl-C and a request to terminate close the window; the bridge's timer lets Python see them."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda *_: QTimer.singleShot(0, window.close)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
