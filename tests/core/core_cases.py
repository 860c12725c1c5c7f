"""Every layer, loss and optimizer that ships, each with its options, as one table that several tests run through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from handgrad import (
    ELU,
    GELU,
    MLP,
    MSE,
    SGD,
    Adam,
    AdamW,
    BatchNorm,
    BinaryCrossEntropy,
    CrossEntropy,
    Dropout,
    Flatten,
    Huber,
    LayerNorm,
    LeakyReLU,
    Linear,
    ReLU,
    RMSprop,
    Sequential,
    Sigmoid,
    SiLU,
    Softmax,
    SoftmaxCrossEntropy,
    Softplus,
    Tanh,
)
from handgrad.core.layers import LAYERS
from handgrad.core.losses import LOSSES, one_hot
from handgrad.core.optim import OPTIMIZERS


@dataclass(frozen=True)
class LayerCase:
    """How to make a layer of a dtype, and the shape of one sample for it."""

    make: Callable[[Any], Any]
    sample: tuple[int, ...] = (5,)
    coupled: bool = False  # rows of a batch see each other

    def layer(self, dtype: Any = np.float64, seed: int = 3) -> Any:
        """The layer, its weights random: a scale of 1 and a shift of 0 would hide mistakes."""
        layer = self.make(dtype)
        rng = np.random.default_rng(seed)
        for value, _ in layer.parameters():
            value += 0.3 * rng.standard_normal(value.shape).astype(dtype)
        return layer

    def x(self, batch: int = 4, dtype: Any = np.float64, seed: int = 5) -> Any:
        """A random batch."""
        return np.random.default_rng(seed).standard_normal((batch, *self.sample)).astype(dtype)


LAYER_CASES: dict[str, LayerCase] = {
    "Linear": LayerCase(lambda dtype: Linear(5, 3, rng=0, dtype=dtype)),
    "Linear without bias": LayerCase(lambda dtype: Linear(5, 3, bias=False, init="xavier", rng=0, dtype=dtype)),
    "Sigmoid": LayerCase(lambda dtype: Sigmoid()),
    "Tanh": LayerCase(lambda dtype: Tanh()),
    "ReLU": LayerCase(lambda dtype: ReLU()),
    "LeakyReLU": LayerCase(lambda dtype: LeakyReLU()),
    "LeakyReLU 0.3": LayerCase(lambda dtype: LeakyReLU(0.3), sample=(2, 3)),
    "ELU": LayerCase(lambda dtype: ELU()),
    "ELU 0.7": LayerCase(lambda dtype: ELU(0.7)),
    "GELU": LayerCase(lambda dtype: GELU()),
    "GELU tanh": LayerCase(lambda dtype: GELU("tanh")),
    "SiLU": LayerCase(lambda dtype: SiLU()),
    "Softplus": LayerCase(lambda dtype: Softplus()),
    "Softmax": LayerCase(lambda dtype: Softmax()),
    "Flatten": LayerCase(lambda dtype: Flatten(), sample=(2, 3, 2)),
    "Dropout": LayerCase(lambda dtype: Dropout(0.4, rng=0), sample=(20,)),
    "Dropout 0": LayerCase(lambda dtype: Dropout(0.0, rng=0)),
    "BatchNorm": LayerCase(lambda dtype: BatchNorm(5, dtype=dtype), coupled=True),
    "BatchNorm eps": LayerCase(lambda dtype: BatchNorm(5, momentum=0.3, eps=0.1, dtype=dtype), coupled=True),
    "LayerNorm": LayerCase(lambda dtype: LayerNorm(5, dtype=dtype)),
    "LayerNorm eps": LayerCase(lambda dtype: LayerNorm(5, eps=0.1, dtype=dtype)),
}

NET_CASES: dict[str, LayerCase] = {
    "Sequential": LayerCase(
        lambda dtype: Sequential(Flatten(), Linear(6, 4, rng=0, dtype=dtype), Tanh(), Linear(4, 3, rng=1, dtype=dtype)),
        sample=(2, 3),
    ),
    "nested": LayerCase(
        lambda dtype: Sequential(
            Sequential(Linear(5, 4, rng=0, dtype=dtype), SiLU()),
            LayerNorm(4, dtype=dtype),
            Sequential(Linear(4, 3, rng=1, dtype=dtype), Softmax()),
        )
    ),
    "MLP": LayerCase(lambda dtype: MLP(5, 7, 3, rng=0, dtype=dtype)),
    "MLP of one Linear": LayerCase(lambda dtype: MLP(5, 3, rng=0, dtype=dtype)),
    "MLP sigmoid softmax": LayerCase(
        lambda dtype: MLP(5, 4, 4, 3, activation="sigmoid", output="softmax", rng=0, dtype=dtype)
    ),
    "MLP gelu tanh": LayerCase(lambda dtype: MLP(5, 4, 3, activation="gelu", output="tanh", rng=0, dtype=dtype)),
    "MLP batch_norm": LayerCase(lambda dtype: MLP(5, 6, 4, 3, batch_norm=True, rng=0, dtype=dtype), coupled=True),
    "MLP dropout": LayerCase(lambda dtype: MLP(5, 30, 3, activation="tanh", dropout=0.3, rng=0, dtype=dtype)),
    "MLP both": LayerCase(
        lambda dtype: MLP(5, 30, 30, 3, activation="elu", batch_norm=True, dropout=0.3, rng=0, dtype=dtype),
        coupled=True,
    ),
}


@dataclass(frozen=True)
class LossCase:
    """How to make a loss, and a batch for it."""

    make: Callable[[], Any]
    batch: Callable[[np.random.Generator], tuple[Any, Any]]

    def data(self, dtype: Any = np.float64, seed: int = 4) -> tuple[Any, Any]:
        """(prediction, target)."""
        prediction, target = self.batch(np.random.default_rng(seed))
        return prediction.astype(dtype), target


def _labels(rng: np.random.Generator) -> Any:
    return rng.integers(0, 4, 6)


def _probabilities(rng: np.random.Generator) -> Any:
    return rng.dirichlet(np.ones(4), 6)


LOSS_CASES: dict[str, LossCase] = {
    "SoftmaxCrossEntropy": LossCase(SoftmaxCrossEntropy, lambda rng: (3 * rng.standard_normal((6, 4)), _labels(rng))),
    "SoftmaxCrossEntropy one-hot": LossCase(
        SoftmaxCrossEntropy, lambda rng: (3 * rng.standard_normal((6, 4)), one_hot(_labels(rng), 4))
    ),
    "SoftmaxCrossEntropy soft rows": LossCase(
        SoftmaxCrossEntropy, lambda rng: (3 * rng.standard_normal((6, 4)), _probabilities(rng))
    ),
    "SoftmaxCrossEntropy rounded rows": LossCase(  # that sum to 1.0009: still the gradient of the value
        SoftmaxCrossEntropy, lambda rng: (3 * rng.standard_normal((6, 4)), 1.0009 * _probabilities(rng))
    ),
    "SoftmaxCrossEntropy smoothed": LossCase(
        lambda: SoftmaxCrossEntropy(label_smoothing=0.1), lambda rng: (3 * rng.standard_normal((6, 4)), _labels(rng))
    ),
    "SoftmaxCrossEntropy smoothed one-hot": LossCase(
        lambda: SoftmaxCrossEntropy(0.2), lambda rng: (3 * rng.standard_normal((6, 4)), one_hot(_labels(rng), 4))
    ),
    "CrossEntropy": LossCase(CrossEntropy, lambda rng: (_probabilities(rng), _labels(rng))),
    "CrossEntropy one-hot": LossCase(CrossEntropy, lambda rng: (_probabilities(rng), one_hot(_labels(rng), 4))),
    "CrossEntropy soft rows": LossCase(CrossEntropy, lambda rng: (_probabilities(rng), _probabilities(rng))),
    "BinaryCrossEntropy": LossCase(
        BinaryCrossEntropy, lambda rng: (3 * rng.standard_normal((6, 2)), rng.integers(0, 2, (6, 2)))
    ),
    "BinaryCrossEntropy soft": LossCase(BinaryCrossEntropy, lambda rng: (3 * rng.standard_normal(6), rng.random(6))),
    "MSE": LossCase(MSE, lambda rng: (rng.standard_normal((6, 2)), rng.standard_normal((6, 2)))),
    "MSE of a vector": LossCase(MSE, lambda rng: (rng.standard_normal(6), rng.integers(-2, 3, 6))),
    "Huber": LossCase(Huber, lambda rng: (2 * rng.standard_normal((6, 3)), rng.standard_normal((6, 3)))),
    "Huber 0.3": LossCase(lambda: Huber(0.3), lambda rng: (rng.standard_normal((6, 3)), rng.standard_normal((6, 3)))),
}

OPTIMIZER_CASES: dict[str, tuple[type[Any], dict[str, Any]]] = {
    "SGD": (SGD, {}),
    "SGD decay": (SGD, {"weight_decay": 0.1}),
    "SGD momentum": (SGD, {"momentum": 0.9}),
    "SGD nesterov": (SGD, {"momentum": 0.8, "nesterov": True, "weight_decay": 0.02}),
    "RMSprop": (RMSprop, {}),
    "RMSprop options": (RMSprop, {"alpha": 0.9, "eps": 1e-3, "weight_decay": 0.1}),
    "Adam": (Adam, {}),
    "Adam options": (Adam, {"betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.1}),
    "AdamW": (AdamW, {}),
    "AdamW options": (AdamW, {"betas": (0.5, 0.9), "eps": 1e-4, "weight_decay": 0.3}),
}


# A layer, loss or optimizer that is added to the house must be added to the tables above.
assert {type(case.make(np.float64)) for case in LAYER_CASES.values()} == set(LAYERS.values())
assert {type(case.make()) for case in LOSS_CASES.values()} == set(LOSSES.values())
assert {kind for kind, _ in OPTIMIZER_CASES.values()} == set(OPTIMIZERS.values())
