"""The parallel engine: each rank takes its part of every batch, and the gradients are added up before each update.

It is the NumPy engine with two lines of communication: what the batch showed, and the one flat gradient. The result is
that of a single process, and every rank holds the same weights after each step.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from handgrad.core.arrays import Array
from handgrad.core.net import Sequential
from handgrad.data.batches import to_input
from handgrad.engines.numpy_engine import NumpyEngine, count_right
from handgrad.errors import InputError
from handgrad.parallel.whole_batch import seen_whole
from handgrad.parallel.world import World
from handgrad.train.loop import measure


class ParallelEngine(NumpyEngine):
    """Runs the layers as they are written, on this rank's part of each batch.

    Args:
        net: a net of handgrad's layers, the same on every rank.
        criterion: a loss that is a mean over the batch.
        optimizer: the same on every rank.
        world: the ranks.
        settings: those of `NumpyEngine`, of the whole batch and the whole gradient.

    Attributes:
        wants_stop: set it on any rank to stop all of them.
        stops: whether the last step showed that one of them wants to; the same on every rank.
    """

    name = "mpi"

    def __init__(
        self,
        net: Any,
        criterion: Any,
        optimizer: Any,
        *,
        world: World,
        **settings: Any,
    ) -> None:
        super().__init__(net, criterion, optimizer, **settings)
        if not isinstance(net, Sequential) or net.grad.size != sum(p.size for p in net.parameters()):
            raise InputError("parallel.net", got=type(net).__name__)
        self.world = world
        self.wants_stop = self.stops = False

    def measure(self, images: Array, labels: Array, weights: Array | None = None) -> tuple[float, float | None]:
        """(mean loss, accuracy or None) of all rows in evaluation mode, each rank working on its part of them."""
        own = shard(len(images), self.world.rank, self.world.size)
        loss, total = 0.0, 0.0
        right: int | None = 0
        if own.start < own.stop:
            w = None if weights is None else weights[own]
            loss, accuracy = measure(self.net, images[own], labels[own], self.criterion, w)
            total = float(own.stop - own.start) if w is None else float(w.sum())
            right = None if accuracy is None else round(accuracy * (own.stop - own.start))
        whole = float(len(images)) if weights is None else float(weights.sum())
        loss, right = self._over_all_ranks(loss * total / whole, right)
        return loss, None if right is None else right / len(images)

    def _gradient(
        self, images: Array, labels: Array, rows: Array, share: float = 1.0, *, accumulate: bool = False
    ) -> tuple[float, int | None]:
        """(loss, number right) of all given rows; sets the gradients to this rank's part of theirs.

        The loss of a part is a mean over the part; times the part's share of the batch, parts add up to the mean over
        the batch, and so do their gradients. A rank without rows gives zeros.
        """
        own = shard(len(rows), self.world.rank, self.world.size)
        mine = rows[own]
        part = self._weight(mine) / self._weight(rows)
        with seen_whole(self.net, self.world, own, len(rows)):
            prediction = self.predict(to_input(images.take(mine, axis=0), self.dtype))
            loss: float = 0.0  # of no rows
            right: int | None = 0
            if len(mine):
                y = labels.take(mine, axis=0)
                weights = () if self.weights is None else (self.weights.take(mine),)
                loss, right = float(self.criterion(prediction, y, *weights)) * part, count_right(prediction, y)
            loss, right = self._over_all_ranks(loss, right)
            if not math.isfinite(loss):  # on all ranks, so all of them leave the step here
                return loss, None
            dy = self.criterion.backward() if len(mine) else np.zeros_like(prediction)
            self._backward(dy if part * share == 1 else dy * (part * share), accumulate=accumulate)
        return loss, right

    def _update(self) -> None:
        self.world.add(self.net.grad)
        super()._update()

    def _over_all_ranks(self, loss: float, right: int | None) -> tuple[float, int | None]:
        """Both summed over all ranks, None where a rank has None; and whether anybody wants to stop."""
        sums = np.array([loss, right or 0, right is None, self.wants_stop], np.float64)
        self.world.add(sums)
        self.stops = sums[3] > 0
        return float(sums[0]), None if sums[2] else int(sums[1])


def shard(rows: int, rank: int, size: int) -> slice:
    """Which of so many rows a rank takes: neighbouring ones, as even as can be, the first ranks one more each."""
    each, more = divmod(rows, size)
    start = rank * each + min(rank, more)
    return slice(start, start + each + (rank < more))
