"""Looks into the files of a model: whether they are of the kind that their names say, and whole."""

import json
from pathlib import Path

from narrator.models import gguf_header
from narrator.models.failures import failure

_LENGTH = 8
_LONGEST_TABLE = 100_000_000
"""Bytes that the table of a safetensors file may take, as its own library has it."""


def require_whole(path: Path) -> None:
    """Raises `ModelError` for a GGUF or safetensors file that is none, or whose end is missing, and `OSError`."""
    if path.suffix == ".gguf":
        gguf_header.read(path)
    elif path.suffix == ".safetensors":
        _require_tensors(path)


def _require_tensors(path: Path) -> None:
    """The format: https://github.com/huggingface/safetensors#format."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(_LENGTH), "little")
        if length > _LONGEST_TABLE:
            raise failure("not_gguf", f"a table of {length} bytes", path=path.name)
        if _LENGTH + length > size:
            raise failure("truncated", f"{size} bytes of {_LENGTH + length}", path=path.name)
        try:
            end = _LENGTH + length + _last_byte(file.read(length))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise failure("not_gguf", repr(error), path=path.name) from error
    if end > size:
        raise failure("truncated", f"{size} bytes of {end}", path=path.name)


def _last_byte(table: bytes) -> int:
    """Where the last tensor ends, from the end of the table."""
    tensors = {name: entry for name, entry in json.loads(table).items() if name != "__metadata__"}
    return max((int(entry["data_offsets"][1]) for entry in tensors.values()), default=0)
