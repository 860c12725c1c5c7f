"""Which engine runs a training, and why: the compiled one where it is installed, fits, and pays for its start."""

from __future__ import annotations

import contextlib
import importlib.util
import math
import threading
from typing import Any, NamedTuple

import numpy as np

from handgrad.core.arrays import Array
from handgrad.core.layers import ELU, GELU, Flatten, LeakyReLU, Linear, ReLU, Sigmoid, SiLU, Softplus, Tanh
from handgrad.core.losses import SoftmaxCrossEntropy
from handgrad.core.net import Sequential
from handgrad.core.optim import SGD, Adam, AdamW, Optimizer
from handgrad.core.params import runs
from handgrad.data.sparse import SparseRows
from handgrad.engines.numpy_engine import NumpyEngine
from handgrad.errors import InputError
from handgrad.words import say

ENGINES = ("auto", "numpy", "fast")
ACTIVATIONS = (ReLU, LeakyReLU, Sigmoid, Tanh, ELU, GELU, SiLU, Softplus)
SPARSE_BELOW = 0.5  # share of nonzeros in the data up to which leaving zeros out is faster (bench/density.py)
LOOKED_AT = 500  # rows by which that share is judged
PER_SECOND = 3e10  # multiplications that the NumPy engine does in a second, roughly
PAYS_FROM = 1.0  # seconds of NumPy: importing Numba and loading the compiled code takes half as long


class Choice(NamedTuple):
    """An engine's name and the reason for it, a key of `words/engines.toml` with its values."""

    name: str
    key: str
    values: dict[str, Any]

    def reason(self, lang: str | None = None) -> str:
        """The reason in words."""
        return say(self.key, lang, **self.values)


def choose(
    engine: str, net: Any, criterion: Any, optimizer: Any, images: Array, labels: Array, *, epochs: int, **settings: Any
) -> Choice:
    """The engine for a training: "numpy" and "fast" as asked for, and of "auto" the better one.

    InputError for a name that there is not, and for "fast" where it cannot serve.
    """
    if engine not in ENGINES:
        raise InputError("core.choice", what="engine", got=engine, choices=", ".join(ENGINES))
    if engine == "numpy":
        return Choice("numpy", "engines.asked", {})
    against = _missing() or _unfit(net, optimizer, images)
    if engine == "fast":
        if against:
            key = "engines.no_numba" if against[0] == "engines.not_installed" else "engines.cannot"
            raise InputError(key, reason=say(against[0], **against[1]))
        return Choice("fast", "engines.asked", {})
    if against:
        return Choice("numpy", *against)
    few_zeros = share_of_nonzeros(images) > SPARSE_BELOW
    if few_zeros and not takes_all(net, criterion, optimizer, images, labels, **settings):
        return Choice("numpy", "engines.dense", {})
    seconds = 3 * net.theta.size * len(images) * epochs / PER_SECOND
    if seconds < PAYS_FROM:
        return Choice("numpy", "engines.short", {})
    return Choice("fast", "engines.long", {})


def make(
    choice: Choice, net: Any, criterion: Any, optimizer: Any, images: Array, labels: Array, *, batch_size: int,
    accumulate: int = 1, clip_norm: float | None = None, threads: int = 1, weights: Array | None = None,
) -> Any:  # fmt: skip
    """The engine itself; the fast one indexes the samples here."""
    settings: dict[str, Any] = {"accumulate": accumulate, "clip_norm": clip_norm, "weights": weights}
    if choice.name == "numpy":
        return NumpyEngine(net, criterion, optimizer, **settings)
    from handgrad.engines.fast.engine import FastEngine

    sparse = share_of_nonzeros(images) <= SPARSE_BELOW
    return FastEngine(net, criterion, optimizer, images, labels, batch_size, sparse=sparse, threads=threads, **settings)


def prepare(engine: str) -> None:
    """Begin to load the compiled engine where a run will want it: that takes about as long as reading its data."""
    if engine != "numpy" and not _missing():
        threading.Thread(target=_load, name="handgrad loads its compiled engine").start()


def _load() -> None:
    # Whatever goes wrong here goes wrong again, and is told, where the engine is made.
    with contextlib.suppress(Exception):
        from handgrad.engines.fast.nonzeros import nonzeros

        nonzeros(np.zeros((1, 1), np.uint8), np.float32)
        importlib.import_module("handgrad.engines.fast.engine")


def is_compiled() -> bool:
    """Whether the fast engine's code has been compiled before, and kept; the first run has to wait for it."""
    from handgrad.engines.fast.compiling import folder

    place = folder()
    return place is not None and any(place.glob("crew.run*.nbc"))


def share_of_nonzeros(images: Array) -> float:
    """The share of numbers that are not 0, among rows spread over all."""
    some = images[:: max(1, len(images) // LOOKED_AT)]
    return float(np.count_nonzero(some)) / (len(some) * math.prod(some.shape[1:]))


def _missing() -> tuple[str, dict[str, Any]] | None:
    return None if importlib.util.find_spec("numba") else ("engines.not_installed", {})


def _unfit(net: Any, optimizer: Any, images: Array) -> tuple[str, dict[str, Any]] | None:
    """What the fast engine does not serve, as a key and its values; None where it serves all."""
    if not isinstance(net, Sequential) or not all(_as_written(part, Sequential) for part in _nets(net)):
        return "engines.net", {"net": type(net).__name__}
    if net.dtype not in (np.float32, np.float64):
        return "engines.net", {"net": str(net.dtype)}
    layers = [layer for _, layer in net.named_layers()]
    first = next((i for i, layer in enumerate(layers) if type(layer) is not Flatten), 0)
    if type(layers[first]) is not Linear or not _as_written(layers[first], Linear):
        return "engines.first_layer", {"layer": str(getattr(layers[first], "label", type(layers[first]).__name__))}
    if not isinstance(images, (np.ndarray, SparseRows)) or isinstance(images, np.memmap):
        return "engines.mapped", {}
    if math.prod(images.shape[1:]) != layers[first].inputs or images.dtype.kind not in "uif":
        return "engines.images", {}
    if not isinstance(optimizer, Optimizer) or not _holds_all(optimizer, net):
        return "engines.optimizer", {}
    return None


def is_whole(
    net: Sequential, criterion: Any, optimizer: Any, labels: Array, *, accumulate: int = 1,
    clip_norm: float | None = None, weights: Array | None = None,
) -> bool:  # fmt: skip
    """Whether the fast engine knows every part of a step, and so can take it in one call."""
    outputs = linears(net)[-1].outputs
    return (
        _is_perceptron(net)
        and type(criterion) is SoftmaxCrossEntropy
        and type(optimizer) in (SGD, Adam, AdamW)
        and accumulate == 1 and clip_norm is None and weights is None
        and labels.ndim == 1 and labels.dtype.kind in "iu" and labels.min() >= 0 and labels.max() < outputs
    )  # fmt: skip


def takes_all(net: Sequential, criterion: Any, optimizer: Any, images: Array, labels: Array, **settings: Any) -> bool:
    """Whether the fast engine can take a step as a whole with data of which it leaves out nothing."""
    return isinstance(images, np.ndarray) and is_whole(net, criterion, optimizer, labels, **settings)


def _is_perceptron(net: Sequential) -> bool:
    """Whether it is Linear layers with at most one activation behind each but the last."""
    before: type | None = None
    for _, layer in net.named_layers():
        kind = type(layer)
        known = kind is Linear or (kind in ACTIVATIONS and before is Linear) or (kind is Flatten and before is None)
        if not known or not _as_written(layer, kind):
            return False
        before = kind
    return before is Linear


def layers_behind(net: Sequential) -> list[Any]:
    """The layers behind the first Linear and the activation that it may have right behind it."""
    layers = [layer for _, layer in net.named_layers()]
    behind = layers[layers.index(linears(net)[0]) + 1 :]
    bends = bool(behind) and type(behind[0]) in ACTIVATIONS and _as_written(behind[0], type(behind[0]))
    return behind[bends:]


def linears(net: Sequential) -> list[Linear]:
    """The net's Linear layers, in their order."""
    return [layer for _, layer in net.named_layers() if type(layer) is Linear]


def _nets(net: Sequential) -> list[Sequential]:
    return [net, *(part for layer in net.layers if isinstance(layer, Sequential) for part in _nets(layer))]


def _as_written(part: Any, kind: type) -> bool:
    """Whether forward and backward are those of the class, and nobody's own."""
    return all(getattr(type(part), name) is getattr(kind, name) and name not in vars(part)
               for name in ("forward", "backward", "__call__"))  # fmt: skip


def _holds_all(optimizer: Optimizer, net: Sequential) -> bool:
    """Whether the optimizer's parameters are the net's, all of them and in their order, and all of them ours."""
    stretches, theta = runs(optimizer.pairs), net.theta
    size = sum(value.size for value, _ in net.parameters())
    return len(stretches) == 1 and stretches[0][0].size == theta.size == size and np.shares_memory(
        stretches[0][0][:1], theta[:1]
    )  # fmt: skip
