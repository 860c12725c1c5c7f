"""Small nets of every layer, loss and optimizer that ships, each traced for one step on random numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from handgrad.core.arrays import Array
from handgrad.core.layers import (
    ELU,
    GELU,
    BatchNorm,
    Dropout,
    Flatten,
    LayerNorm,
    LeakyReLU,
    Linear,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from handgrad.core.losses import MSE, BinaryCrossEntropy, CrossEntropy, Huber, SoftmaxCrossEntropy
from handgrad.core.net import Sequential
from handgrad.core.optim import SGD, Adam, AdamW, RMSprop
from handgrad.explain import Moment, Story, moment_of_net, story_of
from handgrad.train.published import AveragingLinear, PassingSoftmax, PublishedCrossEntropy

FEATURES, HIDDEN, CLASSES = 12, 7, 4

LAYERS: dict[str, Callable[[Any], list[Any]]] = {
    "ReLU": lambda rng: [ReLU()],
    "Sigmoid": lambda rng: [Sigmoid()],
    "Tanh": lambda rng: [Tanh()],
    "LeakyReLU": lambda rng: [LeakyReLU(0.1)],
    "ELU": lambda rng: [ELU(0.7)],
    "GELU": lambda rng: [GELU()],
    "GELU tanh": lambda rng: [GELU("tanh")],
    "SiLU": lambda rng: [SiLU()],
    "Softplus": lambda rng: [Softplus()],
    "Dropout": lambda rng: [ReLU(), Dropout(0.3, rng=rng)],
    "BatchNorm": lambda rng: [BatchNorm(HIDDEN), ReLU()],
    "LayerNorm": lambda rng: [LayerNorm(HIDDEN), Tanh()],
    "Softmax": lambda rng: [Softmax()],
    "no bias": lambda rng: [Linear(HIDDEN, HIDDEN, bias=False, rng=rng), ReLU()],
}
LOSSES: dict[str, Callable[[], Any]] = {
    "SoftmaxCrossEntropy": SoftmaxCrossEntropy,
    "label smoothing": lambda: SoftmaxCrossEntropy(0.1),
    "CrossEntropy": CrossEntropy,
    "BinaryCrossEntropy": BinaryCrossEntropy,
    "MSE": MSE,
    "Huber": lambda: Huber(0.5),
    "published": lambda: PublishedCrossEntropy(average=True),
    "published, summed": lambda: PublishedCrossEntropy(average=False),
}
OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    "SGD": lambda net: SGD(net, 0.1),
    "SGD decay": lambda net: SGD(net, 0.1, weight_decay=0.01),
    "momentum": lambda net: SGD(net, 0.05, momentum=0.9),
    "nesterov": lambda net: SGD(net, 0.05, momentum=0.9, nesterov=True, weight_decay=1e-4),
    "RMSprop": lambda net: RMSprop(net, 0.003),
    "RMSprop decay": lambda net: RMSprop(net, 0.003, weight_decay=0.1, decay="weights"),
    "Adam": Adam,
    "Adam decay": lambda net: Adam(net, 0.012, betas=(0.8, 0.99), weight_decay=0.01),
    "AdamW": lambda net: AdamW(net, 0.002),
}


def net_of(layer: str, seed: int, *, softmax: bool = False, dtype: Any = np.float32) -> Sequential:
    """Linear, the layer, Linear, and a softmax where the loss takes probabilities."""
    rng = np.random.default_rng(seed)
    layers = [Flatten(), Linear(FEATURES, HIDDEN, rng=rng), *LAYERS[layer](rng), Linear(HIDDEN, CLASSES, rng=rng)]
    for inner in layers:
        if dtype != np.float32 and isinstance(inner, (Linear, BatchNorm, LayerNorm)):
            for parameter in inner.parameters():
                parameter.__init__(parameter.name, parameter.value.astype(dtype))
    return Sequential(*layers, *([Softmax()] if softmax else []))


def batch_of(seed: int, rows: int, loss: str) -> tuple[Array, Array]:
    """Images (rows, 3, 4) of floats, and targets that the loss takes."""
    rng = np.random.default_rng([seed, 7])
    images = rng.random((rows, 3, 4), np.float32)
    images[images < 0.3] = 0
    if loss in ("MSE", "Huber"):
        return images, rng.normal(size=(rows, CLASSES)).astype(np.float32)
    if loss == "BinaryCrossEntropy":
        return images, rng.integers(0, 2, (rows, CLASSES)).astype(np.float32)
    labels = rng.integers(0, CLASSES, rows)
    return images, np.eye(CLASSES, dtype=np.float32)[labels] if loss.startswith("published") else labels


def moment(
    layer: str = "ReLU", loss: str = "SoftmaxCrossEntropy", optimizer: str = "Adam", *, seed: int = 0, rows: int = 6,
    steps: int = 3, row: int = 0, weighted: bool = False,
) -> Moment:  # fmt: skip
    """The step after `steps` others, traced; `weighted`: with rows that count differently."""
    softmax = loss in ("CrossEntropy",) or loss.startswith("published")
    net = net_of(layer, seed, softmax=softmax)
    if loss.startswith("published"):
        net[-1].__class__ = PassingSoftmax
    criterion, chosen = LOSSES[loss](), OPTIMIZERS[optimizer](net)
    for step in range(steps):
        x, y = batch_of(seed + step, rows, loss)
        criterion(net(x), y)
        net.backward(criterion.backward())
        chosen.step()
    x, y = batch_of(seed + steps, rows, loss)
    weights = np.arange(1.0, rows + 1) if weighted else None
    return moment_of_net(net, criterion, chosen, x, y, row=row, weights=weights)


def story(**options: Any) -> Story:
    """The story of such a step."""
    told = {key: options.pop(key) for key in ("layer_told", "unit", "why", "terms", "digits") if key in options}
    if "layer_told" in told:
        told["layer"] = told.pop("layer_told")
    return story_of(moment(**options), **told)


__all__ = ["CLASSES", "FEATURES", "HIDDEN", "LAYERS", "LOSSES", "OPTIMIZERS", "AveragingLinear", "batch_of", "moment",
           "net_of", "story"]  # fmt: skip
