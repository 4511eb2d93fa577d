"""Reads what a GGUF file tells of itself, and whether its end is there, without a package for it or touching a weight.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from narrator.models.failures import failure

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_TEXT, _ARRAY = 8, 9
_SHORT_ARRAY = 1024
"""A longer array, as that of all tokens, is passed over: nobody asks for it."""
_MOST_TEXTS = 1 << 22
"""Texts in an array: sixteen times the largest vocabulary; each takes time to pass over."""
_MOST_DIMENSIONS = 4
"""Of a tensor, as in ggml."""
_ALIGNMENT = 32
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
"""Numbers in a block and bytes of it, by the type of a tensor: F32, F16, Q4_0 ... Q6_K, BF16."""
_LEAST_BLOCK = (8, 1)
"""Of other types: no known way of packing takes less than a bit for a number."""


@dataclass(frozen=True, slots=True)
class GgufFile:
    """One file: `fields` by their names, `size` in bytes."""

    path: Path
    size: int
    fields: Mapping[str, Any]

    @property
    def architecture(self) -> str:
        """Which kind of model: "llama", "gemma3"; "clip" for a projector."""
        return str(self.fields.get("general.architecture", ""))

    @property
    def name(self) -> str:
        return str(self.fields.get("general.name", ""))

    @property
    def licence(self) -> str:
        return str(self.fields.get("general.license", ""))

    @property
    def is_projector(self) -> bool:
        return self.architecture == "clip" or self.fields.get("general.type") == "mmproj"

    @property
    def template(self) -> str:
        """The chat template; empty when there is none."""
        return str(self.fields.get("tokenizer.chat_template", ""))

    def number(self, name: str, default: float = 0) -> float:
        """A field of the model's own architecture; of one with a value for each layer, the largest."""
        value = self.fields.get(f"{self.architecture}.{name}", default)
        return float(max(value, default=default)) if isinstance(value, list) else float(value)


def read(path: Path) -> GgufFile:
    """The file. Raises `ModelError` ("not_gguf", or "truncated" where it is damaged in any way), and `OSError`."""
    with path.open("rb") as file:
        if file.read(4) != _MAGIC:
            raise failure("not_gguf", path=path.name)
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                version, fields, end = _Reader(data).whole()
            except (struct.error, ValueError, OverflowError, IndexError, RecursionError) as error:
                raise failure("truncated", repr(error), path=path.name) from error
            if version not in _VERSIONS:
                raise failure("not_gguf", f"version {version}", path=path.name)
            if end > len(data):
                raise failure("truncated", f"{end} bytes of {len(data)}", path=path.name)
            return GgufFile(path, len(data), fields)


class _Reader:
    """Goes through the header. Raises `struct.error` or `IndexError` at an early end, `ValueError` for nonsense."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data, self._at = data, len(_MAGIC)

    def whole(self) -> tuple[int, dict[str, Any], int]:
        """The version, the fields, and where the last tensor ends at least; of an unknown version nothing but that."""
        version = int(self._number("I"))
        if version not in _VERSIONS:
            return version, {}, 0
        tensors, entries = self._number("Q"), self._number("Q")
        fields = {}
        for _ in range(self._plausible(entries)):
            key = self._text()
            fields[key] = self._value(self._number("I"))
        ends = [self._tensor() for _ in range(self._plausible(tensors))]
        alignment = fields.get("general.alignment", _ALIGNMENT)
        if not isinstance(alignment, int) or alignment < 1:
            raise ValueError(f"an alignment of {alignment}")
        return version, fields, -(-self._at // alignment) * alignment + max(ends) if ends else 0

    def _number(self, code: str) -> Any:
        (number,) = struct.unpack_from(f"<{code}", self._data, self._at)
        self._at += struct.calcsize(f"<{code}")
        return number

    def _text(self) -> str:
        length = self._plausible(self._number("Q"))
        text = self._data[self._at : self._at + length].decode("utf-8", "replace")
        self._at += length
        return text

    def _value(self, kind: int) -> Any:
        if kind == _TEXT:
            return self._text()
        if kind == _ARRAY:
            return self._array(self._number("I"), self._plausible(self._number("Q")))
        if kind not in _SCALARS:
            raise ValueError(f"a value of type {kind}")
        return self._number(_SCALARS[kind])

    def _array(self, kind: int, count: int) -> list[Any]:
        if kind == _ARRAY or (kind == _TEXT and count > _MOST_TEXTS):
            raise ValueError(f"an array of {count} of type {kind}")
        if count <= _SHORT_ARRAY:
            return [self._value(kind) for _ in range(count)]
        if kind in _SCALARS:
            self._at += count * struct.calcsize(f"<{_SCALARS[kind]}")
            return []
        for _ in range(count):
            self._pass_over(kind)
        return []

    def _pass_over(self, kind: int) -> None:
        if kind == _TEXT:
            length = self._number("Q")
            self._at += length
        else:
            self._value(kind)

    def _tensor(self) -> int:
        """Where it ends at least, from the beginning of the first."""
        self._text()
        dimensions = self._number("I")
        if dimensions > _MOST_DIMENSIONS:
            raise ValueError(f"a tensor of {dimensions} dimensions")
        shape = [self._number("Q") for _ in range(dimensions)]
        kind, offset = self._number("I"), self._number("Q")
        numbers, size = _BLOCKS.get(kind, _LEAST_BLOCK)
        return int(offset + prod(shape) // numbers * size)

    def _plausible(self, count: int) -> int:
        """Each entry takes a byte at least: a file that claims more is not whole, and would take for ever."""
        if count > len(self._data) - self._at:
            raise IndexError(count)
        return count
