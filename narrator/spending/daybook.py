"""What was spent today, on disk: kept over restarts, and added up by copies of the program that run at once.

Each day has a file of its own, to which every copy appends a line with what it spent since its last one. A line is
written with one call in append mode, so no copy overwrites another's, and a crash leaves whole lines.
"""

import logging
import os
import re
from contextlib import suppress
from datetime import date
from math import isfinite
from pathlib import Path

_log = logging.getLogger(__name__)
_NAME = re.compile(r"\d{4}-\d\d-\d\d\.txt")
_MOST_BYTES = 4_000_000
"""A line every few seconds makes a fifth of it in a day."""


class Daybook:
    """The files in `folder`, which is made with the first line. US dollars throughout. Nothing is raised."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._day: date | None = None
        self._read_to = 0
        self._sum = 0.0
        self._told = False
        self._is_at_a_line = False
        """Only then is it known that the file does not end in the middle of a line."""

    def total(self, day: date) -> float:
        """What all copies wrote down for this day. Lines that are damaged do not count."""
        if day != self._day:
            self._day, self._read_to, self._sum = day, 0, 0.0
        try:
            self._read_on(self._path(day))
        except FileNotFoundError:
            self._read_to, self._sum = 0, 0.0
        except OSError as error:
            self._warn("What was spent today cannot be read: %s", error)
        return self._sum

    def write(self, day: date, dollars: float) -> bool:
        """Add to this day; False when that cannot be."""
        try:
            if not self._path(day).exists():
                self._begin(day)
            file = os.open(self._path(day), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                line = f"{'' if self._is_at_a_line else chr(10)}{dollars:.9f}\n".encode()
                self._is_at_a_line = False
                self._is_at_a_line = os.write(file, line) == len(line)
            finally:
                os.close(file)
            return self._is_at_a_line
        except OSError as error:
            self._warn("What was spent cannot be written down: %s", error)
            return False

    def _read_on(self, path: Path) -> None:
        """Add the lines that are new since the last time."""
        size = path.stat().st_size
        if size < self._read_to:
            self._read_to, self._sum = 0, 0.0
        if size == self._read_to:
            return
        if size > _MOST_BYTES:
            self._warn("%s is damaged: it is far too long", path)
            return
        with path.open("rb") as file:
            file.seek(self._read_to)
            fresh = file.read()
        whole = fresh[: fresh.rfind(b"\n") + 1]
        self._read_to += len(whole)
        self._sum += sum(map(self._amount, whole.splitlines()))

    def _amount(self, line: bytes) -> float:
        if not line:
            return 0.0
        try:
            dollars = float(line.decode("ascii"))
        except ValueError:
            dollars = -1.0
        if isfinite(dollars) and dollars >= 0:
            return dollars
        self._warn("A line of what was spent today is damaged: %r", line[:40])
        return 0.0

    def _begin(self, day: date) -> None:
        """The first line of a day: what was written on other days is of no more use."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for path in self._folder.iterdir():
            if _NAME.fullmatch(path.name) and path != self._path(day):
                with suppress(OSError):
                    path.unlink()

    def _path(self, day: date) -> Path:
        return self._folder / f"{day.isoformat()}.txt"

    def _warn(self, text: str, *details: object) -> None:
        """Log it, once."""
        if not self._told:
            self._told = True
            _log.warning(text, *details)
