"""What helps to find out why: the log, crash traces, memory. No picture and no secret ever goes in."""

import faulthandler
import logging
import os
import sys
import tempfile
import threading
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType
from typing import TextIO

from narrator.settings import log_folder

_LOG_BYTES = 1_000_000
_LOG_FILES = 3
_open_traces: list[
    TextIO
] = []  # faulthandler keeps only the descriptor: the file must stay open as long as the process


def start_logging(level: str) -> Path:
    """Send the log, crash traces and what threads leave unhandled to files; returns the log's path."""
    path = _writable(log_folder()) / "scene-narrator.log"
    handler = RotatingFileHandler(path, maxBytes=_LOG_BYTES, backupCount=_LOG_FILES, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(threadName)s %(name)s: %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    trace = path.with_name("crash.log").open("a", encoding="utf-8")
    _open_traces.append(trace)
    faulthandler.enable(trace)
    threading.excepthook = _log_thread_failure
    return path


def log_path() -> Path:
    """Where the log is, or would be."""
    return log_folder() / "scene-narrator.log"


def rss_mb() -> float:
    """Resident memory of this process in MB."""
    import psutil

    return float(psutil.Process().memory_info().rss) / 1e6


def log_stack_of(thread: threading.Thread) -> None:
    """Write where a thread stands that did not end in time."""
    frame = sys._current_frames().get(thread.ident or 0)
    where = f"{frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_name}" if frame else "nowhere"
    logging.getLogger(__name__).error("Thread %s did not end; it stands at %s", thread.name, where)


def leave_at_once(code: int) -> None:
    """End the process with this exit code although a thread hangs in foreign code.

    Waking while the interpreter shuts down, such a thread would abort the process and spoil its exit code.
    """
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    os._exit(code)


def _writable(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        return Path(tempfile.mkdtemp(prefix="scene-narrator-log-"))


def _log_thread_failure(failure: threading.ExceptHookArgs) -> None:
    kind: type[BaseException] = failure.exc_type
    trace: TracebackType | None = failure.exc_traceback
    name = failure.thread.name if failure.thread else "a thread"
    value = failure.exc_value or kind()
    logging.getLogger(__name__).critical("Thread %s ended", name, exc_info=(kind, value, trace))
