"""A net as an ONNX graph: one operator a layer, any number of rows, float32 as runtimes want it.

The weights are transposed nowhere: Gemm takes (inputs, outputs) as they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from handgrad.core.arrays import Array
from handgrad.core.layers.base import Layer
from handgrad.core.net import Sequential
from handgrad.errors import InputError
from handgrad.export.plain import identifiers

OPSET, IR = 26, 13  # the newest that onnxruntime runs: 1.25 is the first that does, 1.31 knows no newer one
MOST_BYTES = 2**31 - 1  # of a protobuf message


def need_onnx() -> Any:
    """The onnx package. InputError that names the extra where it is missing."""
    try:
        import onnx
    except ImportError:
        raise InputError("export.needs_package", package="onnx", install="pip install 'handgrad[onnx]'") from None
    return onnx


def encode(
    net: Sequential, *, input_shape: tuple[int, ...] | None, classes: tuple[str, ...] = (), raw_pixels: bool = False
) -> bytes:
    """The file's bytes, checked by onnx in full.

    Args:
        net: a plain net.
        input_shape: of one sample; None: a row of any length.
        classes: their names, for the metadata.
        raw_pixels: the graph takes uint8 from 0 to 255, flattens them and divides by 255 itself.
    """
    onnx = need_onnx()
    if 4 * net.theta.size > MOST_BYTES:
        raise InputError("export.onnx_size", most=f"{MOST_BYTES / 1e9:.1f}")
    graph = _Graph(onnx)
    value = "pixels" if raw_pixels else "input"
    known = (math.prod(input_shape),) if raw_pixels and input_shape else input_shape
    given = net(np.zeros((1, *known))).shape[1:] if known else ("features",)
    sample: tuple[Any, ...] = input_shape or ("features",)
    taken = graph.declare(value, sample, raw_pixels=raw_pixels)
    if raw_pixels:
        value = graph.add("Cast", [value], "floats", to=onnx.TensorProto.FLOAT)
        value = graph.add("Flatten", [value], "rows", axis=1)
        value = graph.add("Mul", [value, graph.weight("one_255th", np.float32(1 / 255))], "scaled")
    layers = list(net.named_layers())
    names = identifiers([name for name, _ in layers])
    for name, layer in layers:
        value = _OPERATORS[type(layer).__name__](graph, names[name], layer, value)
    graph.add("Identity", [value], "output")
    whole = onnx.helper.make_graph(graph.nodes, "handgrad", [taken], [graph.declare("output", given)], graph.weights)
    model = onnx.helper.make_model(
        whole, producer_name="handgrad", ir_version=IR, opset_imports=[onnx.helper.make_opsetid("", OPSET)]
    )
    if classes:
        onnx.helper.set_model_props(model, {"classes": "\n".join(classes)})
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


class _Graph:
    """Nodes and weights as they are added, one after another."""

    def __init__(self, onnx: Any) -> None:
        self.onnx = onnx
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    def add(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(self.onnx.helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def weight(self, name: str, array: Any) -> str:
        self.weights.append(self.onnx.numpy_helper.from_array(np.asarray(array, np.float32, order="C"), name))
        return name

    def declare(self, name: str, sample: tuple[Any, ...], *, raw_pixels: bool = False) -> Any:
        kind = self.onnx.TensorProto.UINT8 if raw_pixels else self.onnx.TensorProto.FLOAT
        return self.onnx.helper.make_tensor_value_info(name, kind, ["batch", *sample])


def _simple(operator: str, **attributes: Any) -> Callable[[_Graph, str, Layer, str], str]:
    def add(graph: _Graph, name: str, layer: Layer, x: str) -> str:
        return graph.add(operator, [x], name, **attributes)

    return add


def _linear(graph: _Graph, name: str, layer: Any, x: str) -> str:
    inputs = [x, graph.weight(f"{name}.weight", layer.W)]
    if layer.has_bias:
        inputs.append(graph.weight(f"{name}.bias", layer.b))
    return graph.add("Gemm", inputs, name)


def _silu(graph: _Graph, name: str, layer: Layer, x: str) -> str:
    gate = graph.add("Sigmoid", [x], f"{name}.sigmoid")  # Swish is an operator since opset 24, but not yet run
    return graph.add("Mul", [x, gate], name)


def _dropout(graph: _Graph, name: str, layer: Any, x: str) -> str:
    return graph.add("Dropout", [x, graph.weight(f"{name}.p", np.float32(layer.p))], name)  # does nothing: see its text


def _batch_norm(graph: _Graph, name: str, layer: Any, x: str) -> str:
    arrays = {"scale": layer.scale, "shift": layer.shift, "mean": layer.running_mean, "var": layer.running_var}
    weights = [graph.weight(f"{name}.{key}", array) for key, array in arrays.items()]
    # ONNX's momentum is the share of the old statistics, ours that of the new batch.
    return graph.add("BatchNormalization", [x, *weights], name, epsilon=layer.eps, momentum=1 - layer.momentum)


def _layer_norm(graph: _Graph, name: str, layer: Any, x: str) -> str:
    weights = [graph.weight(f"{name}.scale", layer.scale), graph.weight(f"{name}.shift", layer.shift)]
    return graph.add("LayerNormalization", [x, *weights], name, axis=-1, epsilon=layer.eps)


_OPERATORS: dict[str, Callable[[_Graph, str, Any, str], str]] = {
    "Linear": _linear,
    "Sigmoid": _simple("Sigmoid"),
    "Tanh": _simple("Tanh"),
    "ReLU": _simple("Relu"),
    "LeakyReLU": lambda graph, name, layer, x: graph.add("LeakyRelu", [x], name, alpha=layer.slope),
    "ELU": lambda graph, name, layer, x: graph.add("Elu", [x], name, alpha=layer.alpha),
    "GELU": lambda graph, name, layer, x: graph.add("Gelu", [x], name, approximate=layer.approximate),
    "SiLU": _silu,
    "Softplus": _simple("Softplus"),
    "Softmax": _simple("Softmax", axis=-1),
    "Flatten": _simple("Flatten", axis=1),
    "Dropout": _dropout,
    "BatchNorm": _batch_norm,
    "LayerNorm": _layer_norm,
}


def runner(content: bytes) -> Callable[[Array], Array]:
    """The graph, loaded again and run by onnx's own reference implementation. Rows in, outputs out."""
    onnx = need_onnx()
    from onnx.reference import ReferenceEvaluator

    model = onnx.load_model_from_string(content)
    session: Any
    session, name = ReferenceEvaluator(model), model.graph.input[0].name

    def run(x: Array) -> Array:
        raw = x.dtype == np.uint8
        return session.run(None, {name: x if raw else x.astype(np.float32)})[0]  # type: ignore[no-any-return]

    return run
