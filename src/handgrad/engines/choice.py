"""Which engine runs a training, and why: the compiled one where it is installed, fits, and pays for its start."""

from __future__ import annotations

import importlib.util
import sys
from typing import Any, NamedTuple

import numpy as np

from handgrad.core.arrays import Array
from handgrad.core.layers import ELU, GELU, Flatten, LeakyReLU, Linear, ReLU, Sigmoid, SiLU, Softplus, Tanh
from handgrad.core.losses import SoftmaxCrossEntropy
from handgrad.core.net import Sequential
from handgrad.core.optim import SGD, Adam, AdamW, Optimizer
from handgrad.core.params import runs
from handgrad.engines.numpy_engine import NumpyEngine
from handgrad.errors import InputError
from handgrad.words import say

ENGINES = ("auto", "numpy", "fast")
ACTIVATIONS = (ReLU, LeakyReLU, Sigmoid, Tanh, ELU, GELU, SiLU, Softplus)
NARROW = 32  # outputs that a layer behind the first has at most
SPARSE_BELOW = 0.5  # share of nonzeros in the data up to which leaving zeros out is faster
LOOKED_AT = 500  # rows by which that share is judged
PER_SECOND = 3e10  # multiplications that the NumPy engine does in a second, roughly
PAYS_FROM = 1.0  # seconds of NumPy: importing Numba and loading the compiled code takes half as long


class Choice(NamedTuple):
    """An engine's name and the reason for it, a key of `words/engines.toml` with its values."""

    name: str
    key: str
    values: dict[str, Any]

    @property
    def reason(self) -> str:
        """The reason as a sentence."""
        return say(self.key, **self.values)


def choose(
    engine: str, net: Any, criterion: Any, optimizer: Any, images: Array, labels: Array, *, epochs: int,
    accumulate: int = 1, clip_norm: float | None = None, weights: Array | None = None,
) -> Choice:  # fmt: skip
    """The engine for a training: "numpy" and "fast" as asked for, and of "auto" the better one.

    InputError for a name that there is not, and for "fast" where it cannot serve.
    """
    if engine not in ENGINES:
        raise InputError("core.choice", what="engine", got=engine, choices=", ".join(ENGINES))
    if engine == "numpy":
        return Choice("numpy", "engines.asked", {})
    against = _missing() or _unfit(net, criterion, optimizer, images, labels, accumulate, clip_norm, weights)
    if engine == "fast":
        if against:
            key = "engines.no_numba" if against[0] == "engines.not_installed" else "engines.cannot"
            raise InputError(key, reason=say(against[0], **against[1]))
        return Choice("fast", "engines.asked", {})
    if against:
        return Choice("numpy", *against)
    seconds = 3 * net.theta.size * len(images) * epochs / PER_SECOND
    if seconds < PAYS_FROM and "numba" not in sys.modules:
        return Choice("numpy", "engines.short", {})
    return Choice("fast", "engines.long", {})


def make(
    choice: Choice, net: Any, criterion: Any, optimizer: Any, images: Array, labels: Array, *, batch_size: int,
    accumulate: int = 1, clip_norm: float | None = None, threads: int = 1, weights: Array | None = None,
) -> Any:  # fmt: skip
    """The engine itself; the fast one indexes the samples here."""
    if choice.name == "numpy":
        return NumpyEngine(net, criterion, optimizer, accumulate=accumulate, clip_norm=clip_norm, weights=weights)
    from handgrad.engines.fast.engine import FastEngine

    return FastEngine(net, criterion, optimizer, images, labels, batch_size, threads=threads)


def _missing() -> tuple[str, dict[str, Any]] | None:
    return None if importlib.util.find_spec("numba") else ("engines.not_installed", {})


def _unfit(
    net: Any,
    criterion: Any,
    optimizer: Any,
    images: Array,
    labels: Array,
    accumulate: int,
    clip_norm: float | None,
    weights: Array | None,
) -> tuple[str, dict[str, Any]] | None:
    """What the fast engine does not serve, as a key and its values; None where it serves all."""
    part = _strange_layer(net)
    if part is not None:
        return "engines.layer", {"layer": part}
    if type(criterion) is not SoftmaxCrossEntropy:
        return "engines.loss", {"loss": type(criterion).__name__}
    if type(optimizer) not in (SGD, Adam, AdamW):
        return "engines.optimizer", {"optimizer": type(optimizer).__name__}
    if not _holds_all(optimizer, net):
        return "engines.other_parameters", {}
    settings = {"accumulate": accumulate != 1, "clip_norm": clip_norm is not None, "weights": weights is not None}
    if any(settings.values()):
        return "engines.setting", {"setting": next(name for name, given in settings.items() if given)}
    outputs = _linears(net)[-1].outputs
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() >= outputs:
        return "engines.labels", {}
    if images.size // len(images) != _linears(net)[0].inputs or images.dtype.kind not in "uif":
        return "engines.images", {}
    share = (
        np.count_nonzero(images[:: max(1, len(images) // LOOKED_AT)]) / images[:: max(1, len(images) // LOOKED_AT)].size
    )
    return ("engines.dense", {"share": f"{share:.0%}"}) if share > SPARSE_BELOW else None


def _strange_layer(net: Any) -> str | None:
    """The first part of a net that the fast engine does not know; None: it knows all."""
    if not isinstance(net, Sequential) or not _as_written(net, Sequential):
        return type(net).__name__
    if net.dtype not in (np.float32, np.float64):
        return str(net.dtype)
    before: type | None = None
    for _, layer in net.named_layers():
        kind = type(layer)
        known = kind is Linear or (kind in ACTIVATIONS and before is Linear) or (kind is Flatten and before is None)
        if not known or "forward" in vars(layer) or "backward" in vars(layer):
            return str(getattr(layer, "label", kind.__name__))
        if kind is Linear and before is not None and before is not Flatten and layer.outputs > NARROW:
            return f"{layer.label} ({layer.outputs})"
        before = kind
    linears = _linears(net)
    return None if linears else type(net).__name__


def _as_written(net: Any, kind: type) -> bool:
    """Whether forward and backward are those of the class, and nobody's own."""
    return all(getattr(type(net), name) is getattr(kind, name) and name not in vars(net)
               for name in ("forward", "backward", "__call__"))  # fmt: skip


def _linears(net: Sequential) -> list[Linear]:
    return [layer for _, layer in net.named_layers() if type(layer) is Linear]


def _holds_all(optimizer: Optimizer, net: Sequential) -> bool:
    """Whether the optimizer's parameters are the net's, all of them and in their order."""
    stretches = runs(optimizer.pairs)
    theta = net.theta
    return (
        len(stretches) == 1 and stretches[0][0].size == theta.size and np.shares_memory(stretches[0][0][:1], theta[:1])
    )
