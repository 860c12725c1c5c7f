"""The promises of a loss, each checked on any object with `loss(prediction, target)` and `loss.backward()`."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from handgrad.audit.judging.numeric import worst
from handgrad.audit.promises.verdict import Promise, Verdict, close, equal, near, raises, unchanged
from handgrad.core.arrays import Array
from handgrad.errors import StateError


@dataclass(frozen=True)
class LossTrial:
    """A loss, not called yet, and a batch to try it on.

    Attributes:
        loss: the loss.
        prediction: of two rows or more; float64 for the numeric derivative.
        target: what the loss takes beside it.
        seed: of everything random.
    """

    loss: Any
    prediction: Array
    target: Array
    seed: int = 0

    def run(self, prediction: Array | None = None, target: Array | None = None) -> tuple[float, Array]:
        """(value, gradient) from a copy of the loss."""
        loss = copy.deepcopy(self.loss)
        value = loss(self.prediction if prediction is None else prediction, self.target if target is None else target)
        return value, np.array(loss.backward())


def value_is_number(trial: LossTrial) -> Iterator[Verdict]:
    """The value is one finite number, the gradient has the prediction's shape and dtype."""
    value, dy = trial.run()
    yield equal("value_is_number", "value", (np.shape(value), bool(np.isfinite(value))), ((), True))
    yield equal("value_is_number", "dy", (dy.shape, dy.dtype), (trial.prediction.shape, trial.prediction.dtype))


def gradient_agrees(trial: LossTrial) -> Iterator[Verdict]:
    """<dy, v> is the slope of the very value that the loss reports, as the prediction moves along a random v."""
    _, dy = trial.run()

    def f(prediction: Array) -> float:
        return float(trial.run(prediction)[0])

    yield close("gradient_agrees", "dy", worst(f, trial.prediction, dy, np.random.default_rng(trial.seed)))


def means_over_batch(trial: LossTrial) -> Iterator[Verdict]:
    """A batch with every row twice has the same value, and each row half the gradient."""
    value, dy = trial.run()
    doubled, half = trial.run(np.concatenate([trial.prediction] * 2), np.concatenate([trial.target] * 2))
    precise = trial.prediction.dtype.type
    yield near("means_over_batch", "value", precise(doubled), precise(value))
    yield near("means_over_batch", "dy", 2 * half, np.concatenate([dy, dy]))


def loss_is_pure(trial: LossTrial) -> Iterator[Verdict]:
    """The loss leaves prediction and target as they were, and gives the same again, forward and backward."""
    loss, prediction, target = copy.deepcopy(trial.loss), trial.prediction.copy(), trial.target.copy()
    value = loss(prediction, target)
    dy = np.array(loss.backward())
    yield unchanged("loss_is_pure", "prediction", prediction, trial.prediction)
    yield unchanged("loss_is_pure", "target", target, trial.target)
    yield unchanged("loss_is_pure", "second backward", np.array(loss.backward()), dy)
    yield equal("loss_is_pure", "second value", loss(prediction, target), value)


def loss_is_fresh(trial: LossTrial) -> Iterator[Verdict]:
    """Backward belongs to the last call, and one before it leaves no trace."""
    used = copy.deepcopy(trial.loss)
    used(trial.prediction[:1] * 0.5, trial.target[:1])
    for verdict in gradient_agrees(replace(trial, loss=used)):
        yield replace(verdict, code="loss_is_fresh")


def loss_comes_first(trial: LossTrial) -> Iterator[Verdict]:
    """Backward before the first call raises StateError."""
    yield raises("loss_comes_first", "", copy.deepcopy(trial.loss).backward, StateError)


LOSS_PROMISES: tuple[Promise, ...] = (
    value_is_number, gradient_agrees, means_over_batch, loss_is_pure, loss_is_fresh, loss_comes_first,
)  # fmt: skip
