"""Compares the files of a model with what they were when they came."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from narrator.mailbox import Cancel
from narrator.models import store
from narrator.models.choose import unknown
from narrator.models.progress import CHECKING, Meter, Progress, Step
from narrator.models.store import KeptFile

_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Verdict:
    """A file, and what is wrong with it: "missing", "too short", "too long", "changed", "unreadable", or "" if nothing.

    `told_by` is who said what its sha256 is: "catalogue", "hub", or "itself", when nobody vouched for it.
    """

    file: str
    flaw: str
    told_by: str


def verify(name: str, tell: Callable[[Progress], None], cancelled: Cancel) -> tuple[Verdict, ...]:
    """A verdict for each file of a model that is here; those so far when cancelled. Raises `ModelError`."""
    record = store.record_of(name)
    if record is None:
        raise unknown("not_here", name)
    meter, verdicts, done = Meter(record.title), list[Verdict](), 0
    for file in record.files:
        look = _Look(store.folder_of(name) / file.name, file)
        for size in look.pieces():
            if cancelled:
                return tuple(verdicts)
            done += size
            if progress := meter.take(Step(min(done, record.size), record.size, CHECKING)):
                tell(progress)
        verdicts.append(Verdict(file.name, look.flaw, file.told_by))
    return tuple(verdicts)


class _Look:
    """One file."""

    def __init__(self, path: Path, file: KeptFile) -> None:
        self._path, self._file, self.flaw = path, file, ""

    def pieces(self) -> Iterator[int]:
        """Read it, if its size is right: sizes of pieces. Then `flaw` is known."""
        try:
            size = self._path.stat().st_size
            if size != self._file.size:
                self.flaw = "too short" if size < self._file.size else "too long"
                return
            digest = hashlib.sha256()
            with self._path.open("rb") as file:
                while piece := file.read(_PIECE):
                    digest.update(piece)
                    yield len(piece)
            self.flaw = "" if digest.hexdigest() == self._file.sha256 else "changed"
        except FileNotFoundError:
            self.flaw = "missing"
        except OSError:
            self.flaw = "unreadable"
