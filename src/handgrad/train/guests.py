"""What the loop asks of a net, be it one of ours or somebody else's object with forward, backward and parameters.

Ours know their mode, their arrays and their layers; of a guest only what its parameters show can be known.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from handgrad.core.arrays import Array
from handgrad.core.layers.base import Layer, switch_mode


def set_mode(net: Any, *, training: bool) -> None:
    """Training or evaluation mode of the net, or of the layers inside it where it does not know the two itself."""
    for part in parts_of(net, whole=_has_modes):
        if _has_modes(part):
            switch_mode(part, training)


@contextmanager
def evaluating(net: Any) -> Iterator[None]:
    """The net in evaluation mode, and afterwards each part of it in the mode that it had, if it says which."""
    modes = [(part, part.training) for part in parts_of(net) if isinstance(getattr(part, "training", None), bool)]
    set_mode(net, training=False)
    try:
        yield
    finally:
        for part, training in modes:  # from the outside in: an outer one takes its inner ones along
            if part.training is not training:
                switch_mode(part, training)


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
    found = [getattr(part, "rng", None) for part in parts_of(net)]
    return [rng for rng in found if isinstance(rng, (np.random.Generator, np.random.RandomState))]


def parts_of(net: Any, *, whole: Callable[[Any], bool] = lambda part: False) -> list[Any]:
    """The net and all layers inside it, outer ones first, each once; also those that somebody else's object holds.

    Where `whole` says so, a part is not looked into.
    """
    found: dict[int, Any] = {}

    def look(part: Any) -> None:
        if id(part) in found:  # a layer that knows the net that it stands in
            return
        found[id(part)] = part
        if hasattr(part, "__dict__") and not whole(part):
            for _, inner in Layer._inner(part):
                look(inner)

    look(net)
    return list(found.values())


def _has_modes(part: Any) -> bool:
    return callable(getattr(part, "train", None)) and callable(getattr(part, "eval", None))
