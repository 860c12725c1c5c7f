"""The fast engine: the twin of `NumpyEngine`, which takes each step in compiled code, on one thread or several.

The first layer skips the zeros of the data, bias and activation are one pass, the optimizer uses each gradient as soon
as it is there, and no step allocates anything. When the record of a step is seen, its weights are there.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from handgrad.core.arrays import Array
from handgrad.core.optim import SGD, Adam, AdamW, clip_by_norm
from handgrad.core.params import aligned_zeros
from handgrad.data.batches import to_input
from handgrad.engines.choice import is_whole, layers_behind, linears
from handgrad.engines.fast import crew, jobs, updates
from handgrad.engines.fast.lanes import BYTES
from handgrad.engines.fast.nonzeros import every_number, nonzeros
from handgrad.engines.fast.pace import Pace
from handgrad.engines.fast.plan import PARTS, ROW_BLOCKS, blocks_of, make_plan, mixed_plan
from handgrad.engines.numpy_engine import NumpyEngine, StepResult, count_right

FORWARD, BACKWARD, UPDATE = (0, 3), (3, 5), (5, 6)  # phases of a mixed step, from and up to


class FastEngine(NumpyEngine):
    """Runs the steps of a training that `handgrad.engines.choose` found fit.

    A step is compiled as a whole where it knows every part of it: a perceptron, softmax and cross-entropy, SGD, Adam or
    AdamW. Otherwise the first layer and the update are compiled, and all between them runs as the layers are written.

    Args:
        net, criterion, optimizer, accumulate, clip_norm, weights: see `NumpyEngine`.
        images, labels: the samples, which are indexed here, once.
        batch_size: the largest batch that will come.
        sparse: whether the images have enough zeros to leave them out.
        threads: that may share a step; how many do is measured, and changes no number.
    """

    name = "fast"

    def __init__(
        self, net: Any, criterion: Any, optimizer: Any, images: Array, labels: Array, batch_size: int, *,
        sparse: bool = True, threads: int = 1, **settings: Any,
    ) -> None:  # fmt: skip
        super().__init__(net, criterion, optimizer, **settings)
        self.batch_size, self.sparse = batch_size, sparse
        self.pace = Pace(threads if crew.SHARES else 1)
        self.first = linears(net)[0]
        self.rest = layers_behind(net) if sparse else [layer for _, layer in net.named_layers()]
        known = is_whole(net, criterion, optimizer, labels, **settings)
        self.whole = known and (sparse or isinstance(images, np.ndarray))
        self.knows = type(optimizer) in (SGD, Adam, AdamW)
        self.stores = not (self.knows and self.accumulate == 1 and self.clip_norm is None)
        if sparse or not self.whole:
            self.index = nonzeros(images if sparse else np.zeros((0, self.first.inputs)), net.dtype)
        else:
            self.index = every_number(images, net.dtype)
        self.labels = np.ascontiguousarray(labels if self.whole else [], np.int64)

    def epoch(
        self, images: Array, labels: Array, order: Array, batch_size: int, rates: Iterable[float | None]
    ) -> Iterator[StepResult]:
        """One step for each learning rate, on the rows that `order` names, batch_size at a time.

        A rate of None leaves the optimizer's own.
        """
        self._bind(order)
        helpers: list[threading.Thread] = []
        try:
            for start, rate in zip(range(0, len(order), batch_size), rates, strict=False):
                if rate is not None:
                    self.optimizer.lr = rate
                if self.pace.helped != bool(helpers):
                    self._dismiss(helpers)
                    helpers = [self._helper(i) for i in range(1, self.pace.most)] if self.pace.helped else []
                self.sync[crew.HELPERS] = self.pace.threads > 1
                began = time.perf_counter()
                self._set_rates()
                if self.whole:
                    result = self._whole_step(start, min(batch_size, len(order) - start))
                else:
                    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                        result = self.step(images, labels, order[start : start + batch_size])
                self.pace.took(time.perf_counter() - began)
                yield result
        finally:
            self._dismiss(helpers)

    def largest_gradient(self) -> tuple[str, float]:
        """(name, size) of the largest number among all gradients of the last step."""
        sizes = {} if self.whole else {name: float(np.abs(p.grad).max()) for name, p in self.net.named_parameters()}
        if self.whole or not self.stores:
            size = self.plan.slots * self.lanes
            for row in self.plan.ops:
                if row[jobs.KIND] in jobs.GRADIENTS:
                    kind = "bias" if row[jobs.KIND] == jobs.BIAS_GRADIENT else "weight"
                    largest = np.abs(self.peaks[row[jobs.PEAK] :][:size]).max()
                    sizes[f"{self.plan.layers[row[jobs.LAYER]].name}.{kind}"] = float(largest)
        name = max(sizes, key=lambda key: math.inf if math.isnan(sizes[key]) else sizes[key])
        return name, sizes[name]

    # -- a step

    def _whole_step(self, start: int, rows: int) -> StepResult:
        crew.run(0, len(self.plan.phases), start, rows, self.sync, self.tables, self.arrays)
        loss = float(self.numbers[jobs.TOTAL])
        if not math.isfinite(loss):
            return StepResult(loss, None, rows)
        self.optimizer.steps += 1
        return StepResult(loss, int(self.numbers[jobs.RIGHT]), rows)

    def _gradient(
        self, images: Array, labels: Array, rows: Array, share: float = 1.0, *, accumulate: bool = False
    ) -> tuple[float, int | None]:
        """As in the NumPy engine, the first layer apart; its gradient comes with the update, unless it is stored."""
        y = labels.take(rows, axis=0)
        x = self._first_forward(rows) if self.sparse else to_input(images.take(rows, axis=0), self.dtype)
        for layer in self.rest:
            x = layer.forward(x)
        weights = () if self.weights is None else (self.weights.take(rows),)
        loss = float(self.criterion(x, y, *weights))
        if not math.isfinite(loss):
            return loss, None
        before = self.net.grad.copy() if accumulate else None
        dy = self.criterion.backward().astype(self.dtype, copy=False)
        dy = dy if share == 1 else dy * share
        layers = self.rest if self.sparse else self.rest[self.rest.index(self.first) + 1 :]
        for layer in reversed(layers):
            dy = layer.backward(dy)
        if self.sparse:
            self._view(jobs.DZ, len(rows))[...] = dy
            if self.stores:
                self._run(BACKWARD)
        else:
            self.first.backward(dy, input_gradient=False)
        if before is not None:
            self.net.grad += before
        return loss, count_right(x, y)

    def _first_forward(self, rows: Array) -> Array:
        """The first layer's output, its activation included, for some rows."""
        self.order[: len(rows)] = rows
        crew.run(*FORWARD, 0, len(rows), self.sync, self.tables, self.arrays)
        return self._view(jobs.Y, len(rows))

    def _update(self) -> None:
        if not self.stores:
            self._run(BACKWARD)
        else:
            if self.clip_norm is not None:
                clip_by_norm(self.net, self.clip_norm)
            if self.knows:
                self._run(UPDATE)
            else:
                self.optimizer.step()
                return
        self.optimizer.steps += 1

    def _run(self, phases: tuple[int, int]) -> None:
        rows = int(self.numbers[jobs.ROWS])
        crew.run(*phases, 0, rows, self.sync, self.tables, self.arrays)

    def _view(self, what: int, rows: int) -> Array:
        """The first layer's output or its gradient, (rows, outputs), in the scratch."""
        at, n = self.plan.ops[-1, [what, jobs.N]]
        return self.work[at : at + rows * n].reshape(rows, n)[:, : self.first.outputs]

    def _set_rates(self) -> None:
        """The numbers of this step, as the optimizer's `update` works them out."""
        optimizer, rates = self.optimizer, self.rates
        if not self.knows:
            return
        lr, decay = optimizer.lr, optimizer.weight_decay
        rates[updates.LR], rates[updates.DECAY] = lr, decay
        if isinstance(optimizer, SGD):
            rates[updates.MU] = optimizer.momentum
            method = updates.NESTEROV if optimizer.nesterov else updates.MOMENTUM if optimizer.momentum else updates.SGD
            method = updates.PLAIN if method == updates.SGD and not decay else method
        else:
            (b1, b2), t = optimizer.betas, optimizer.steps + 1
            c = math.sqrt(1 - b2**t)
            rates[updates.B1], rates[updates.B1_REST] = b1, 1 - b1
            rates[updates.B2], rates[updates.B2_REST] = b2, 1 - b2
            rates[updates.EPS], rates[updates.LR_CORRECTED] = optimizer.eps * c, lr * c / (1 - b1**t)
            method = updates.ADAMW if isinstance(optimizer, AdamW) else updates.ADAM
        self.numbers[jobs.METHOD] = updates.STORE if self.stores else method
        self.numbers[jobs.STEP_METHOD] = method

    # -- its arrays

    def _bind(self, order: Array) -> None:
        """Look the arrays up: parameters may have moved to another net's buffer since the last epoch."""
        theta, dtype = self.net.theta, self.net.dtype
        biases, start = getattr(self.optimizer, "decay", "all") == "all", self.first._parameters["weight"].start
        # No gradient is kept that is used at once, and an old one is not to be taken for it.
        self.net.grad[...] = np.nan
        if self.whole:
            self.plan = make_plan(
                self.net, self.batch_size, self._bounds(), biases, start, self.pace.most, not self.sparse
            )
        else:
            self.plan = mixed_plan(
                self.net, self.batch_size, self._bounds(), biases, start, self.stores, not self.sparse
            )
        self.order = np.ascontiguousarray(order, np.int64) if self.whole else np.zeros(self.batch_size, np.int64)
        self.lanes = BYTES // dtype.itemsize
        self.work = aligned_zeros(self.plan.work, dtype)
        self.rates = np.zeros(updates.RATES, dtype)
        self.rates[updates.ONE], self.rates[updates.TINY] = 1, 1e8 * np.finfo(dtype).tiny
        self.rates[updates.SMOOTHING] = getattr(self.criterion, "label_smoothing", 0)
        self.peaks = aligned_zeros(len(self.plan.ops) * self.plan.slots * self.lanes, dtype)
        self.numbers, self.sync = np.zeros(jobs.SEEN + 2 * ROW_BLOCKS), np.zeros(crew.SYNC, np.int64)
        self.numbers[jobs.METHOD], self.numbers[jobs.READY] = updates.STORE, -1
        self.tables = (self.plan.ops, self.plan.phases, self.plan.table)
        state = self._state()
        self.arrays = (
            theta, state, self.index.arrays(), self.order, self.labels, self._groups(), self._alive(state), self.work,
            self.plan.slopes, self.rates, self.peaks, self.numbers,
        )  # fmt: skip

    def _state(self) -> tuple[Array, Array, Array]:
        """What the optimizer remembers, two arrays like theta at most, and the gradients."""
        found: list[Array] = []
        if self.knows:
            self.optimizer._cut()
            found = list(self.optimizer._state.values())
        none = np.zeros(1, self.dtype)
        first, second, *_ = [*found, none, none]
        return first, second, self.net.grad

    def _groups(self) -> tuple[Array, Array, Array]:
        """Room for a batch's nonzeros, pair by pair."""
        blocks = blocks_of(self.batch_size)
        sides = 2 * blocks  # this step's and the next's
        most = int(np.diff(self.index.starts).max(initial=0)) * -(-self.batch_size // blocks)
        return (
            np.zeros((sides, len(self.index.touched) + 1), np.int32), np.zeros((sides, most), np.int32),
            np.zeros((sides, most, 2), self.dtype),
        )  # fmt: skip

    def _bounds(self) -> list[int]:
        """Where the first layer's inputs, pair by pair, are cut into parts of about the same work."""
        every = 3 if type(self.optimizer) is SGD else 25  # an update costs as much as so many rows that touch a pair
        touched = self.index.touched
        a_batch = touched * self.batch_size / max(1, len(self.index.starts) - 1)
        work = np.concatenate([[0], np.cumsum(a_batch + every * (touched > 0))])
        return [0, *(int(n) for n in np.searchsorted(work, work[-1] * np.arange(1, PARTS) / PARTS)), len(touched)]

    def _alive(self, state: tuple[Array, ...]) -> Array:
        """Which pairs some sample has, or have a past in the optimizer: the weights of others never move."""
        alive: Array = self.index.touched > 0
        shape = self.first.W.shape
        for array in state[:2]:
            if array.size > 1:
                past: Array = np.flatnonzero(array[: self.first.W.size].reshape(shape).any(axis=1))
                alive[past // 2] = True
        return alive

    def _dismiss(self, helpers: list[threading.Thread]) -> None:
        self.sync[crew.STOP] = 1
        for helper in helpers:
            helper.join()
        self.sync[crew.STOP] = 0

    def _helper(self, number: int) -> threading.Thread:
        arguments = (-number, 0, 0, 0, self.sync, self.tables, self.arrays)
        thread = threading.Thread(target=crew.run, args=arguments, daemon=True)
        thread.start()
        return thread
