"""Where a GGUF model's parts go: how many layers onto the graphics card, and whether all fits into memory. Pure."""

import math
import re
from dataclasses import dataclass
from pathlib import Path

from narrator.models.gguf_header import GgufFile

_CARD_RESERVE = 768 * 2**20
"""Bytes of a graphics card left for what is computed in between and for the desktop: between 0.5 and 1 GB."""
_RESERVE = 256 * 2**20
"""Bytes of memory for the engine itself and what is computed in between."""
_PROJECTOR_OVERHEAD = 1.25
"""The vision part needs this much more than its file for what it computes."""
_BYTES_A_VALUE = 2
"""The memory of what was read is kept as 16-bit numbers."""
_PART = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Device:
    """A graphics card: its free bytes; `shares` when they are those of the machine's memory."""

    name: str
    free: int
    shares: bool = False


@dataclass(frozen=True, slots=True)
class Placement:
    """Layers on the card (the output counts as one), whether the vision part is there too, and bytes of memory."""

    gpu_layers: int
    layers: int
    projector_on_gpu: bool
    memory: int
    """Bytes that have to be free in the machine's memory."""


def place(
    model: GgufFile, projector: GgufFile, context: int, devices: tuple[Device, ...], wanted: int = -1
) -> Placement:
    """As much on the cards as their free memory holds, the vision part first: it is what takes longest.

    `wanted` layers instead where it is not negative.
    """
    layers = int(model.number("block_count")) + 1
    weights = weights_of(model)
    a_layer = weights / layers + kept_a_token(model) / max(1, layers - 1) * context
    sight = projector.size * _PROJECTOR_OVERHEAD
    free = sum(device.free for device in devices) - _CARD_RESERVE * len(devices)
    projector_on_gpu = bool(devices) and wanted != 0 and free >= sight
    fitting = math.floor((free - sight * projector_on_gpu) / a_layer) if devices and a_layer else 0
    gpu_layers = min(layers, wanted if wanted >= 0 else max(0, fitting))
    in_memory = a_layer * (layers - gpu_layers) + sight * (not projector_on_gpu) + _RESERVE
    if any(device.shares for device in devices):
        in_memory = a_layer * layers + sight + _RESERVE
    return Placement(gpu_layers, layers, projector_on_gpu, round(in_memory))


def weights_of(model: GgufFile) -> int:
    """Bytes of all files of a model: a large one comes in parts."""
    part = _PART.search(model.path.name)
    if part is None:
        return model.size
    name = model.path.name[: part.start()]
    return sum(_size(path) for path in model.path.parent.glob("*.gguf") if _is_part(path, name, part.group(2)))


def kept_a_token(model: GgufFile) -> int:
    """Bytes of memory that each token of the context takes in all layers together."""
    heads = model.number("attention.head_count", 1) or 1
    width = model.number("embedding_length") / heads
    values = model.number("attention.key_length", width) + model.number("attention.value_length", width)
    return round(model.number("block_count") * model.number("attention.head_count_kv", heads) * values * _BYTES_A_VALUE)


def size_in_words(size: int) -> str:
    """2.4 GB, 350 MB."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{max(1, round(size / 1e6))} MB"


def _is_part(path: Path, name: str, of: str) -> bool:
    part = _PART.search(path.name)
    return part is not None and part.group(2) == of and path.name[: part.start()] == name


def _size(path: Path) -> int:
    return path.stat().st_size
