"""Finds the data files that come with the program, in a checkout, in a wheel and in a frozen bundle."""

import sys
from hashlib import sha256
from pathlib import Path

from narrator.errors import DataFileDamaged

_REMEDY = "Install Scene Narrator again."


def resource(name: str) -> Path:
    """The path of a data file, for example `resource("weights/nanodet.onnx")`. Raises `DataFileDamaged` if missing."""
    package = Path(__file__).resolve().parent
    roots = (
        package / "_resources",
        package.parent / "resources",
        Path(getattr(sys, "_MEIPASS", package)) / "resources",
    )
    for root in roots:
        if (root / name).exists():
            return root / name
    raise DataFileDamaged(f"The program's file {name} is missing.", _REMEDY)


def verified(name: str, digest: str) -> Path:
    """`resource(name)` after its sha256 was compared with `digest` (hex). Raises `DataFileDamaged`."""
    path = resource(name)
    try:
        found = sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise DataFileDamaged(f"The program's file {name} cannot be read.", _REMEDY, str(error)) from error
    if found != digest:
        raise DataFileDamaged(f"The program's file {name} is damaged.", _REMEDY, f"sha256 is {found}")
    return path
