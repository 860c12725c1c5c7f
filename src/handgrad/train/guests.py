"""What the loop asks of a net, be it one of ours or somebody else's object with forward, backward and parameters.

Ours know their mode, their arrays and their layers; of a guest only what its parameters show can be known.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from handgrad.core.arrays import Array
from handgrad.core.layers.base import Layer


def set_mode(net: Any, *, training: bool) -> None:
    """Training or evaluation mode, where the net has the two."""
    if callable(getattr(net, "train", None)) and callable(getattr(net, "eval", None)):
        net.train() if training else net.eval()


def arrays_of(net: Any) -> dict[str, Array]:
    """All arrays of the trained net by name, live."""
    if hasattr(net, "state"):
        return net.state()  # type: ignore[no-any-return]
    return {str(i): value for i, (value, _) in enumerate(net.parameters())}


def put_arrays(net: Any, arrays: dict[str, Array]) -> None:
    """Copy arrays that `arrays_of` named into the net. InputError, or KeyError, where they are another net's."""
    if hasattr(net, "load_state"):
        net.load_state(arrays)
        return
    for name, array in arrays_of(net).items():
        array[...] = arrays[name]


def is_finite(net: Any) -> bool:
    """Whether every weight is a finite number."""
    return all(bool(np.isfinite(value).all()) for value, _ in net.parameters())


def largest_gradient(net: Any) -> tuple[str, float]:
    """(name, size) of the largest number among all gradients; nan counts as the largest of all."""
    named = net.named_parameters() if hasattr(net, "named_parameters") else enumerate(net.parameters())
    sizes = {str(name): float(np.abs(grad).max()) for name, (_, grad) in named if grad is not None and grad.size}
    name = max(sizes, key=lambda key: math.inf if math.isnan(sizes[key]) else sizes[key], default="-")
    return name, sizes.get(name, math.nan)


def generators_of(net: Any) -> list[Any]:
    """The random number generators of the net's layers, such as Dropout's, in the order of the layers."""
    found = [getattr(layer, "rng", None) for layer in _layers(net)]
    return [rng for rng in found if isinstance(rng, (np.random.Generator, np.random.RandomState))]


def _layers(net: Any) -> Iterator[Any]:
    if hasattr(net, "named_layers"):
        for _, layer in net.named_layers():
            yield from _layers(layer)
        return
    yield net
    if isinstance(net, Layer):
        for _, layer in net._inner():
            yield from _layers(layer)
