"""Holds the folder of a model, so that no two copies of the program change it at once."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from narrator.models.failures import ModelError, failure

_LOCKS = ".locks"
"""Beside the folders and not in them: a lock must outlive the folder that is deleted under it."""


@contextmanager
def only_one(folder: Path, title: str) -> Iterator[None]:
    """Hold a folder, whether it is there or not. Raises `ModelError` when another copy of the program holds it."""
    path = folder.parent / _LOCKS / folder.name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("ab")
    except OSError as error:
        raise not_writable(folder, error) from error
    with file:
        try:
            _lock(file)
        except OSError as error:
            raise failure("in_hand", str(error), title=title) from error
        yield


def not_writable(folder: Path, error: OSError) -> ModelError:
    """The error for a folder that does not take what is written."""
    return failure("not_writable", str(error), folder=folder)


if sys.platform == "win32":
    import msvcrt

    def _lock(file: BinaryIO) -> None:
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: BinaryIO) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
