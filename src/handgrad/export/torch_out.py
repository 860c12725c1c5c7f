"""A net as a torch.nn.Sequential of PyTorch's own modules, equal in train and in eval mode.

PyTorch's Linear holds its weight as (outputs, inputs), so that is the one thing that is transposed.
"""

from __future__ import annotations

import io
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from handgrad.core.arrays import Array
from handgrad.core.net import Sequential
from handgrad.errors import InputError
from handgrad.export.plain import plain

# log(1 + exp(x)) is x to the last digit from here on; PyTorch's own choice, 20, shows in float64.
SOFTPLUS_THRESHOLD = 40.0
# What a file of a module may ask for when it is read without trust: these and tensors, nothing else.
MODULES = ("Sequential", "Linear", "Sigmoid", "Tanh", "ReLU", "LeakyReLU", "ELU", "GELU", "SiLU", "Softplus", "Softmax",
           "Flatten", "Dropout", "BatchNorm1d", "LayerNorm", "Identity")  # fmt: skip


def need_torch() -> Any:
    """The torch package. InputError that says how to get it where it is missing."""
    try:
        import torch
    except ImportError:
        raise InputError("export.needs_package", package="torch", install="pip install 'torch>=2.5'") from None
    return torch


def to_torch(net: Sequential) -> Any:
    """An equal torch.nn.Sequential, with copies of the weights, the same names, and in the same mode.

    In train mode a Dropout draws its mask from PyTorch's generator, so the two agree in distribution there.

    Raises: InputError for a net with layers of somebody else's, weights that are not finite, or torch missing.
    """
    torch = need_torch()
    module = _sequential(torch, plain(net))
    module.train(net.training)
    return module


def _sequential(torch: Any, net: Sequential) -> Any:
    parts = zip(net.names, net.layers, strict=True)
    return torch.nn.Sequential(OrderedDict((name.replace(".", "_"), _module(torch, layer)) for name, layer in parts))


def _module(torch: Any, layer: Any) -> Any:
    """The module of one layer."""
    if isinstance(layer, Sequential):
        return _sequential(torch, layer)
    make = _MODULES[type(layer).__name__]
    module = make(torch.nn, layer)
    state = {_NAMES.get(name, name): array for name, array in layer.state().items()}
    if "weight" in state and state["weight"].ndim == 2:
        state["weight"] = state["weight"].T  # (in, out) -> (out, in)
    tensors = {name: torch.from_numpy(np.array(array)) for name, array in state.items()}
    module.to(next(iter(tensors.values())).dtype if tensors else torch.float32)
    module.load_state_dict(tensors, strict=False)  # num_batches_tracked is not kept by us
    return module


_NAMES = {"scale": "weight", "shift": "bias"}
_MODULES: dict[str, Callable[[Any, Any], Any]] = {
    "Linear": lambda nn, layer: nn.Linear(layer.inputs, layer.outputs, bias=layer.has_bias),
    "Sigmoid": lambda nn, layer: nn.Sigmoid(),
    "Tanh": lambda nn, layer: nn.Tanh(),
    "ReLU": lambda nn, layer: nn.ReLU(),
    "LeakyReLU": lambda nn, layer: nn.LeakyReLU(layer.slope),
    "ELU": lambda nn, layer: nn.ELU(layer.alpha),
    "GELU": lambda nn, layer: nn.GELU(approximate=layer.approximate),
    "SiLU": lambda nn, layer: nn.SiLU(),
    "Softplus": lambda nn, layer: nn.Softplus(threshold=SOFTPLUS_THRESHOLD),
    "Softmax": lambda nn, layer: nn.Softmax(dim=-1),
    "Flatten": lambda nn, layer: nn.Flatten(),
    "Dropout": lambda nn, layer: nn.Dropout(layer.p),
    "BatchNorm": lambda nn, layer: nn.BatchNorm1d(layer.features, eps=layer.eps, momentum=layer.momentum),
    "LayerNorm": lambda nn, layer: nn.LayerNorm(layer.features, eps=layer.eps),
}


def encode(net: Sequential) -> bytes:
    """The file's bytes: the module in eval mode, as torch.save writes it."""
    file = io.BytesIO()
    need_torch().save(to_torch(net), file)
    return file.getvalue()


def load_safely(content: bytes | str) -> Any:
    """What torch.load finds in the bytes or under the path: tensors and the modules above, nothing that runs code."""
    torch = need_torch()
    source = io.BytesIO(content) if isinstance(content, bytes) else content
    with torch.serialization.safe_globals([getattr(torch.nn, name) for name in MODULES]):
        return torch.load(source, map_location="cpu", weights_only=True)


def runner(content: bytes) -> Callable[[Array], Array]:
    """The module, loaded again and run by torch."""
    torch = need_torch()
    module = load_safely(content)

    def run(x: Array) -> Array:
        with torch.no_grad():
            return module(torch.from_numpy(np.ascontiguousarray(x))).numpy()  # type: ignore[no-any-return]

    return run
