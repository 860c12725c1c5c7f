"""Arrays by name as a net: W1, b1, W2, ..., or a state dict of Linear and normalisation layers, in either layout.

Names and shapes say which arrays belong together and in which order. What stands between them, the activations, no
array says: that has to be told.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from handgrad.core.arrays import Array
from handgrad.core.layers import ACTIVATIONS, BatchNorm, Layer, LayerNorm, Linear, Softmax
from handgrad.core.net import Sequential
from handgrad.errors import InputError

LAYOUTS = ("in-out", "out-in")
NONE = ("none", "identity")
_CHOICES = (*ACTIVATIONS, "softmax", "none")
_BY_HAND = re.compile(r"(?P<kind>[WwBb]|weights?|bias(?:es)?|coefs?|intercepts?)[_.]?(?P<number>\d+)", re.ASCII)
_LEAVES = {"weight": "weight", "bias": "bias", "scale": "weight", "shift": "bias", "gamma": "weight", "beta": "bias",
           "kernel": "weight", "W": "weight", "b": "bias", "running_mean": "running_mean",
           "running_var": "running_var"}  # fmt: skip
_COUNTER = "num_batches_tracked"  # PyTorch counts batches for a case that we do not have


@dataclass
class _Group:
    """The arrays of one layer."""

    prefix: str
    arrays: dict[str, Array] = field(default_factory=dict)

    @property
    def is_linear(self) -> bool:
        return "weight" in self.arrays and self.arrays["weight"].ndim == 2

    @property
    def size(self) -> int:
        return next(iter(self.arrays.values())).size

    def order(self) -> tuple[Any, ...]:
        """By the numbers in the name; what has none comes last; of one number, Linear before its normalisation."""
        numbers = tuple(int(n) for n in re.findall(r"\d+", self.prefix))
        return (numbers or (float("inf"),), not self.is_linear, self.prefix)


def from_arrays(
    arrays: Mapping[str, Any], *, activation: str | list[str] | None = None, layout: str | None = None
) -> Sequential:
    """A net of the arrays, in eval mode: W1, b1, W2, ... as people write them, or `fc1.weight`, `fc1.bias`, ...

    Args:
        arrays: by name; the net gets copies.
        activation: after each hidden Linear: relu, sigmoid, tanh, ...; a list, or names with commas between, gives one
            for each, and if there is one more, it stands at the end. Not needed for a single Linear.
        layout: "in-out" for weights of shape (inputs, outputs), "out-in" for (outputs, inputs). None: as the shapes
            say, and (inputs, outputs) where all are square.

    Raises: InputError where the arrays do not make a row of layers, or an activation has to be told.
    """
    if not isinstance(arrays, Mapping):
        raise InputError("export.no_names", got=type(arrays).__name__)
    return build(dict(arrays), activation=activation, layout=layout, usual="in-out")


def build(arrays: dict[str, Any], *, activation: str | list[str] | None, layout: str | None, usual: str) -> Sequential:
    """`from_arrays`, with the layout that is usual where the arrays come from, for weights that are all square."""
    if layout not in (None, *LAYOUTS):
        raise InputError("core.choice", what="layout", got=layout, choices=", ".join(LAYOUTS))
    groups = _groups(arrays)
    count = sum(group.is_linear for group in groups)
    ordered = sorted(groups, key=_Group.order)
    for row in (ordered, groups):  # by their numbers, else as they came
        fitting = [way for way in LAYOUTS if layout in (None, way) and _fits(row, way)]
        if fitting:
            way = usual if usual in fitting else fitting[0]
            return _net(row, way, _activations(activation, count))
    shapes = "; ".join(f"{g.prefix} {'/'.join(str(a.shape) for a in g.arrays.values())}" for g in ordered[:6])
    raise InputError("export.no_chain", shapes=shapes)


def _groups(arrays: dict[str, Any]) -> list[_Group]:
    """The arrays, sorted into layers."""
    groups: dict[str, _Group] = {}
    for name, value in arrays.items():
        by_hand = _BY_HAND.fullmatch(name)
        prefix, _, last = name.rpartition(".")
        if by_hand:
            prefix, leaf = by_hand["number"], "weight" if by_hand["kind"][0] in "WwcC" else "bias"
        elif last == _COUNTER:
            continue
        elif last in _LEAVES:
            leaf = _LEAVES[last]
        else:
            raise InputError("export.array_name", name=name)
        array = np.asarray(value)
        if array.dtype.kind not in "fiu" or array.size == 0:
            raise InputError("export.array_kind", name=name, dtype=array.dtype, shape=array.shape)
        if leaf == "bias" and array.ndim == 2 and 1 in array.shape:
            array = array.reshape(-1)  # (1, n) and (n, 1), as people write biases that are to broadcast
        groups.setdefault(prefix, _Group(prefix)).arrays[leaf] = array
    if not any(group.is_linear for group in groups.values()):
        raise InputError("export.no_weights", names=", ".join(list(arrays)[:8]) or "-")
    return list(groups.values())


def _fits(row: list[_Group], layout: str) -> bool:
    """Whether each layer of the row takes what the one before gives."""
    linear = [group for group in row if group.is_linear]
    sizes = [group.arrays["weight"].shape[:: 1 if layout == "in-out" else -1] for group in linear]
    if any(a[1] != b[0] for a, b in pairwise(sizes)):
        return False
    width = sizes[0][0]
    for group in row:
        if group.is_linear:
            width = sizes[linear.index(group)][1]
            if set(group.arrays) - {"weight", "bias"}:
                return False
        elif group.arrays.keys() not in ({"weight", "bias"}, {"weight", "bias", "running_mean", "running_var"}):
            return False
        vectors = [array for name, array in group.arrays.items() if name != "weight" or not group.is_linear]
        if any(array.shape != (width,) for array in vectors):
            return False
    return True


def _activations(given: str | list[str] | None, count: int) -> list[str]:
    """One name for each Linear, the last one's too: "none" where nothing follows."""
    if given is None:
        if count > 1:
            raise InputError("export.which_activation", count=count, choices=", ".join(_CHOICES))
        return ["none"] * count
    names = [name.strip().lower() for name in (given.split(",") if isinstance(given, str) else given)]
    for name in names:
        if name not in (*_CHOICES, *NONE):
            raise InputError("core.choice", what="activation", got=name, choices=", ".join(_CHOICES))
    if len(names) == 1 and count > 1:
        names *= count - 1
    if len(names) not in (count - 1, count):
        raise InputError("export.activation_count", got=len(names), count=count, fewer=count - 1)
    return names if len(names) == count else [*names, "none"]


def _net(row: list[_Group], layout: str, names: list[str]) -> Sequential:
    """The layers with their weights, each activation where the names leave room for it, else before the next Linear."""
    dtypes = {array.dtype for group in row for array in group.arrays.values() if array.dtype.kind == "f"}
    dtype = np.float64 if dtypes == {np.dtype(np.float64)} else np.float32
    kinds, layers = iter(names), list[Layer]()
    waiting = "none"
    for before, group in zip([None, *row], row, strict=False):
        if before is not None and (group.is_linear or _gap(before, group)):
            layers += _made(waiting)
            waiting = "none"
        layers.append(_layer(group, layout, dtype))
        if group.is_linear:
            waiting = next(kinds)
    net = Sequential(*layers, *_made(waiting))
    return net.eval()


def _gap(a: _Group, b: _Group) -> bool:
    """Whether the two are numbered, as in a torch.nn.Sequential, and a number between them is free."""
    one, two = (re.fullmatch(r"(.*?)(\d+)", group.prefix) for group in (a, b))
    return one is not None and two is not None and one[1] == two[1] and int(two[2]) > int(one[2]) + 1


def _made(name: str) -> list[Layer]:
    return [] if name in NONE else [(ACTIVATIONS | {"softmax": Softmax})[name]()]


def _layer(group: _Group, layout: str, dtype: Any) -> Layer:
    """A layer of the arrays."""
    arrays = group.arrays
    if group.is_linear:
        weight = arrays["weight"] if layout == "in-out" else arrays["weight"].T
        linear = Linear(*weight.shape, bias="bias" in arrays, init="zeros", dtype=dtype)
        linear.W = weight
        if "bias" in arrays:
            linear.b = arrays["bias"]
        return linear
    norm = (BatchNorm if "running_mean" in arrays else LayerNorm)(group.size, dtype=dtype)
    norm.scale, norm.shift = arrays["weight"], arrays["bias"]
    for name, array in norm.buffers().items():
        array[...] = arrays[name]
    return norm
