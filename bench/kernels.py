"""The compiled engine's operations, one by one, beside the dense products that they stand for: microseconds a step.

One thread, the network of work A (784-256-10, ReLU, SGD, batch 64) and of work B (Adam, batch 128) on MNIST. Operations
and products take turns, a batch each; printed are the medians, and the tenth of a hundred, near what an idle machine
gives. The first run compiles.

    env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE OPENBLAS_NUM_THREADS=1 python bench/kernels.py
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

from handgrad import MLP, SGD, Adam, SoftmaxCrossEntropy
from handgrad.data import load_data
from handgrad.engines.fast import jobs
from handgrad.engines.fast.engine import FastEngine

NAMES = {
    jobs.GROUP: "nonzeros by pair", jobs.TURN: "W2.T", jobs.SPARSE_FORWARD: "x @ W1", jobs.FINISH: "+ b1, ReLU",
    jobs.NARROW_FORWARD: "h @ W2 + b2", jobs.LOSS: "softmax, loss, dz", jobs.NARROW_BACK: "dh",
    jobs.SPARSE_GRADIENT: "dW1 and its step", jobs.NARROW_GRADIENT: "dW2 and its step",
    jobs.BIAS_GRADIENT: "a bias and its step",
}  # fmt: skip
CALL = 3e-6  # seconds that a call of a compiled function with these arguments takes


@njit(nogil=True)
def run(op: Any, job: Any, ops: Any, arrays: Any) -> None:
    jobs.run(ops, op, job, arrays)


@njit(nogil=True)
def begin(start: int, rows: int, arrays: Any) -> None:
    jobs.begin(start, rows, arrays)


def products(batch: int) -> dict[str, Callable[[], Any]]:
    rng = np.random.default_rng(0)
    shapes = ((batch, 784), (784, 256), (batch, 256))
    x, w, dh = (rng.standard_normal(shape, dtype=np.float32) for shape in shapes)
    h, dw = np.empty((batch, 256), np.float32), np.empty_like(w)
    return {"dense x @ W1": lambda: np.matmul(x, w, out=h), "dense x.T @ dh": lambda: np.matmul(x.T, dh, out=dw)}


def measure(batch: int, optimizer: Any) -> None:
    data = load_data("mnist").train
    net = MLP(784, 256, 10, rng=0)
    engine = FastEngine(net, SoftmaxCrossEntropy(), optimizer(net), data.images, data.labels, batch)
    engine._bind(np.random.default_rng(0).permutation(60_000))
    engine._set_rates()
    steps = engine.plan.table
    dense = products(batch)
    seconds: dict[str, list[float]] = {name: [] for name in [*NAMES.values(), *dense]}
    for start in range(0, 30_000 - batch, batch):
        begin(start, batch, engine.arrays)
        for op, row in enumerate(engine.plan.ops):
            parts = [job for job in steps if job[jobs.FROM] <= op < job[jobs.UP_TO]]
            began = time.perf_counter()
            for part in parts:
                run(op, part, engine.plan.ops, engine.arrays)
            if row[jobs.KIND] != jobs.GROUP or parts[0][jobs.FIRST]:  # it is done for the next step
                seconds[NAMES[int(row[jobs.KIND])]].append(time.perf_counter() - began - CALL * len(parts))
        for name, product in dense.items():
            began = time.perf_counter()
            product()
            seconds[name].append(time.perf_counter() - began)
    for name, times in seconds.items():
        print(f"  {name:22} {np.median(times[1:]) * 1e6:7.1f}  {np.percentile(times[1:], 10) * 1e6:7.1f}")


if __name__ == "__main__":
    for title, rows, method in (
        ("A: SGD, batch 64", 64, lambda net: SGD(net, lr=0.1)),
        ("B: Adam, batch 128", 128, Adam),
    ):
        print(f"{title}{'median':>20}{'tenth':>9}")
        measure(rows, method)
