"""The NumPy engine: a training step as it is written by hand. Any faster engine has to prove itself equal to it.

An engine gets the order of an epoch's rows and a learning rate for each step, and yields what each step showed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from handgrad.core.arrays import Array
from handgrad.core.net import Sequential
from handgrad.core.optim import clip_by_norm
from handgrad.data.batches import to_input


class StepResult(NamedTuple):
    """What one update showed of its batch, before the update: mean loss, number right (None: no classes), rows."""

    loss: float
    correct: int | None
    samples: int


class NumpyEngine:
    """Runs the layers as they are written.

    Args:
        net: a net of ours, or any object with `forward`, `backward` and `parameters`.
        criterion: a loss of ours, or any object called with (prediction, target) that has `backward()`.
        optimizer: one of ours, or any object with `step()`.
        accumulate: work through each batch in so many parts and add their gradients; the result is the batch's.
        clip_norm: the largest norm that the whole gradient may have; None: any.
        weights: (n,), how much each row of the training set counts; None: all alike. The criterion then gets those of
            the batch as a third argument.
    """

    name = "numpy"

    def __init__(
        self,
        net: Any,
        criterion: Any,
        optimizer: Any,
        *,
        accumulate: int = 1,
        clip_norm: float | None = None,
        weights: Array | None = None,
    ) -> None:
        self.net, self.criterion, self.optimizer = net, criterion, optimizer
        self.predict = net if callable(net) else net.forward
        self.accumulate, self.clip_norm, self.weights = accumulate, clip_norm, weights
        self.dtype = getattr(net, "dtype", np.float64)

    def epoch(
        self, images: Array, labels: Array, order: Array, batch_size: int, rates: Iterable[float | None]
    ) -> Iterator[StepResult]:
        """One step for each learning rate, on the rows that `order` names, batch_size at a time.

        A rate of None leaves the optimizer's own.
        """
        for start, rate in zip(range(0, len(order), batch_size), rates, strict=False):
            if rate is not None:
                self.optimizer.lr = rate
            # A net that blows up is reported by the loop, with the step and the layer; NumPy need not warn as well.
            # The yield stands outside: what the caller does between two steps keeps the caller's own settings.
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                result = self.step(images, labels, order[start : start + batch_size])
            yield result

    def step(self, images: Array, labels: Array, rows: Array) -> StepResult:
        """Forward, loss, backward and update on the given rows; no update where the loss is not finite."""
        if self.accumulate == 1:
            loss, right = self._gradient(images, labels, rows)
        else:
            loss, right = self._gradient_in_parts(images, labels, rows)
        if math.isfinite(loss):
            self._update()
        return StepResult(loss, right, len(rows))

    def _update(self) -> None:
        if self.clip_norm is not None:
            clip_by_norm(self.net, self.clip_norm)
        self.optimizer.step()

    def _gradient(
        self, images: Array, labels: Array, rows: Array, share: float = 1.0, *, accumulate: bool = False
    ) -> tuple[float, int | None]:
        """(loss, number right) of some rows; sets the gradients, times the share that the rows are of their batch."""
        y = labels.take(rows, axis=0)
        prediction = self.predict(to_input(images.take(rows, axis=0), self.dtype))
        weights = () if self.weights is None else (self.weights.take(rows),)
        loss = float(self.criterion(prediction, y, *weights))  # somebody else's loss may give a NumPy number
        if not math.isfinite(loss):  # the gradients of the step before stay, for the loop to look at
            return loss, None
        dy = self.criterion.backward()
        self._backward(dy if share == 1 else dy * share, accumulate=accumulate)
        return loss, count_right(prediction, y)

    def _gradient_in_parts(self, images: Array, labels: Array, rows: Array) -> tuple[float, int | None]:
        loss = 0.0
        right: int | None = 0
        parts = [part for part in np.array_split(rows, self.accumulate) if len(part)]
        for i, part in enumerate(parts):
            share = self._weight(part) / self._weight(rows)
            part_loss, part_right = self._gradient(images, labels, part, share, accumulate=i > 0)
            loss += part_loss * share
            right = None if part_right is None or right is None else right + part_right
        return loss, right

    def _weight(self, rows: Array) -> float:
        return float(self.weights.take(rows).sum()) if self.weights is not None else float(len(rows))

    def _backward(self, dy: Array, *, accumulate: bool) -> None:
        if isinstance(self.net, Sequential):
            self.net.backward(dy, accumulate=accumulate, input_gradient=False)
            return
        before = [grad.copy() for _, grad in self.net.parameters()] if accumulate else []
        self.net.backward(dy)
        for (_, grad), old in zip(self.net.parameters(), before, strict=False):  # before: empty, or one for each
            grad += old


def count_right(prediction: Array, labels: Array) -> int | None:
    """How many rows have their largest number at the label (or where a one-hot row has its own); None: no classes."""
    if prediction.ndim != 2 or prediction.shape[1] < 2 or len(labels) != len(prediction):
        return None
    if labels.ndim == 1 and labels.dtype.kind in "iu":
        return int(np.count_nonzero(prediction.argmax(axis=1) == labels))
    if labels.shape == prediction.shape and np.array_equal(labels.sum(axis=1), np.ones(len(labels))):
        return int(np.count_nonzero(prediction.argmax(axis=1) == labels.argmax(axis=1)))
    return None
