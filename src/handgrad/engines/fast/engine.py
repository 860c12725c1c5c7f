"""The fast engine: the twin of `NumpyEngine`, which takes each step in compiled code, on one thread or several.

The first layer skips the zeros of the data, bias and activation are one pass, the optimizer uses each gradient as soon
as it is there, and no step allocates anything. When the record of a step is seen, its weights are there.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from handgrad.core.arrays import Array
from handgrad.core.losses import SoftmaxCrossEntropy
from handgrad.core.net import Sequential
from handgrad.core.optim import SGD, Adam, AdamW, Optimizer
from handgrad.core.params import aligned_zeros
from handgrad.engines.fast import crew, jobs, kernels
from handgrad.engines.fast.lanes import BYTES
from handgrad.engines.fast.nonzeros import nonzeros
from handgrad.engines.fast.plan import make_plan, strips_of
from handgrad.engines.numpy_engine import StepResult


class FastEngine:
    """Runs the steps of a net, loss and optimizer that `handgrad.engines.choose` found fit.

    Args:
        net, criterion, optimizer: ours; see `choose`.
        images, labels: the samples, which are indexed here, once.
        batch_size: the largest batch that will come.
        threads: that share each step.
    """

    name = "fast"

    def __init__(
        self, net: Sequential, criterion: SoftmaxCrossEntropy, optimizer: Any, images: Array, labels: Array,
        batch_size: int, *, threads: int = 1,
    ) -> None:  # fmt: skip
        self.net, self.criterion, self.optimizer = net, criterion, optimizer
        self.batch_size, self.threads = batch_size, threads
        self.index = nonzeros(images, net.dtype)
        self.labels = np.ascontiguousarray(labels, np.int64)
        self.features = self._first().inputs
        self._bind()

    def epoch(
        self, images: Array, labels: Array, order: Array, batch_size: int, rates: Iterable[float | None]
    ) -> Iterator[StepResult]:
        """One step for each learning rate, on the rows that `order` names, batch_size at a time.

        A rate of None leaves the optimizer's own.
        """
        self._bind()
        numbers, optimizer, phases = self.numbers, self.optimizer, len(self.plan.phases)
        arrays = self._arrays(np.ascontiguousarray(order, np.int64))
        helpers = [self._helper(arrays) for _ in range(1, self.threads if crew.SHARES else 1)]
        last = len(order)
        try:
            for start, rate in zip(range(0, last, batch_size), rates, strict=False):
                if rate is not None:
                    optimizer.lr = rate
                self._set_rates()
                rows = min(batch_size, last - start)
                crew.run(0, phases, start, rows, self.sync, self.tables, arrays)
                loss = float(numbers[jobs.TOTAL])
                if math.isfinite(loss):
                    optimizer.steps += 1
                    yield StepResult(loss, int(numbers[jobs.RIGHT]), rows)
                else:
                    yield StepResult(loss, None, rows)
        finally:
            self.sync[crew.STOP] = 1
            for helper in helpers:
                helper.join()
            self.sync[crew.STOP] = 0

    def largest_gradient(self) -> tuple[str, float]:
        """(name, size) of the largest number among all gradients of the last step."""
        sizes: dict[str, float] = {}
        peaks = self.peaks.reshape(len(self.plan.ops), -1, 2, BYTES // self.peaks.itemsize)
        for op, row in enumerate(self.plan.ops):
            if row[jobs.KIND] in (jobs.SPARSE_BACKWARD, jobs.NARROW_BACKWARD):
                layer = next(d for d in self.plan.layers if self._start(d.linear, "weight") == row[jobs.W])
                for i, kind in enumerate(("weight", "bias")):
                    sizes[f"{layer.name}.{kind}"] = float(np.abs(peaks[op, :, i]).max())
        name = max(sizes, key=lambda key: math.inf if math.isnan(sizes[key]) else sizes[key])
        return name, sizes[name]

    def _helper(self, arrays: Any) -> threading.Thread:
        thread = threading.Thread(target=crew.help_out, args=(self.sync, self.tables, arrays), daemon=True)
        thread.start()
        return thread

    def _bind(self) -> None:
        """Look the arrays up: parameters may have moved to another net's buffer since the last epoch."""
        optimizer: Optimizer = self.optimizer
        optimizer._cut()
        self.theta = self.net.theta
        dtype = self.theta.dtype
        every = optimizer.decay == "all"
        self.plan = make_plan(self.net, self.batch_size, every, self._first()._parameters["weight"].start)
        none = np.zeros(1, dtype)
        state = [*optimizer._state.values(), none, none]
        self.state = (state[0], state[1])
        lanes = BYTES // dtype.itemsize
        strips = strips_of(self.plan.layers, lanes)
        self.work = aligned_zeros(self.plan.work, dtype)
        self.spare = np.zeros(strips * lanes * jobs.SPARE_WIDTH + lanes, dtype)
        self.rates = np.zeros(kernels.RATES, dtype)
        self.peaks = np.zeros(len(self.plan.ops) * strips * 2 * lanes, dtype)
        self.numbers = np.zeros(jobs.PARTS + 2 * 8, np.float64)
        self.sync = np.zeros(crew.SYNC, np.int64)
        self.tables = (self.plan.ops, self.plan.phases, self.plan.table)
        most = int(np.diff(self.index.starts).max(initial=0)) * -(-self.batch_size // jobs.GROUPS)
        self.groups = (
            np.zeros((jobs.GROUPS, self.features + 1), np.int32),
            np.zeros((jobs.GROUPS, most), np.int32),
            np.zeros((jobs.GROUPS, most), dtype),
        )
        self.alive = self._alive()

    def _alive(self) -> Array:
        """Which inputs some sample has, or have a past in the optimizer: the weights of others never move."""
        alive = np.zeros(self.features, bool)
        alive[self.index.columns] = True
        start, linear = 0, self._first()
        for array in self.state:
            if array.size > 1:
                alive |= array[start : start + linear.W.size].reshape(linear.W.shape).any(axis=1)
        return alive

    def _arrays(self, order: Array) -> Any:
        return (
            self.theta, self.state, tuple(self.index), order, self.labels, self.groups, self.alive, self.work,
            self.spare, self.plan.slopes, self.rates, self.peaks, self.numbers,
        )  # fmt: skip

    def _set_rates(self) -> None:
        """The numbers of this step, as the optimizer's `update` works them out."""
        optimizer, rates = self.optimizer, self.rates
        lr, decay = optimizer.lr, optimizer.weight_decay
        rates[kernels.LR], rates[kernels.DECAY], rates[kernels.ONE] = lr, decay, 1
        rates[kernels.SMOOTHING] = self.criterion.label_smoothing
        if isinstance(optimizer, SGD):
            rates[kernels.MU] = optimizer.momentum
            method = kernels.NESTEROV if optimizer.nesterov else kernels.MOMENTUM if optimizer.momentum else kernels.SGD
            self.numbers[jobs.METHOD] = kernels.PLAIN if method == kernels.SGD and not decay else method
        elif isinstance(optimizer, Adam):
            (b1, b2), t = optimizer.betas, optimizer.steps + 1
            c = math.sqrt(1 - b2**t)
            rates[kernels.B1], rates[kernels.B1_REST] = b1, 1 - b1
            rates[kernels.B2], rates[kernels.B2_REST] = b2, 1 - b2
            rates[kernels.EPS], rates[kernels.LR_CORRECTED] = optimizer.eps * c, lr * c / (1 - b1**t)
            rates[kernels.TINY] = 1e8 * np.finfo(rates.dtype).tiny
            self.numbers[jobs.METHOD] = kernels.ADAMW if isinstance(optimizer, AdamW) else kernels.ADAM

    def _first(self) -> Any:
        return next(layer for _, layer in self.net.named_layers() if hasattr(layer, "inputs"))

    def _start(self, linear: Any, kind: str) -> int:
        return int(linear._parameters[kind].start - self._first()._parameters["weight"].start)
