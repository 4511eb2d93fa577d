"""Converts a TensorFlow.js graph model to ONNX with numpy and onnx alone.

    python tools/tfjs_to_onnx.py MODEL.json OUT.onnx

Knows the operations that NanoDet uses; any other ends with its name. Weights that float16 holds exactly are stored as
float16 with a Cast behind them, which halves the file and leaves every output as it was, to the bit.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from tfjs_graph import Graph, Node, load, plain

_CHANNELS_FIRST = [0, 3, 1, 2]
_CHANNELS_LAST = [0, 2, 3, 1]
_OPSET, _IR_VERSION = 17, 8
_SMALLEST_HALF = 65
_ELEMENT = {"DT_FLOAT": TensorProto.FLOAT, "DT_INT32": TensorProto.INT32}


def convert(graph: Graph) -> onnx.ModelProto:
    """The same function as an ONNX model; outputs are called as in the source, with `_out` at the end.

    Raises NotImplementedError that names an operation it does not know.
    """
    model = _Converter(graph).model()
    _store_as_half(model.graph)
    return model


class _Converter:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: list[onnx.TensorProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._constants: dict[str, NDArray[Any]] = {}
        self._aliases: dict[str, str] = {}
        self._written: set[str] = set()
        self._serial = 0

    def model(self) -> onnx.ModelProto:
        for node in self._graph.nodes:
            if not self._fold(node):
                self._operation(node)(node)
        outputs = []
        for name in self._graph.outputs:
            public = self._resolve(name).replace("/", "_") + "_out"
            self._emit("Identity", [self._tensor(name)], public)
            outputs.append(onnx.ValueInfoProto(name=public))
        graph = helper.make_graph(self._nodes, "tfjs", self._inputs, outputs, self._initializers)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)

    def _fold(self, node: Node) -> bool:
        """Work out what is constant while converting; True when no operation is left."""
        if node.op == "Const":
            self._constants[node.name] = self._graph.weights[node.name]
        elif node.op == "Identity":
            self._aliases[node.name] = self._resolve(node.inputs[0])
        elif node.op in _FOLDED and all(self._resolve(name) in self._constants for name in node.inputs):
            self._constants[node.name] = _FOLDED[node.op](*map(self._constant, node.inputs))
        else:
            return False
        return True

    def _operation(self, node: Node) -> Callable[[Node], None]:
        operations = {
            "Placeholder": self._placeholder,
            "Add": self._add,
            "AddV2": self._add,
            "Sigmoid": self._sigmoid,
            "LeakyRelu": self._leaky_relu,
            "Conv2D": self._convolution,
            "MaxPool": self._max_pool,
            "ResizeBilinear": self._resize_bilinear,
            "Transpose": self._transpose,
            "Pad": self._pad,
            "PadV2": self._pad,
            "ConcatV2": self._concatenate,
            "Reshape": self._reshape,
            "SplitV": self._split,
        }
        if node.op not in operations:
            raise NotImplementedError(f"The operation {node.op} ({node.name}) is not known.")
        return operations[node.op]

    def _placeholder(self, node: Node) -> None:
        sizes = [int(dimension["size"]) for dimension in node.attributes["shape"]["shape"]["dim"]]
        element = _ELEMENT[node.attributes["dtype"]["type"]]
        self._inputs.append(helper.make_tensor_value_info(node.name, element, sizes))

    def _add(self, node: Node) -> None:
        self._emit("Add", [self._tensor(name) for name in node.inputs], node.name)

    def _sigmoid(self, node: Node) -> None:
        self._emit("Sigmoid", [self._tensor(node.inputs[0])], node.name)

    def _leaky_relu(self, node: Node) -> None:
        self._emit("LeakyRelu", [self._tensor(node.inputs[0])], node.name, alpha=node.real("alpha", 0.2))

    def _convolution(self, node: Node) -> None:
        kernel = self._constant(node.inputs[1]).transpose(3, 2, 0, 1).astype(np.float32)
        source = self._channels_first(node.inputs[0])
        dilations = node.integers("dilations")[1:3] if "dilations" in node.attributes else [1, 1]
        result = self._emit(
            "Conv",
            [source, self._initializer(kernel)],
            strides=node.integers("strides")[1:3],
            dilations=dilations,
            group=1,
            auto_pad=_auto_pad(node),
        )
        self._channels_last(result, node.name)

    def _max_pool(self, node: Node) -> None:
        result = self._emit(
            "MaxPool",
            [self._channels_first(node.inputs[0])],
            kernel_shape=node.integers("ksize")[1:3],
            strides=node.integers("strides")[1:3],
            auto_pad=_auto_pad(node),
        )
        self._channels_last(result, node.name)

    def _resize_bilinear(self, node: Node) -> None:
        source = self._channels_first(node.inputs[0])
        shape = self._emit("Shape", [source])
        bounds = [self._initializer(np.array([0])), self._initializer(np.array([2]))]
        batch_and_channels = self._emit("Slice", [shape, *bounds])
        size = self._initializer(self._constant(node.inputs[1]).astype(np.int64))
        full = self._emit("Concat", [batch_and_channels, size], axis=0)
        mode = "half_pixel" if node.flag("half_pixel_centers") else "asymmetric"
        mode = "align_corners" if node.flag("align_corners") else mode
        result = self._emit("Resize", [source, "", "", full], mode="linear", coordinate_transformation_mode=mode)
        self._channels_last(result, node.name)

    def _transpose(self, node: Node) -> None:
        order = [int(axis) for axis in self._constant(node.inputs[1])]
        self._emit("Transpose", [self._tensor(node.inputs[0])], node.name, perm=order)

    def _pad(self, node: Node) -> None:
        widths = self._constant(node.inputs[1])
        value = self._constant(node.inputs[2]) if node.op == "PadV2" else np.float32(0)
        source = self._tensor(node.inputs[0])
        sides = self._initializer(np.concatenate([widths[:, 0], widths[:, 1]]).astype(np.int64))
        filling = self._initializer(np.array(value, np.float32).reshape(1))
        self._emit("Pad", [source, sides, filling], node.name)

    def _concatenate(self, node: Node) -> None:
        parts = [self._tensor(name) for name in node.inputs[:-1]]
        self._emit("Concat", parts, node.name, axis=int(self._constant(node.inputs[-1])))

    def _reshape(self, node: Node) -> None:
        shape = self._initializer(self._constant(node.inputs[1]).astype(np.int64))
        self._emit("Reshape", [self._tensor(node.inputs[0]), shape], node.name)

    def _split(self, node: Node) -> None:
        sizes = self._constant(node.inputs[1]).astype(np.int64)
        outputs = [node.name, *(f"{node.name}:{number}" for number in range(1, len(sizes)))]
        operands = [self._tensor(node.inputs[0]), self._initializer(sizes)]
        axis = int(self._constant(node.inputs[2]))
        self._nodes.append(helper.make_node("Split", operands, outputs, axis=axis))

    def _channels_first(self, name: str) -> str:
        return self._emit("Transpose", [self._tensor(name)], perm=_CHANNELS_FIRST)

    def _channels_last(self, tensor: str, output: str) -> None:
        self._emit("Transpose", [tensor], output, perm=_CHANNELS_LAST)

    def _resolve(self, name: str) -> str:
        return self._aliases.get(plain(name), plain(name))

    def _constant(self, name: str) -> NDArray[Any]:
        return self._constants[self._resolve(name)]

    def _tensor(self, name: str) -> str:
        """The tensor's name in the ONNX graph; a constant is written there at its first use."""
        name = self._resolve(name)
        if name in self._constants and name not in self._written:
            self._written.add(name)
            self._initializer(self._constants[name], name)
        return name

    def _initializer(self, array: NDArray[Any], name: str = "") -> str:
        name = name or self._unique("c")
        self._initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def _emit(self, op: str, inputs: list[str], output: str = "", **attributes: Any) -> str:
        output = output or self._unique(op)
        self._nodes.append(helper.make_node(op, inputs, [output], **attributes))
        return output

    def _unique(self, prefix: str) -> str:
        self._serial += 1
        return f"{prefix}__{self._serial}"


def _dense(indices: NDArray[Any], shape: NDArray[Any], values: NDArray[Any], default: NDArray[Any]) -> NDArray[Any]:
    """TensorFlow's SparseToDense."""
    dense = np.full(tuple(shape), default, values.dtype)
    dense[tuple(indices.reshape(-1, len(shape)).T)] = values
    return dense


_FOLDED: dict[str, Callable[..., NDArray[Any]]] = {"Add": np.add, "AddV2": np.add, "SparseToDense": _dense}


def _auto_pad(node: Node) -> str:
    return "SAME_UPPER" if node.text("padding", "SAME") == "SAME" else "VALID"


def _store_as_half(graph: onnx.GraphProto) -> None:
    """Replace large float32 constants that float16 holds exactly by float16 ones, each with a Cast."""
    kept, casts = [], []
    for tensor in graph.initializer:
        array = numpy_helper.to_array(tensor)
        half = array.astype(np.float16) if array.dtype == np.float32 else array
        if array.size < _SMALLEST_HALF or array.dtype != np.float32 or not np.array_equal(half, array):
            kept.append(tensor)
            continue
        kept.append(numpy_helper.from_array(half, tensor.name + "_h"))
        casts.append(helper.make_node("Cast", [tensor.name + "_h"], [tensor.name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(kept)
    graph.node.extend(nodes)


if __name__ == "__main__":
    onnx.save(convert(load(Path(sys.argv[1]))), sys.argv[2])
