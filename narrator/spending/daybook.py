"""What was spent lately, on disk: kept over restarts, and added up by copies of the program that run at once.

Each day has a file of its own, to which every copy appends a line with what it spent since its last one: the time in
seconds since 1970, US dollars, and the name of the copy. A line is written with one call in append mode, so no copy
overwrites another's, and a crash leaves whole lines.
"""

import logging
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from math import isfinite
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

_log = logging.getLogger(__name__)
_NAME = re.compile(r"\d{4}-\d\d-\d\d\.txt")
_MOST_BYTES = 4_000_000
"""A line every few seconds makes a sixth of it in a day."""


class Spent(NamedTuple):
    """A line: when it was written, in seconds since 1970, and US dollars."""

    at: float
    dollars: float


class Daybook:
    """The files in `folder`, which is made with the first line. Nothing is raised."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._copy = uuid4().hex[:12]
        self._pages: dict[date, _Page] = {}
        self._told = False

    def others(self, day: date) -> Sequence[Spent]:
        """What all other copies wrote down for this day, those that ended too. Lines that are damaged do not count."""
        page = self._page(day)
        try:
            self._read_on(page)
        except FileNotFoundError:
            page.forget()
        except OSError as error:
            self._warn("What was spent cannot be read: %s", error)
        return page.others

    def write(self, day: date, at: float, dollars: float) -> bool:
        """Add a line to this day; False when that cannot be."""
        page = self._page(day)
        try:
            if not page.path.exists():
                self._begin(day)
            file = os.open(page.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                start = "" if page.is_at_a_line else "\n"
                line = f"{start}{at:.3f} {dollars:.9f} {self._copy}\n".encode()
                page.is_at_a_line = False
                page.is_at_a_line = os.write(file, line) == len(line)
            finally:
                os.close(file)
            return page.is_at_a_line
        except OSError as error:
            self._warn("What was spent cannot be written down: %s", error)
            return False

    def _page(self, day: date) -> "_Page":
        if day not in self._pages:
            kept = {other: page for other, page in self._pages.items() if abs(day - other) <= timedelta(1)}
            self._pages = {**kept, day: _Page(self._folder / f"{day.isoformat()}.txt")}
        return self._pages[day]

    def _read_on(self, page: "_Page") -> None:
        """Take in the lines that are new since the last time."""
        size = page.path.stat().st_size
        if size < page.read_to:
            page.forget()
        if size == page.read_to:
            return
        if size > _MOST_BYTES:
            self._warn("%s is damaged: it is far too long", page.path)
            return
        with page.path.open("rb") as file:
            file.seek(page.read_to)
            fresh = file.read()
        whole = fresh[: fresh.rfind(b"\n") + 1]
        page.read_to += len(whole)
        for line in filter(None, whole.splitlines()):
            self._take_in(line, page)

    def _take_in(self, line: bytes, page: "_Page") -> None:
        try:
            at, dollars, copy = line.decode("ascii").split(" ")
            spent = Spent(float(at), float(dollars))
        except ValueError:
            spent, copy = Spent(0.0, -1.0), ""
        if not (isfinite(spent.at) and isfinite(spent.dollars) and spent.dollars >= 0):
            self._warn("A line of what was spent is damaged: %r", line[:60])
        elif copy != self._copy:
            page.others.append(spent)

    def _begin(self, day: date) -> None:
        """The first line of a day: what was written two days before it, or earlier, is of no more use."""
        self._folder.mkdir(parents=True, exist_ok=True)
        yesterday = f"{day - timedelta(1)}.txt"
        for path in self._folder.iterdir():
            if _NAME.fullmatch(path.name) and path.name < yesterday:
                with suppress(OSError):
                    path.unlink()

    def _warn(self, text: str, *details: object) -> None:
        """Log it, once."""
        if not self._told:
            self._told = True
            _log.warning(text, *details)


@dataclass(slots=True)
class _Page:
    """A day's file, and what was read of it."""

    path: Path
    read_to: int = 0
    others: list[Spent] = field(default_factory=list)
    is_at_a_line: bool = False
    """Only then is it known that the file does not end in the middle of a line."""

    def forget(self) -> None:
        self.read_to = 0
        self.others = []
