"""Reads what a GGUF file says of itself, without a package for it: what it is for, and whether its end is there.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import mmap
import struct
from dataclasses import dataclass
from math import prod
from pathlib import Path

from narrator.models.failures import failure

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_TEXT, _ARRAY = 8, 9
_ALIGNMENT = 32
_KEPT = ("general.architecture", "general.type", "general.name", "general.alignment", "general.license")
_BLOCKS = {
    0: (1, 4),
    1: (1, 2),
    2: (32, 18),
    3: (32, 20),
    6: (32, 22),
    7: (32, 24),
    8: (32, 34),
    10: (256, 84),
    11: (256, 110),
    12: (256, 144),
    13: (256, 176),
    14: (256, 210),
    30: (1, 2),
}
"""Numbers in a block and bytes of it, by the type of a tensor: F32, F16, Q4_0 ... Q6_K, BF16. Of others only the
beginning of a tensor is checked."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a GGUF file is."""

    architecture: str
    name: str
    is_projector: bool
    licence: str


def read(path: Path) -> Header:
    """The header. Raises `ModelError` for a file that is none or not whole, and `OSError`."""
    with path.open("rb") as file:
        if file.read(4) != _MAGIC:
            raise failure("not_gguf", path=path.name)
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                facts, end = _Reader(data).whole()
            except (struct.error, OverflowError, IndexError) as error:
                raise failure("truncated", repr(error), path=path.name) from error
            except ValueError as error:
                raise failure("not_gguf", repr(error), path=path.name) from error
            if end > len(data):
                raise failure("truncated", f"{end} bytes of {len(data)}", path=path.name)
    architecture = str(facts.get("general.architecture", ""))
    is_projector = architecture == "clip" or facts.get("general.type") == "mmproj"
    name, licence = (str(facts.get(f"general.{key}", "")) for key in ("name", "license"))
    return Header(architecture, name, is_projector, licence)


class _Reader:
    """Goes through the header. Raises `struct.error` at an early end, `ValueError` for what no GGUF file has."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data, self._at = data, len(_MAGIC)

    def whole(self) -> tuple[dict[str, object], int]:
        """The facts that are of use, and where the last tensor ends at least."""
        if self._number("I") not in _VERSIONS:
            raise ValueError("an unknown version")
        tensors, entries = self._number("Q"), self._number("Q")
        facts: dict[str, object] = {}
        for _ in range(self._plausible(entries)):
            key = self._text()
            value = self._value(self._number("I"))
            if key in _KEPT:
                facts[key] = value
        ends = [self._tensor() for _ in range(self._plausible(tensors))]
        alignment = facts.get("general.alignment", _ALIGNMENT)
        assert isinstance(alignment, int)
        start = -(-self._at // max(1, alignment)) * max(1, alignment)
        return facts, start + max(ends, default=0)

    def _number(self, code: str) -> int:
        (number,) = struct.unpack_from(f"<{code}", self._data, self._at)
        self._at += struct.calcsize(f"<{code}")
        return int(number)

    def _text(self) -> str:
        length = self._number("Q")
        if self._at + length > len(self._data):
            raise IndexError(length)
        text = self._data[self._at : self._at + length].decode("utf-8", "replace")
        self._at += length
        return text

    def _value(self, kind: int) -> object:
        if kind == _TEXT:
            return self._text()
        if kind == _ARRAY:
            self._pass_over(self._number("I"), self._number("Q"))
            return None
        if kind not in _SCALARS:
            raise ValueError(f"a value of type {kind}")
        return self._number(_SCALARS[kind])

    def _pass_over(self, kind: int, count: int) -> None:
        if kind in _SCALARS:
            self._at += count * struct.calcsize(f"<{_SCALARS[kind]}")
            return
        for _ in range(self._plausible(count)):
            self._value(kind)

    def _tensor(self) -> int:
        """Where it ends, from the beginning of the first."""
        self._text()
        shape = [self._number("Q") for _ in range(self._plausible(self._number("I")))]
        kind, offset = self._number("I"), self._number("Q")
        numbers, size = _BLOCKS.get(kind, (0, 0))
        return offset + (prod(shape) // numbers * size if numbers else 1)

    def _plausible(self, count: int) -> int:
        """Each entry takes a byte at least: a file that claims more is not whole, and would take for ever."""
        if count > len(self._data) - self._at:
            raise IndexError(count)
        return count
