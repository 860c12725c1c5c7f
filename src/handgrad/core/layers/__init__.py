"""The layers that ship, by name: what a saved architecture is rebuilt from."""

from __future__ import annotations

from handgrad.core.layers.activations import ELU, GELU, LeakyReLU, ReLU, Sigmoid, SiLU, Softplus, Tanh
from handgrad.core.layers.base import Layer
from handgrad.core.layers.dropout import Dropout
from handgrad.core.layers.linear import Linear
from handgrad.core.layers.norm import BatchNorm, LayerNorm
from handgrad.core.layers.shape import Flatten
from handgrad.core.layers.softmax import Softmax

LAYERS: dict[str, type[Layer]] = {
    kind.__name__: kind
    for kind in (
        Linear, Sigmoid, Tanh, ReLU, LeakyReLU, ELU, GELU, SiLU, Softplus, Softmax, Flatten, Dropout, BatchNorm,
        LayerNorm,
    )
}  # fmt: skip

# As `MLP(activation=...)` and the command line spell them.
ACTIVATIONS: dict[str, type[Layer]] = {
    "relu": ReLU, "sigmoid": Sigmoid, "tanh": Tanh, "leaky_relu": LeakyReLU, "elu": ELU, "gelu": GELU, "silu": SiLU,
    "softplus": Softplus,
}  # fmt: skip

__all__ = [
    "ACTIVATIONS",
    "ELU",
    "GELU",
    "LAYERS",
    "BatchNorm",
    "Dropout",
    "Flatten",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "ReLU",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
]
