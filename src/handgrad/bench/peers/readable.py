"""handgrad with its readable NumPy layers: `fit` on uint8 pixels, shuffling, scaling, records and all."""

from __future__ import annotations

from collections.abc import Callable

from handgrad.bench.works import Samples, Work, start_weights
from handgrad.core.arrays import Array
from handgrad.core.losses import SoftmaxCrossEntropy
from handgrad.core.mlp import MLP
from handgrad.core.net import Sequential
from handgrad.core.optim import SGD, Adam
from handgrad.records import EpochRecord
from handgrad.train import Training

PACKAGE = "numpy"
ENGINE = "numpy"
MANY_EPOCHS = 10_000  # more than anybody waits for


class Trainer:
    """One long training, looked at after each epoch."""

    engine = ENGINE

    def __init__(self, work: Work, samples: Samples) -> None:
        self.net = net_with(start_weights(work.sizes))
        optimizer = {"sgd": SGD, "adam": Adam}[work.optimizer](self.net, lr=work.lr)
        training = Training(
            self.net, samples.pixels, samples.labels, SoftmaxCrossEntropy(), optimizer,
            epochs=MANY_EPOCHS, batch_size=work.batch_size, rng=0, drop_last=True, engine=self.engine,
        )  # fmt: skip
        self.records = training.records()

    def epoch(self) -> None:
        """All records up to the end of an epoch."""
        for record in self.records:
            if isinstance(record, EpochRecord):
                return

    def predict(self, x: Array) -> Array:
        """x (B, in) -> logits (B, out)."""
        return self.net.predict(x)


def net_with(weights: list[tuple[Array, Array]]) -> Sequential:
    """Our net with these weights."""
    net = MLP(weights[0][0].shape[0], *(b.size for _, b in weights))
    for parameter, array in zip(net.parameters(), (a for layer in weights for a in layer), strict=True):
        parameter.value[...] = array
    return net


def predictor(weights: list[tuple[Array, Array]]) -> Callable[[Array], Array]:
    """The net's `predict`, in evaluation mode already, as after a training."""
    return net_with(weights).eval().predict
