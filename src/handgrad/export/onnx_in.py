"""An ONNX graph as a net: operators one after another, of which each is a layer that ships.

The graph is only read. Weights that it keeps in other files are not fetched, and sizes are held against what is there.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from handgrad.core.arrays import Array
from handgrad.core.layers import (
    ELU,
    GELU,
    BatchNorm,
    Dropout,
    Flatten,
    Layer,
    LayerNorm,
    LeakyReLU,
    Linear,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from handgrad.core.net import Sequential
from handgrad.errors import DataError, InputError
from handgrad.export.onnx_out import need_onnx
from handgrad.export.plain import check_finite


def from_onnx(source: Any) -> Sequential:
    """The net of an ONNX file or ModelProto, in eval mode.

    A graph that takes uint8 images and scales them itself comes back without that part: `probabilities` scales them.

    Raises:
        DataError: a file that is no ONNX graph, or is broken.
        InputError: an operator, or a setting of one, that no layer of ours has; a graph that is not one row.
    """
    onnx = need_onnx()
    model = onnx.ModelProto()  # a copy: reading joins what belongs together
    model.CopyFrom(source if hasattr(source, "graph") else _read(onnx, Path(source)))
    net = Sequential(*_Reader(onnx, model.graph).layers()).eval()
    check_finite(net)
    return net


def _read(onnx: Any, path: Path) -> Any:
    try:
        model = onnx.load_model_from_string(path.read_bytes())  # from bytes: nothing beside the file is opened
        if not model.graph.node:
            raise ValueError("no operators")
    except OSError as error:
        raise DataError("data.file_unreadable", path=path, reason=error.strerror) from error
    except Exception as error:  # protobuf's DecodeError is of another package
        raise DataError("export.broken", path=path, reason=f"{type(error).__name__}: {error}"[:120]) from error
    return model


class _Reader:
    """Follows the graph from its input to its output."""

    def __init__(self, onnx: Any, graph: Any) -> None:
        self.onnx, self.graph = onnx, graph
        self.arrays: dict[str, Array] = {}
        for tensor in graph.initializer:
            self.arrays[tensor.name] = self._array(tensor, tensor.name)
        for node in graph.node:
            if node.op_type == "Constant":
                for attribute in node.attribute:
                    if attribute.name == "value":
                        self.arrays[node.output[0]] = self._array(attribute.t, node.output[0])
            elif node.op_type == "Identity" and node.input[0] in self.arrays:  # a weight under a second name
                self.arrays[node.output[0]] = self.arrays[node.input[0]]
        inputs = [given for given in graph.input if given.name not in self.arrays]
        if len(inputs) != 1 or len(graph.output) != 1:
            raise InputError("export.onnx_row", why="inputs and outputs", got=f"{len(inputs)}, {len(graph.output)}")
        self.value = inputs[0].name
        self.raw_pixels = inputs[0].type.tensor_type.elem_type == onnx.TensorProto.UINT8

    def layers(self) -> list[Layer]:
        found: list[Layer] = []
        nodes = [node for node in self.graph.node if not self.arrays.keys() & set(node.output)]
        while self.value != self.graph.output[0].name:
            users = [node for node in nodes if self.value in node.input]
            node = self._next(users)
            layer = None if self.raw_pixels and self._is_preprocessing(node) else self._layer(node)
            if layer is not None:
                name = re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", node.name)
                if name and not any(name[0] == earlier.name for earlier in found):
                    layer.name = name[0]
                found.append(layer)
            nodes = [left for left in nodes if left is not node]
            self.value = node.output[0]
        if not found:
            raise InputError("export.onnx_row", why="layers", got=0)
        return found

    def _next(self, users: list[Any]) -> Any:
        """The one operator that takes the present value; of x * sigmoid(x), which has two, the product."""
        kinds = sorted(node.op_type for node in users)
        if kinds == ["Mul", "Sigmoid"]:
            gate, product = sorted(users, key=lambda node: node.op_type != "Sigmoid")
            if set(product.input) == {self.value, gate.output[0]}:
                return product
        if len(users) != 1:
            raise InputError("export.onnx_row", why=self.value, got=", ".join(kinds) or "-")
        return users[0]

    def _is_preprocessing(self, node: Any) -> bool:
        """Steps over what brings pixels to 0..1: the last of it is the product with 1/255, or the division by 255."""
        if node.op_type in ("Mul", "Div"):
            by = [
                float(self.arrays[name]) for name in node.input if name in self.arrays and self.arrays[name].size == 1
            ]
            if not by or not math.isclose(by[0], 255 if node.op_type == "Div" else 1 / 255, rel_tol=1e-5):
                raise InputError("export.onnx_operator", operator=node.op_type, name=node.name or "-")
            self.raw_pixels = False
        elif node.op_type not in ("Cast", "Flatten", "Reshape"):
            raise InputError("export.onnx_operator", operator=node.op_type, name=node.name or "-")
        return True

    def _layer(self, node: Any) -> Layer | None:
        """The layer of an operator; None for one that does nothing, or has been taken into the layer before."""
        if node.op_type == "Identity":
            return None
        read = _OPERATORS.get(node.op_type) if node.domain in ("", "ai.onnx") else None
        settings = {a.name: self.onnx.helper.get_attribute_value(a) for a in node.attribute}
        try:
            layer = read(self, node, settings) if read else None
        except (KeyError, IndexError, TypeError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            layer = None
        if layer is None:
            raise InputError("export.onnx_operator", operator=node.op_type, name=node.name or "-")
        return layer

    def _array(self, tensor: Any, name: str) -> Array:
        """A tensor of the graph as an array. InputError for one whose shape and bytes do not agree."""
        shape, proto = tuple(tensor.dims), self.onnx.TensorProto
        kinds = {proto.FLOAT: 4, proto.DOUBLE: 8, proto.INT64: 8, proto.INT32: 4, proto.BOOL: 1}
        if tensor.data_location == proto.EXTERNAL or tensor.data_type not in kinds:
            raise InputError("export.onnx_tensor", name=name)
        size = math.prod(shape)
        held = len(tensor.raw_data) // kinds[tensor.data_type] or max(
            len(tensor.float_data), len(tensor.double_data), len(tensor.int64_data), len(tensor.int32_data)
        )
        if any(side < 0 for side in shape) or held != size:
            raise InputError("export.claims", name=name, shape=shape)
        return self.onnx.numpy_helper.to_array(tensor)  # type: ignore[no-any-return]

    def after(self, node: Any) -> Any:
        """The one operator that takes an operator's output, or None."""
        users = [other for other in self.graph.node if node.output[0] in other.input]
        return users[0] if len(users) == 1 else None


def _made(weight: Array, bias: Array | None) -> Layer:
    linear = Linear(*weight.shape, bias=bias is not None, init="zeros", dtype=weight.dtype)
    linear.W = weight
    if bias is not None:
        linear.b = np.broadcast_to(bias.reshape(-1), (weight.shape[1],))
    return linear


def _gemm(reader: _Reader, node: Any, settings: dict[str, Any]) -> Layer | None:
    if settings.get("transA") or settings.get("alpha", 1.0) != 1 or settings.get("beta", 1.0) != 1:
        return None
    weight = reader.arrays[node.input[1]]
    bias = reader.arrays[node.input[2]] if len(node.input) > 2 and node.input[2] else None
    return _made(weight.T if settings.get("transB") else weight, bias)


def _matmul(reader: _Reader, node: Any, settings: dict[str, Any]) -> Layer | None:
    weight, then = reader.arrays[node.input[1]], reader.after(node)
    bias = [reader.arrays[n] for n in then.input if n in reader.arrays] if then and then.op_type == "Add" else []
    if bias:
        node.output[0] = then.output[0]  # of the copy that is read: the sum belongs to this layer
    return _made(weight, bias[0] if bias else None)


def _mul(reader: _Reader, node: Any, settings: dict[str, Any]) -> Layer | None:
    gates = {other.output[0] for other in reader.graph.node if list(other.input) == [reader.value]}
    return SiLU() if set(node.input) - {reader.value} <= gates and len(set(node.input)) == 2 else None


def _dropout(reader: _Reader, node: Any, settings: dict[str, Any]) -> Layer | None:
    ratio = reader.arrays[node.input[1]] if len(node.input) > 1 and node.input[1] else settings.get("ratio", 0.5)
    return Dropout(_short(float(ratio)))


def _batch_norm(reader: _Reader, node: Any, settings: dict[str, Any]) -> Layer | None:
    scale, shift, mean, var = (reader.arrays[name] for name in node.input[1:5])
    momentum = _short(1 - _short(settings.get("momentum", 0.9)))
    layer = BatchNorm(scale.size, momentum=momentum, eps=_short(settings.get("epsilon", 1e-5)), dtype=scale.dtype)
    layer.load_state({"scale": scale, "shift": shift, "running_mean": mean, "running_var": var})
    return layer


def _layer_norm(reader: _Reader, node: Any, settings: dict[str, Any]) -> Layer | None:
    if settings.get("axis", -1) not in (-1, 1):
        return None
    scale = reader.arrays[node.input[1]]
    shift = reader.arrays[node.input[2]] if len(node.input) > 2 and node.input[2] else np.zeros_like(scale)
    layer = LayerNorm(scale.size, eps=_short(settings.get("epsilon", 1e-5)), dtype=scale.dtype)
    layer.load_state({"scale": scale, "shift": shift})
    return layer


def _reshape(reader: _Reader, node: Any, settings: dict[str, Any]) -> Layer | None:
    shape = reader.arrays[node.input[1]].tolist()
    return Flatten() if len(shape) == 2 and (shape[0] in (-1, 0) or shape[1] == -1) else None


def _short(number: float) -> float:
    """A setting that was stored as float32, as it was written: 1e-5 and not 9.999999747378752e-06."""
    return float(f"{number:.7g}")


_OPERATORS: dict[str, Callable[[_Reader, Any, dict[str, Any]], Layer | None]] = {
    "Gemm": _gemm,
    "MatMul": _matmul,
    "Sigmoid": lambda reader, node, settings: Sigmoid(),
    "Tanh": lambda reader, node, settings: Tanh(),
    "Relu": lambda reader, node, settings: ReLU(),
    "LeakyRelu": lambda reader, node, settings: LeakyReLU(_short(settings.get("alpha", 0.01))),
    "Elu": lambda reader, node, settings: ELU(_short(settings.get("alpha", 1.0))),
    "Gelu": lambda reader, node, settings: GELU(settings.get("approximate", b"none").decode()),
    "Mul": _mul,
    "Swish": lambda reader, node, settings: SiLU() if settings.get("alpha", 1.0) == 1 else None,
    "Softplus": lambda reader, node, settings: Softplus(),
    "Softmax": lambda reader, node, settings: Softmax() if settings.get("axis", -1) in (-1, 1) else None,
    "Flatten": lambda reader, node, settings: Flatten() if settings.get("axis", 1) == 1 else None,
    "Reshape": _reshape,
    "Dropout": _dropout,
    "BatchNormalization": _batch_norm,
    "LayerNormalization": _layer_norm,
}
