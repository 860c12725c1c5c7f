"""MLP: the multi-layer perceptron, the network that most people write first."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from handgrad.core.arrays import RandomSource, random_source
from handgrad.core.init import Init
from handgrad.core.layers import ACTIVATIONS, Softmax
from handgrad.core.layers.activations import Sigmoid, Tanh
from handgrad.core.layers.base import Layer
from handgrad.core.layers.dropout import Dropout
from handgrad.core.layers.linear import Linear
from handgrad.core.layers.norm import BatchNorm
from handgrad.core.net import Sequential
from handgrad.errors import InputError


class MLP(Sequential):
    """A multi-layer perceptron: `MLP(784, 256, 10)` is Linear 784-256, ReLU, Linear 256-10. It ends in logits.

    Args:
        sizes: numbers a row at the input, in each hidden layer, at the output; at least two.
        activation: after each hidden layer: relu, sigmoid, tanh, leaky_relu, elu, gelu, silu, softplus, or a layer's
            class; None for none.
        output: None (logits), "softmax", or an activation as above.
        batch_norm: True puts a BatchNorm before each hidden activation.
        dropout: the probability with which each hidden activation is dropped in training.
        init: see `Linear`; None takes He, or Xavier for sigmoid and tanh.
        rng: a numpy Generator, or a seed; it draws the weights layer by layer, then serves the dropout.
        dtype: float32 to train, float64 to check.
    """

    def __init__(
        self,
        *sizes: int,
        activation: str | type[Layer] | None = "relu",
        output: str | type[Layer] | None = None,
        batch_norm: bool = False,
        dropout: float = 0.0,
        init: str | Init | None = None,
        rng: RandomSource | int | None = None,
        dtype: Any = np.float32,
    ) -> None:
        if len(sizes) < 2:
            raise InputError("core.sizes", got=sizes)
        rng = random_source(rng)
        hidden, last = _activation("activation", activation), _activation("output", output)
        start = init or ("xavier" if hidden in (Sigmoid, Tanh) else "he")
        layers: list[Layer] = []
        for i, (inputs, outputs) in enumerate(pairwise(sizes)):
            layers.append(Linear(inputs, outputs, init=start, rng=rng, dtype=dtype))
            if i < len(sizes) - 2:
                layers += [BatchNorm(outputs, dtype=dtype)] if batch_norm else []
                layers += [hidden()] if hidden else []
                layers += [Dropout(dropout, rng=rng)] if dropout else []
        super().__init__(*layers, *([last()] if last else []))


def _activation(what: str, which: str | type[Layer] | None) -> type[Layer] | None:
    """A layer's class from its name, in any case, or from the class itself; `what` is for the message."""
    if which is None or (isinstance(which, type) and hasattr(which, "forward") and hasattr(which, "backward")):
        return which
    known = ACTIVATIONS | {"softmax": Softmax}
    plain = {name.replace("_", ""): kind for name, kind in known.items()}
    kind = plain.get(str(which).lower().replace("_", "").replace("-", ""))
    if kind is None:
        raise InputError("core.choice", what=what, got=which, choices=", ".join(known))
    return kind
