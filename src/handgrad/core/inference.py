"""Inference: what a row of layers gives in evaluation mode, with memory taken once a call and not once a layer.

The operations are those of the layers' `forward`, in their order, so every bit is the same. A layer that is not known
here is asked itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from handgrad.core.arrays import Array
from handgrad.core.layers.activations import ReLU
from handgrad.core.layers.base import label_of, need_columns
from handgrad.core.layers.linear import Linear
from handgrad.errors import StateError

# As they are written. Where somebody has put another forward in their place, it is that one that counts.
LINEAR, RELU = Linear.forward, ReLU.forward


def room_for(layers: Sequence[Any], rows: int, dtype: Any) -> Array:
    """Two places that are used in turn for what lies between layers, each for so many rows of the widest."""
    widest = max([layer.outputs for layer in layers if isinstance(layer, Linear)], default=0)
    return np.empty((2, rows * widest), dtype)


def outputs(layers: Sequence[Any], x: Array, room: Array) -> Array:
    """x (B, ...) -> the last layer's output, which may lie in `room`; no more rows than that was made for."""
    turn, ours = 0, False  # ours: x may be written over
    for layer in layers:
        forward = getattr(layer.forward, "__func__", None)
        if forward is LINEAR and (weights := layer.W).dtype == x.dtype == room.dtype:
            need_columns(layer, x, layer.inputs)
            y = room[turn, : len(x) * layer.outputs].reshape(len(x), layer.outputs)
            x, turn, ours = np.matmul(x, weights, out=y), 1 - turn, True
            if layer.has_bias:
                x += layer.b
        elif forward is RELU and ours:
            np.maximum(x, 0, out=x)
        else:
            x, ours = layer.forward(x), False
            if x is None:
                raise StateError("core.returned_nothing", layer=label_of(layer), method="forward")
    return x
