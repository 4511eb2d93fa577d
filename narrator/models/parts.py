"""A file that is on its way: what has come lies beside it as a `.part`, and counts only when it is verified."""

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from narrator.models.failures import failure
from narrator.models.hub import HubFile
from narrator.models.store import KeptFile

_PIECE = 1 << 20
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class DiskFull(Exception):
    """There is no room for the next piece."""


class Part:
    """A file of a model in its folder; what it is to be is known before the first byte.

    Two files of one name with different contents have different parts, so none is ever continued with the other's.
    """

    def __init__(self, folder: Path, wanted: HubFile, told_by: str) -> None:
        self.wanted, self._told_by = wanted, told_by if wanted.sha256 or wanted.git else "itself"
        self._whole = folder / wanted.name
        self.path = folder / f"{wanted.name}.{(wanted.sha256 or wanted.git or str(wanted.size))[:12]}.part"
        self._file: BinaryIO | None = None
        self._forget()

    @property
    def on_disk(self) -> int:
        """Bytes that are there, verified or not."""
        for path in (self._whole, self.path):
            with suppress(OSError):
                return min(path.stat().st_size, self.wanted.size)
        return 0

    @property
    def is_full(self) -> bool:
        return self.size >= self.wanted.size

    def claim(self) -> None:
        """Let go of what lies in its place but is by a link a file of the user's own, which nobody may write into."""
        for path in (self._whole, self.path):
            with suppress(FileNotFoundError):
                if path.stat().st_nlink > 1 or (path == self._whole and path.is_symlink()):
                    path.unlink()

    def recall(self) -> Iterator[None]:
        """Take up what came before: from the whole file, if another try got so far, or from the part."""
        if self._whole.exists() and not self.path.exists():
            self._whole.replace(self.path)
        self._file = self.path.open("a+b", buffering=0)
        length = os.fstat(self._file.fileno()).st_size
        if length > self.wanted.size:
            self.restart()
            return
        self._file.seek(0)
        while self.size < length and (piece := self._file.read(_PIECE)):
            self._count(piece)
            yield

    def append(self, piece: bytes) -> None:
        """Keep a piece. Raises `DiskFull`, `OSError`, and `OverflowError` when it is more than there should be."""
        assert self._file is not None
        if self.size + len(piece) > self.wanted.size:
            raise OverflowError
        view = memoryview(piece)
        while view:
            try:
                written = self._file.write(view) or 0
            except OSError as error:
                if error.errno in FULL:
                    raise DiskFull from error
                raise
            self._count(view[:written])
            view = view[written:]

    def restart(self) -> None:
        """Throw away what has come."""
        assert self._file is not None
        self._file.truncate(0)
        self._forget()

    def finish(self) -> KeptFile:
        """Verify the whole and give it its name. Raises `ModelError` for a wrong hash; then nothing is left of it."""
        assert self._file is not None
        sha256, git = self._sha256.hexdigest(), self._git.hexdigest()
        if (self.wanted.sha256 or sha256) != sha256 or (not self.wanted.sha256 and self.wanted.git not in ("", git)):
            self.close()
            self.path.unlink()
            raise failure("wrong_hash", f"{sha256} for {self.wanted.sha256 or self.wanted.git}", file=self.wanted.name)
        os.fsync(self._file.fileno())
        self.close()
        self.path.replace(self._whole)
        return KeptFile(self.wanted.name, self.wanted.size, sha256, self._told_by)

    def close(self) -> None:
        """What has come stays; safe at any time."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _forget(self) -> None:
        self.size = 0
        self._sha256 = hashlib.sha256()
        self._git = hashlib.sha1(f"blob {self.wanted.size}\0".encode(), usedforsecurity=False)

    def _count(self, piece: bytes | memoryview) -> None:
        self.size += len(piece)
        self._sha256.update(piece)
        if self.wanted.git and not self.wanted.sha256:
            self._git.update(piece)


def drop_others(folder: Path, parts: list[Part]) -> None:
    """Delete parts of files that are not wanted any more."""
    wanted = {part.path for part in parts}
    for path in folder.glob("*.part"):
        if path not in wanted:
            path.unlink()
