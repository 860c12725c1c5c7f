"""PyTorch's nets as ours: a torch.nn.Sequential layer by layer, a state dict by its names and shapes.

A file is read by torch.load with weights_only, so that nothing in it can run.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from handgrad.core.arrays import Array
from handgrad.core.layers import (
    ELU,
    GELU,
    LAYERS,
    BatchNorm,
    Dropout,
    Flatten,
    Layer,
    LayerNorm,
    LeakyReLU,
    Linear,
    Softmax,
    Softplus,
)
from handgrad.core.net import Sequential
from handgrad.errors import DataError, InputError
from handgrad.export.named_arrays import build
from handgrad.export.plain import check_finite
from handgrad.export.torch_out import load_safely, need_torch

# Under which of these keys people keep a state dict beside other things.
_WRAPPED = ("state_dict", "model_state_dict", "model", "net", "weights")


def from_torch(source: Any, *, activation: str | list[str] | None = None, layout: str | None = None) -> Sequential:
    """A net of a torch.nn.Sequential, or of a state dict, in eval mode.

    Args:
        source: a module or a state dict. Of a module with a forward of its own the state dict is taken: its order of
            layers is believed, and `activation` tells what its forward puts between them.
        activation: see `from_arrays`.
        layout: likewise; (outputs, inputs) is taken where all weights are square.

    Raises: InputError for modules that have no counterpart, or arrays that make no row of layers.
    """
    torch = need_torch()
    if isinstance(source, torch.nn.Sequential) or type(source) in _layers(torch):
        net = Sequential(*_opened(torch, source)).eval()
    else:
        state = source.state_dict() if isinstance(source, torch.nn.Module) else source
        net = build(_arrays(torch, state), activation=activation, layout=layout, usual="out-in")
    check_finite(net)
    return net


def read(path: Path, *, trusted: bool, activation: str | None, layout: str | None) -> Sequential:
    """The net of a .pt file. DataError for one that is broken, or could run code and is not trusted."""
    torch = need_torch()
    try:
        found = torch.load(path, map_location="cpu", weights_only=False) if trusted else load_safely(str(path))
    except pickle.UnpicklingError as error:
        raise DataError("export.not_trusted", path=path) from error
    except Exception as error:  # torch's ways to say "broken" are many, and a trusted pickle may raise anything
        raise DataError("export.broken", path=path, reason=f"{type(error).__name__}: {error}"[:120]) from error
    return from_torch(found, activation=activation, layout=layout)


def _arrays(torch: Any, state: Any) -> dict[str, Array]:
    """A state dict's tensors as arrays, by name, unwrapped where a checkpoint holds other things too."""
    for key in _WRAPPED:
        if isinstance(state, Mapping) and isinstance(state.get(key), Mapping):
            state = state[key]
    if not isinstance(state, Mapping) or not all(isinstance(t, (torch.Tensor, np.ndarray)) for t in state.values()):
        raise InputError("export.no_state", got=type(state).__name__)
    return {str(name): _array(str(name), tensor) for name, tensor in state.items()}


def _array(name: str, tensor: Any) -> Array:
    if isinstance(tensor, np.ndarray):
        return tensor
    tensor = tensor.detach()
    if tensor.is_sparse or tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise InputError("export.claims", name=name, shape=tuple(tensor.shape))  # one number, spread over gigabytes
    if tensor.is_floating_point() and tensor.element_size() < 4:
        tensor = tensor.float()  # bfloat16 is unknown to NumPy
    return tensor.cpu().numpy()  # type: ignore[no-any-return]


def _opened(torch: Any, module: Any) -> list[Layer]:
    """The layers of a module, in their order; a Sequential inside becomes a net inside."""
    children = list(module.named_children()) if isinstance(module, torch.nn.Sequential) else [(None, module)]
    layers: list[Layer] = []
    for name, child in children:
        if isinstance(child, torch.nn.Sequential):
            layers.append(Sequential(*_opened(torch, child)))
        elif type(child) is torch.nn.Identity:
            continue
        elif type(child) in _layers(torch):
            layers.append(_layer(torch, child))
        else:
            raise InputError("export.no_counterpart", got=type(child).__name__, known=", ".join(LAYERS))
        if name and not name.isdecimal():
            layers[-1].name = name
    return layers


def _layers(torch: Any) -> dict[Any, Any]:
    """How each of PyTorch's modules is made here, its weights apart."""
    nn = torch.nn
    plain = {getattr(nn, name): LAYERS[name] for name in ("Sigmoid", "Tanh", "ReLU", "SiLU")}
    settings: dict[Any, Any] = {
        nn.LeakyReLU: lambda m: LeakyReLU(m.negative_slope),
        nn.ELU: lambda m: ELU(m.alpha),
        nn.GELU: lambda m: GELU(m.approximate),
        nn.Softplus: lambda m: Softplus() if m.beta == 1 else None,
        nn.Softmax: lambda m: Softmax() if m.dim in (-1, 1) else None,
        nn.Flatten: lambda m: Flatten() if (m.start_dim, m.end_dim) == (1, -1) else None,
        nn.Dropout: lambda m: Dropout(m.p),
        nn.Linear: lambda m: Linear(m.in_features, m.out_features, bias=m.bias is not None, init="zeros",
                                    dtype=_dtype(m)),
        nn.BatchNorm1d: lambda m: BatchNorm(m.num_features, momentum=m.momentum, eps=m.eps, dtype=_dtype(m))
        if m.affine and m.track_running_stats and m.momentum is not None else None,
        nn.LayerNorm: lambda m: LayerNorm(m.normalized_shape[0], eps=m.eps, dtype=_dtype(m))
        if m.elementwise_affine and m.bias is not None and len(m.normalized_shape) == 1 else None,
    }  # fmt: skip
    return {kind: (lambda m, make=make: make()) for kind, make in plain.items()} | settings


def _dtype(module: Any) -> Any:
    return np.float64 if "64" in str(module.weight.dtype) else np.float32


def _layer(torch: Any, module: Any) -> Layer:
    """A layer with the module's weights. InputError for a setting that has no counterpart."""
    weights = {name: _array(name, tensor) for name, tensor in module.state_dict().items()}
    sizes = [getattr(module, name, 1) for name in ("in_features", "out_features", "num_features")]
    if (
        "weight" in weights
        and weights["weight"].size != np.prod([int(size) for size in sizes], dtype=object)
        and sizes != [1, 1, 1]
    ):
        raise InputError("export.claims", name="weight", shape=tuple(sizes))
    layer: Layer | None = _layers(torch)[type(module)](module)
    if layer is None:
        raise InputError("export.no_counterpart", got=repr(module), known=", ".join(LAYERS))
    norm = isinstance(layer, (BatchNorm, LayerNorm))
    names = {"weight": "scale", "bias": "shift"} if norm else {}
    own = layer.state()
    layer.load_state({
        names.get(name, name): array.T if array.ndim == 2 else array  # (out, in) -> (in, out)
        for name, array in weights.items()
        if names.get(name, name) in own
    })  # fmt: skip
    return layer
