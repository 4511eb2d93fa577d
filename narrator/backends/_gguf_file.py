"""Reads what a GGUF file tells of itself: its kind, its sizes, its chat template. No weight is touched.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_MAGIC = b"GGUF"
_NUMBERS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_STRING, _ARRAY = 8, 9
_SHORT_ARRAY = 1024
"""A longer array, as that of all tokens, is passed over: nobody asks for it."""
_LEAST_BITS = 1
"""No known way of packing takes less for a weight."""


class NotGguf(Exception):
    """The file is of another kind."""


class Damaged(Exception):
    """The file is of this kind, but a part of it is missing or wrong."""


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
    def is_projector(self) -> bool:
        return self.architecture == "clip"

    @property
    def template(self) -> str:
        """The chat template; empty when there is none."""
        return str(self.fields.get("tokenizer.chat_template", ""))

    def number(self, name: str, default: float = 0) -> float:
        """A field of the model's own architecture; of one with a value for each layer, the largest."""
        value = self.fields.get(f"{self.architecture}.{name}", default)
        return float(max(value, default=default)) if isinstance(value, list) else float(value)


def read(path: Path) -> GgufFile:
    """Raises `NotGguf`, `Damaged`, `OSError`."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if file.read(4) != _MAGIC:
            raise NotGguf
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            try:
                return GgufFile(path, size, _Reading(content).fields())
            except (struct.error, ValueError, KeyError, IndexError, OverflowError) as error:
                raise Damaged(f"{type(error).__name__}: {error}") from error


class _Reading:
    """One pass over a file's head, as far as the weights."""

    def __init__(self, content: mmap.mmap) -> None:
        self._content = content
        self._place = 8

    def fields(self) -> dict[str, Any]:
        """All fields; checks that every weight lies within the file."""
        tensors, count = self._number("<Q"), self._number("<Q")
        found = {}
        for _ in range(count):
            name = self._text()
            found[name] = self._value(self._number("<I"))
        self._check(tensors, int(found.get("general.alignment", 32)))
        return found

    def _check(self, tensors: int, alignment: int) -> None:
        end = 0
        for _ in range(tensors):
            self._text()
            elements = 1
            for _ in range(self._number("<I")):
                elements *= self._number("<Q")
            self._number("<I")
            end = max(end, self._number("<Q") + elements * _LEAST_BITS // 8)
        begin = -(-self._place // alignment) * alignment
        if tensors and begin + end > len(self._content):
            raise ValueError(f"{begin + end} bytes at least are needed, and {len(self._content)} are there")

    def _value(self, kind: int) -> Any:
        if kind == _STRING:
            return self._text()
        if kind == _ARRAY:
            return self._array(self._number("<I"), self._number("<Q"))
        return self._number(_NUMBERS[kind])

    def _array(self, kind: int, count: int) -> Any:
        if count > len(self._content):
            raise ValueError(f"an array of {count}")
        if count <= _SHORT_ARRAY:
            return [self._value(kind) for _ in range(count)]
        if kind in _NUMBERS:
            self._place += count * struct.calcsize(_NUMBERS[kind])
        else:
            for _ in range(count):
                self._pass(kind)
        return []

    def _pass(self, kind: int) -> None:
        if kind == _STRING:
            self._place += self._number("<Q")
        else:
            self._value(kind)

    def _text(self) -> str:
        length = self._number("<Q")
        text = self._content[self._place : self._place + length]
        if len(text) != length:
            raise ValueError(f"a text of {length} bytes")
        self._place += length
        return text.decode("utf-8", "replace")

    def _number(self, form: str) -> Any:
        (value,) = struct.unpack_from(form, self._content, self._place)
        self._place += struct.calcsize(form)
        return value
