"""Writes small files of the user so that a crash or a full disk leaves the old one, and nobody else reads them."""

import itertools
import os
import tempfile
from contextlib import suppress
from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Swap the file for one with this text, in one step, that only its owner may read. Raises `OSError`.

    Whoever reads it sees the old or the new one, never a half; a link stays a link.
    """
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # of mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def put_aside(path: Path) -> Path | None:
    """Rename a damaged file to the first free `.bad` name: where it is now, or None when that cannot be."""
    names = (f"{path.name}.bad{number if number > 1 else ''}" for number in itertools.count(1))
    aside = next(free for free in map(path.with_name, names) if not os.path.lexists(free))
    try:
        return path.rename(aside)
    except OSError:
        return None
