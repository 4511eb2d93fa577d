"""Reads a TensorFlow.js graph model: `model.json` with its weight shards, without TensorFlow."""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_DTYPES = {"float32": np.float32, "int32": np.int32, "bool": np.bool_, "uint8": np.uint8}
_STORED = {"float16": np.float16, "uint8": np.uint8, "uint16": np.uint16}


@dataclass(frozen=True)
class Node:
    """One operation: its name, the operation's name in TensorFlow, its inputs and its raw attributes."""

    name: str
    op: str
    inputs: tuple[str, ...]
    attributes: Mapping[str, Any]

    def text(self, key: str, default: str) -> str:
        value = self.attributes.get(key, {}).get("s")
        return base64.b64decode(value).decode() if value else default

    def integers(self, key: str) -> list[int]:
        return [int(value) for value in self.attributes[key]["list"].get("i", [])]

    def real(self, key: str, default: float) -> float:
        return float(self.attributes.get(key, {}).get("f", default))

    def flag(self, key: str) -> bool:
        return bool(self.attributes.get(key, {}).get("b", False))


@dataclass(frozen=True)
class Graph:
    """A graph model: its operations in an order in which each follows its inputs, its weights and its outputs."""

    nodes: tuple[Node, ...]
    weights: Mapping[str, NDArray[Any]]
    outputs: tuple[str, ...]


def load(path: Path) -> Graph:
    """The graph of a `model.json`, whose shards lie beside it. Raises OSError, ValueError, KeyError."""
    description = json.loads(path.read_text(encoding="utf-8"))
    signature = description.get("signature") or description.get("userDefinedMetadata", {})["signature"]
    outputs = tuple(value.get("name") or key for key, value in signature["outputs"].items())
    nodes = {
        raw["name"]: Node(raw["name"], raw["op"], tuple(raw.get("input", ())), raw.get("attr", {}))
        for raw in description["modelTopology"]["node"]
    }
    return Graph(tuple(_ordered(nodes, outputs)), dict(_weights(description, path.parent)), outputs)


def plain(name: str) -> str:
    """An input's node name without the control mark and the number of its first output."""
    return name.split("^")[-1].removesuffix(":0")


def _ordered(nodes: Mapping[str, Node], outputs: tuple[str, ...]) -> Iterator[Node]:
    """Depth first and without recursion: these graphs are hundreds of operations deep."""
    done: set[str] = set()
    stack = [(name, False) for name in reversed(outputs)]
    while stack:
        name, inputs_done = stack.pop()
        name = plain(name).partition(":")[0]
        if name in done:
            continue
        if inputs_done:
            done.add(name)
            yield nodes[name]
        else:
            stack.append((name, True))
            stack.extend((source, False) for source in nodes[name].inputs)


def _weights(description: Mapping[str, Any], folder: Path) -> Iterator[tuple[str, NDArray[Any]]]:
    for group in description["weightsManifest"]:
        data = b"".join((folder / name).read_bytes() for name in group["paths"])
        offset = 0
        for entry in group["weights"]:
            array, offset = _weight(entry, data, offset)
            yield entry["name"], array


def _weight(entry: Mapping[str, Any], data: bytes, offset: int) -> tuple[NDArray[Any], int]:
    """One array, its compact storage undone, and where the next one starts."""
    stored = entry.get("quantization")
    kind = _STORED[stored["dtype"]] if stored else _DTYPES[entry["dtype"]]
    raw = np.frombuffer(data, kind, int(np.prod(entry["shape"])), offset)
    array: NDArray[Any] = raw
    if stored:
        array = raw.astype(np.float32)
        if "scale" in stored:
            array = array * stored["scale"] + stored["min"]
    return array.astype(_DTYPES[entry["dtype"]]).reshape(entry["shape"]), offset + raw.nbytes
