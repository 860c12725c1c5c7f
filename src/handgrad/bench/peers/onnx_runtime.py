"""onnxruntime on the CPU: a runtime that does nothing but predict."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from typing import Any

from handgrad.core.arrays import Array

PACKAGE = "onnxruntime"


def predictor(weights: list[tuple[Array, Array]]) -> Callable[[Array], Array]:
    """A session over a graph of Gemm and Relu."""
    onnxruntime: Any = importlib.import_module("onnxruntime")  # it ships no types
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS", "1"))
    session = onnxruntime.InferenceSession(_graph(weights), options, providers=["CPUExecutionProvider"])
    return lambda x: session.run(None, {"x": x})[0]


def _graph(weights: list[tuple[Array, Array]]) -> bytes:
    from onnx import TensorProto, helper, numpy_helper

    nodes: list[Any] = []
    arrays: list[Any] = []
    name = "x"
    for i, (w, b) in enumerate(weights):
        arrays += [numpy_helper.from_array(w, f"W{i}"), numpy_helper.from_array(b, f"b{i}")]
        nodes.append(helper.make_node("Gemm", [name, f"W{i}", f"b{i}"], [name := f"z{i}"]))
        if i < len(weights) - 1:
            nodes.append(helper.make_node("Relu", [name], [name := f"h{i}"]))
    inputs, outputs = weights[0][0].shape[0], weights[-1][1].size
    graph = helper.make_graph(
        nodes, "mlp",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", inputs])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", outputs])],
        arrays,
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model.SerializeToString()  # type: ignore[no-any-return]
