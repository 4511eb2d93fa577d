"""How exactly a checkpoint is loaded, so that it fits into the memory that is free. Pure, but for reading headers."""

import json
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from narrator.engines.failures import EngineFailed

BYTES = {"fp32": 4.0, "bf16": 2.0, "fp16": 2.0, "int8": 1.15, "4bit": 0.7}
"""Bytes a parameter; with what quantisers leave as it is: the vision tower's and the last layer, and scales."""
QUANTISED = ("int8", "4bit")
_ROOM = 750e6
"""Bytes for what a model reckons with, beside its weights: half to one GB by the rule of thumb for models up to 8B."""
_STORED = {"F32": "fp32", "BF16": "bf16", "F16": "fp16"}
_WHOLE, _INDEX = "model.safetensors", "model.safetensors.index.json"
_LONGEST_HEADER = 100_000_000
"""Bytes; the format's own limit."""
_GB = 1e9


@dataclass(frozen=True, slots=True)
class Weights:
    """How many parameters a checkpoint has, and in which form most of them are stored."""

    parameters: int
    stored: str


def weights(folder: Path) -> Weights:
    """Of the files that are loaded: other forms of the same weights may lie beside them.

    Raises `EngineFailed` when there are none or one is not whole.
    """
    counts: dict[str, int] = {}
    for path in _files(folder):
        for kind, parameters in _tensors(path):
            counts[kind] = counts.get(kind, 0) + parameters
    most = max(counts, key=lambda kind: counts[kind], default="F32")
    return Weights(sum(counts.values()), _STORED.get(most, "bf16"))


def needed(parameters: int, form: str) -> float:
    """Bytes of memory that a model takes in a form, while it runs."""
    return parameters * BYTES[form] + _ROOM


def choose(parameters: int, free: float, forms: Sequence[str]) -> str:
    """The first of the forms, the best one first, that fits into `free` bytes. Raises `EngineFailed`."""
    for form in forms:
        if needed(parameters, form) <= free:
            return form
    least = min(needed(parameters, form) for form in forms)
    raise EngineFailed("will_not_fit", str(forms), needed=_gigabytes(least), free=_gigabytes(free))


def forms(device: str, stored: str, wished: str, *, quantised: Sequence[str], has_bf16: bool) -> tuple[str, ...]:
    """What may be tried, the best first; `wished` alone, unless that is "auto". `quantised` are those at hand."""
    if wished != "auto":
        return (wished,)
    half = "bf16" if has_bf16 else "fp16"
    exact = {"cpu": (stored, "bf16")}.get(device, (half,))
    return tuple(dict.fromkeys((*exact, *quantised)))


def threads(cores: int, usable: int) -> int:
    """All cores that this process may use but one, which the window and the program's own sight need."""
    return max(1, min(cores, usable) - 1)


def _files(folder: Path) -> list[Path]:
    """As transformers looks for them: one file, or those that an index names."""
    whole, index = folder / _WHOLE, folder / _INDEX
    if whole.is_file():
        return [whole]
    try:
        names = {str(name) for name in json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()}
    except FileNotFoundError:
        raise EngineFailed("not_a_checkpoint", f"no safetensors file in {folder}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise EngineFailed("model_unusable", f"{index}: {error}") from error
    return [folder / name for name in sorted(names)]


def _tensors(path: Path) -> Iterator[tuple[str, int]]:
    """Data type and number of parameters of each tensor of a file."""
    try:
        header, size = _header(path)
        tensors = [entry for name, entry in header.items() if name != "__metadata__"]
        if max((entry["data_offsets"][1] for entry in tensors), default=0) > size:
            raise EngineFailed("model_unusable", f"{path} is cut off")
        for entry in tensors:
            count = 1
            for length in entry["shape"]:
                count *= int(length)
            yield str(entry["dtype"]), count
    except (OSError, ValueError, KeyError, TypeError, IndexError, struct.error) as error:
        raise EngineFailed("model_unusable", f"{path}: {error}") from error


def _header(path: Path) -> tuple[dict[str, Any], int]:
    """The table at the start of a safetensors file, and how many bytes of tensors follow it."""
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        if length > _LONGEST_HEADER:
            raise ValueError("no header")
        header = json.loads(file.read(length))
    if not isinstance(header, dict):
        raise ValueError("no header")
    return header, path.stat().st_size - 8 - length


def _gigabytes(bytes_: float) -> str:
    return f"{bytes_ / _GB:.1f} GB"
