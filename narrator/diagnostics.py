"""What helps to find out why: the log, crash traces, memory. No picture and no secret ever goes in."""

import ctypes
import faulthandler
import logging
import os
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType
from typing import TextIO, TypeVar

from narrator.settings import log_folder

_File = TypeVar("_File")
_LOG, _CRASHES = "scene-narrator.log", "crash.log"
_LOG_BYTES = 1_000_000
_LOG_FILES = 3
_open_traces: list[TextIO] = []
"""faulthandler keeps only the descriptor: the file must stay open as long as the process."""


def start_logging(level: str) -> Path:
    """Send the log, crash traces and what threads leave unhandled to files; returns the log's path.

    A file that cannot be opened lies in a new temporary folder instead, or nowhere; nothing is raised or printed.
    """
    logging.raiseExceptions = False
    handler: logging.Handler = _opened(_LOG, _log_handler) or logging.NullHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(threadName)s %(name)s: %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    if trace := _opened(_CRASHES, lambda path: path.open("a", encoding="utf-8")):
        _open_traces.append(trace)
        faulthandler.enable(trace)
    threading.excepthook = _log_thread_failure
    return log_path()


def log_path() -> Path:
    """Where the log is, or would be."""
    files = (handler for handler in logging.getLogger().handlers if isinstance(handler, RotatingFileHandler))
    return next((Path(file.baseFilename) for file in files), log_folder() / _LOG)


def rss_mb() -> float:
    """Resident memory of this process in MB."""
    import psutil

    return float(psutil.Process().memory_info().rss) / 1e6


def log_stack_of(thread: threading.Thread) -> None:
    """Write where a thread stands that did not end in time."""
    frame = sys._current_frames().get(thread.ident or 0)
    where = f"{frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_name}" if frame else "nowhere"
    logging.getLogger(__name__).error("Thread %s did not end; it stands at %s", thread.name, where)


def give_back_memory() -> None:
    """Let the C library return to the system what it holds of pictures that are gone: with glibc, 100 MB at times.

    It takes about 10 ms; without it the memory in use swings by hundreds of megabytes, though nothing is leaked.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


def leave_at_once(code: int) -> None:
    """End the process with this exit code although a thread hangs in foreign code.

    Waking while the interpreter shuts down, such a thread would abort the process and spoil its exit code.
    """
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    os._exit(code)


def _opened(name: str, open_file: Callable[[Path], _File]) -> _File | None:
    """The file of this name, opened in the log's folder or else in a new one; None where nothing can be written."""
    for folder in (_usual_folder, _new_folder):
        with suppress(OSError):
            return open_file(folder() / name)
    return None


def _usual_folder() -> Path:
    folder = log_folder()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _new_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="scene-narrator-log-"))


def _log_handler(path: Path) -> RotatingFileHandler:
    return RotatingFileHandler(
        path, maxBytes=_LOG_BYTES, backupCount=_LOG_FILES, encoding="utf-8", errors="backslashreplace"
    )


def _log_thread_failure(failure: threading.ExceptHookArgs) -> None:
    kind: type[BaseException] = failure.exc_type
    trace: TracebackType | None = failure.exc_traceback
    name = failure.thread.name if failure.thread else "a thread"
    value = failure.exc_value or kind()
    logging.getLogger(__name__).critical("Thread %s ended", name, exc_info=(kind, value, trace))
