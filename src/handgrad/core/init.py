"""How weights start: random, and so scaled that signals neither die out nor blow up on their way through.

An initialiser is a function of (rng, inputs, outputs) that gives a float64 matrix (inputs, outputs). The layer
brings it to its own dtype, so that a seed means the same draw in every precision.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeAlias, cast

import numpy as np

from handgrad.core.arrays import Array, RandomSource
from handgrad.core.checks import in_range
from handgrad.errors import InputError

Init: TypeAlias = Callable[[RandomSource, int, int], Array]


def normal(std: float) -> Init:
    """Normal numbers with standard deviation `std`, whatever the size of the layer."""
    in_range(std, "std", 0, 1e6)
    return lambda rng, inputs, outputs: np.asarray(rng.standard_normal((inputs, outputs))) * std


def he(rng: RandomSource, inputs: int, outputs: int) -> Array:
    """std = sqrt(2 / inputs): keeps the variance through ReLU layers (He et al. 2015, equation 10)."""
    return normal(np.sqrt(2 / inputs))(rng, inputs, outputs)


def xavier(gain: float = 1.0) -> Init:
    """std = gain * sqrt(2 / (inputs + outputs)) (Glorot and Bengio 2010, equation 12).

    It is made for an activation of slope 1 at 0, such as tanh; a sigmoid's slope there is 1/4, hence gain 4.
    """
    return lambda rng, inputs, outputs: normal(gain * np.sqrt(2 / (inputs + outputs)))(rng, inputs, outputs)


def lecun(rng: RandomSource, inputs: int, outputs: int) -> Array:
    """std = sqrt(1 / inputs) (LeCun et al. 1998, Efficient BackProp, equation 16)."""
    return normal(np.sqrt(1 / inputs))(rng, inputs, outputs)


def orthogonal(gain: float = 1.0) -> Init:
    """gain times a random matrix with orthonormal rows or columns, whichever are fewer (Saxe et al. 2014)."""

    def init(rng: RandomSource, inputs: int, outputs: int) -> Array:
        tall = max(inputs, outputs), min(inputs, outputs)
        q, r = np.linalg.qr(np.asarray(rng.standard_normal(tall)))
        q = q * np.sign(np.diag(r))  # the sign that QR leaves open, fixed: then q is uniform over all such matrices
        return gain * (q if inputs >= outputs else q.T)

    return init


def zeros(rng: RandomSource, inputs: int, outputs: int) -> Array:
    """All zero: right for a last layer or to show why it fails for a hidden one (all units stay alike)."""
    return np.zeros((inputs, outputs))


_NAMED: dict[str, Init] = {
    "he": he, "xavier": xavier(), "lecun": lecun, "orthogonal": orthogonal(), "zeros": zeros,
}  # fmt: skip
_WITH_NUMBER: dict[str, Callable[[float], Init]] = {"normal": normal, "xavier": xavier, "orthogonal": orthogonal}


def initializer(init: str | Init) -> Init:
    """The initialiser of a name: "he", "xavier", "lecun", "orthogonal", "zeros", "normal(0.01)", "xavier(4)"."""
    makers: dict[Any, Init] = {xavier: xavier(), orthogonal: orthogonal()}  # the maker, where what it makes is meant
    if init in makers:
        return makers[init]
    if callable(init) and init is not cast(Any, normal):
        return init
    name = str(init).lower()
    if name in _NAMED:
        return _NAMED[name]
    call = re.fullmatch(r"(\w+)\(([0-9.e+-]+)\)", name)
    try:
        if call and call[1] in _WITH_NUMBER and 0 < float(call[2]) < np.inf:
            return _WITH_NUMBER[call[1]](float(call[2]))
    except ValueError:
        pass
    choices = ", ".join([*_NAMED, "normal(0.01)", "xavier(4)", "orthogonal(2)"])
    got = getattr(init, "__name__", init)
    raise InputError("core.choice", what="init", got=got, choices=choices)
