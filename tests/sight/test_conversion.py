"""TensorFlow.js graphs become ONNX models that compute the same, checked against numpy."""

import base64
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

TOOLS = Path(__file__).resolve().parents[2] / "tools"
Array = NDArray[Any]
RNG = np.random.default_rng(7)
PICTURE = RNG.standard_normal((1, 6, 8, 2)).astype(np.float32)


class Model:
    """Writes a `model.json` with one shard, node by node."""

    def __init__(self) -> None:
        self._nodes: list[dict[str, Any]] = []
        self._weights: list[dict[str, Any]] = []
        self._data = b""

    def placeholder(self, shape: Sequence[int]) -> str:
        sizes = [{"size": str(size)} for size in shape]
        return self.node("x", "Placeholder", [], {"dtype": {"type": "DT_FLOAT"}, "shape": {"shape": {"dim": sizes}}})

    def constant(self, name: str, array: Array, *, half: bool = False) -> str:
        entry: dict[str, Any] = {"name": name, "shape": list(array.shape), "dtype": str(array.dtype)}
        if half:
            entry["quantization"] = {"dtype": "float16"}
        self._weights.append(entry)
        self._data += (array.astype(np.float16) if half else array).tobytes()
        return self.node(name, "Const", [], {})

    def node(self, name: str, op: str, inputs: Sequence[str], attributes: Mapping[str, Any]) -> str:
        self._nodes.append({"name": name, "op": op, "input": list(inputs), "attr": dict(attributes)})
        return name

    def write(self, folder: Path, outputs: Sequence[str]) -> Path:
        (folder / "model.bin").write_bytes(self._data)
        signature = {"outputs": {name: {"name": name} for name in outputs}}
        manifest = [{"paths": ["model.bin"], "weights": self._weights}]
        description = {
            "modelTopology": {"node": self._nodes},
            "signature": signature,
            "weightsManifest": manifest,
        }
        path = folder / "model.json"
        path.write_text(json.dumps(description), encoding="utf-8")
        return path


def integers(*values: int) -> dict[str, Any]:
    return {"list": {"i": [str(value) for value in values]}}


def text(value: str) -> dict[str, str]:
    return {"s": base64.b64encode(value.encode()).decode()}


def convert(path: Path) -> tuple[subprocess.CompletedProcess[str], Path]:
    out = path.with_suffix(".onnx")
    command = [sys.executable, str(TOOLS / "tfjs_to_onnx.py"), str(path), str(out)]
    return subprocess.run(command, capture_output=True, text=True, check=False), out


def run(model: bytes, picture: Array) -> list[Array]:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return list(session.run(None, {"x": picture}))


def convolved(picture: Array, kernel: Array) -> Array:
    """Stride 1, zeros around it, as many rows and columns out as in."""
    rows, columns = kernel.shape[:2]
    padded = np.pad(picture, ((0, 0), (rows // 2, rows // 2), (columns // 2, columns // 2), (0, 0)))
    out = np.zeros((*picture.shape[:3], kernel.shape[3]), np.float32)
    for row in range(rows):
        for column in range(columns):
            part = padded[:, row : row + picture.shape[1], column : column + picture.shape[2]]
            out += part @ kernel[row, column]
    return out


def leaky(values: Array) -> Array:
    return np.where(values > 0, values, 0.1 * values)


def pooled(picture: Array) -> Array:
    _, rows, columns, channels = picture.shape
    return picture.reshape(1, rows // 2, 2, columns // 2, 2, channels).max(axis=(2, 4))


def test_five_nodes_through_the_script(tmp_path: Path) -> None:
    kernel = RNG.standard_normal((3, 3, 2, 9)).astype(np.float16).astype(np.float32)
    model = Model()
    model.placeholder(PICTURE.shape)
    model.constant("kernel", kernel, half=True)
    steps = {"strides": integers(1, 1, 1, 1), "padding": text("SAME")}
    model.node("conv", "Conv2D", ["x", "kernel"], steps)
    model.node("leaky", "LeakyRelu", ["conv"], {"alpha": {"f": 0.1}})
    window = {"ksize": integers(1, 2, 2, 1), "strides": integers(1, 2, 2, 1), "padding": text("VALID")}
    model.node("pool", "MaxPool", ["leaky"], window)
    done, out = convert(model.write(tmp_path, ["pool"]))
    assert done.returncode == 0, done.stderr
    (found,) = run(out.read_bytes(), PICTURE)
    np.testing.assert_allclose(found, pooled(leaky(convolved(PICTURE, kernel))), rtol=1e-4, atol=1e-5)
    assert out.stat().st_size < kernel.nbytes + 1200, "the kernel is stored as float16"


def build_transpose(model: Model) -> Array:
    model.constant("order", np.array([0, 3, 1, 2], np.int32))
    model.node("y", "Transpose", ["x", "order"], {})
    return PICTURE.transpose(0, 3, 1, 2)


def build_reshape(model: Model) -> Array:
    model.constant("shape", np.array([1, 48, 2], np.int32))
    model.node("y", "Reshape", ["x", "shape"], {})
    return PICTURE.reshape(1, 48, 2)


def build_pad(model: Model) -> Array:
    model.constant("widths", np.array([[0, 0], [1, 2], [3, 0], [0, 0]], np.int32))
    model.constant("filling", np.array(-5, np.float32))
    model.node("y", "PadV2", ["x", "widths", "filling"], {})
    return np.pad(PICTURE, ((0, 0), (1, 2), (3, 0), (0, 0)), constant_values=-5)


def build_concatenation(model: Model) -> Array:
    model.constant("axis", np.array(3, np.int32))
    model.node("s", "Sigmoid", ["x"], {})
    model.node("y", "ConcatV2", ["x", "s", "axis"], {})
    return np.concatenate([PICTURE, 1 / (1 + np.exp(-PICTURE))], axis=3)


def build_split(model: Model) -> Array:
    model.constant("sizes", np.array([3, 5], np.int32))
    model.constant("axis", np.array(2, np.int32))
    model.node("parts", "SplitV", ["x", "sizes", "axis"], {})
    model.node("y", "Sigmoid", ["parts:1"], {})
    return 1 / (1 + np.exp(-PICTURE[:, :, 3:]))


def build_resize(model: Model) -> Array:
    model.constant("size", np.array([12, 16], np.int32))
    model.node("y", "ResizeBilinear", ["x", "size"], {"align_corners": {"b": True}})
    wide = along(PICTURE, np.linspace(0, 7, 16), axis=2)
    return along(wide, np.linspace(0, 5, 12), axis=1)


def along(values: Array, places: Array, *, axis: int) -> Array:
    """Linear interpolation at these places of one axis."""
    known = np.arange(values.shape[axis])
    return np.apply_along_axis(lambda line: np.interp(places, known, line), axis, values)


def build_folding(model: Model) -> Array:
    """A table given as places and values, plus a constant: both are worked out while converting."""
    model.constant("places", np.array([[0], [1]], np.int32))
    model.constant("length", np.array([2], np.int32))
    model.constant("values", np.array([2.0, 3.0], np.float32))
    model.constant("default", np.array(0.0, np.float32))
    model.constant("one", np.array([1.0, 1.0], np.float32))
    model.node("dense", "SparseToDense", ["places", "length", "values", "default"], {})
    model.node("sum", "AddV2", ["dense", "one"], {})
    model.node("y", "Add", ["x", "sum"], {})
    return PICTURE + np.array([3.0, 4.0], np.float32)


BUILDERS = (
    build_transpose,
    build_reshape,
    build_pad,
    build_concatenation,
    build_split,
    build_resize,
    build_folding,
)


@pytest.mark.parametrize("build", BUILDERS, ids=lambda build: build.__name__.removeprefix("build_"))
def test_an_operation_is_what_numpy_makes_of_it(build: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(TOOLS)
    import tfjs_graph
    import tfjs_to_onnx

    model = Model()
    model.placeholder(PICTURE.shape)
    expected = build(model)
    converted = tfjs_to_onnx.convert(tfjs_graph.load(model.write(tmp_path, ["y"])))
    (found,) = run(converted.SerializeToString(), PICTURE)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_an_unknown_operation_is_named(tmp_path: Path) -> None:
    model = Model()
    model.placeholder(PICTURE.shape)
    model.node("y", "Erfinv", ["x"], {})
    done, _ = convert(model.write(tmp_path, ["y"]))
    assert done.returncode != 0
    assert "Erfinv (y)" in done.stderr
