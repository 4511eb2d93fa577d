"""The headless front end: one line a caption, with its time."""

import signal
import sys
import threading
import time
from types import FrameType
from typing import TextIO

from narrator.mailbox import Closed, Fifo
from narrator.messages import Caption, Event, Notice
from narrator.privacy.consent import ConsentPage
from narrator.session import Session

_LOOK = 0.1
_PATIENCE = 15.0
"""Seconds that `--duration` waits for a first frame before it counts all the same."""


def narrate(session: Session, captions: TextIO, duration: float | None) -> int:
    """Run the session to the end of its source, for `duration` s after the first frame, or to Ctrl-C: the exit code."""
    _ask_for_consent(session)
    interrupts = _Interrupts()
    printer = _Printer(session.subscribe(), captions)
    printer.start()
    session.start()
    try:
        _wait(session, duration, interrupts)
        session.drain()
    finally:
        saw_nothing = session.frames.peek() is None
        session.close()
        printer.join(2)
    return 1 if session.failure is not None or (saw_nothing and not interrupts.came) else 0


def _ask_for_consent(session: Session) -> None:
    """Nothing is sent before a yes; where nobody can be asked, the built-in describer narrates."""
    while (page := session.consent_page) is not None:
        if not _ask(session, page):
            return


def _ask(session: Session, page: ConsentPage) -> bool:
    """Whether there was an answer."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        text = f"{page.title}. Nobody can be asked here, so the built-in describer narrates."
        print(f"{text} Agree once in a terminal or the window, or start with --yes.", file=sys.stderr)
        return False
    print("\n\n".join((page.title, *page.paragraphs)), file=sys.stderr)
    print(f"{page.question} [y/N] ", end="", file=sys.stderr, flush=True)
    session.answer_consent(yes=sys.stdin.readline().strip().lower() in ("y", "yes", "j", "ja"))
    return True


class _Interrupts:
    """Notes Ctrl-C and a request to terminate. A handler may only set a flag: it may come while a lock is held."""

    def __init__(self) -> None:
        self.came = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.came = True


def _wait(session: Session, duration: float | None, interrupts: _Interrupts) -> None:
    counts_from = time.monotonic() + _PATIENCE
    while not session.finished.wait(_LOOK) and not interrupts.came:
        now = time.monotonic()
        if session.frames.peek() is not None:
            counts_from = min(counts_from, now)
        if duration is not None and now - counts_from >= duration:
            return


class _Printer(threading.Thread):
    """Prints captions to one stream and notices to standard error."""

    def __init__(self, events: Fifo[Event], captions: TextIO) -> None:
        super().__init__(name="printer", daemon=True)
        self._events, self._captions = events, captions

    def run(self) -> None:
        try:
            while True:
                self._print(self._events.get())
        except (Closed, BrokenPipeError):
            return

    def _print(self, event: Event | None) -> None:
        if isinstance(event, Caption):
            minutes, seconds = divmod(int(event.run.media_t), 60)
            print(f"[{minutes}:{seconds:02}] {event.text}", file=self._captions, flush=True)
        elif isinstance(event, Notice):
            print(f"{event.text} {event.remedy}".rstrip(), file=sys.stderr, flush=True)
