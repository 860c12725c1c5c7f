"""The compiled engine's operations, one by one, beside the dense products that they stand for: microseconds a step.

One thread, the networks of work A (784-256-10, ReLU, SGD, batch 64), B (Adam, batch 128) and C (784-1000-1000-10, Adam,
batch 512) on MNIST. Operations
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
    jobs.BIAS_GRADIENT: "a bias and its step", jobs.WIDE_FORWARD: "h1 @ W2 + b2, ReLU", jobs.WIDE_BACK: "dh1",
    jobs.WIDE_GRADIENT: "wide dW2 and its step",
}  # fmt: skip
CALL = 3e-6  # seconds that a call of a compiled function with these arguments takes


@njit(nogil=True)
def run(op: Any, job: Any, ops: Any, arrays: Any) -> None:
    jobs.run(ops, op, job, 0, arrays)


@njit(nogil=True)
def begin(start: int, rows: int, arrays: Any) -> None:
    jobs.begin(start, rows, arrays)


def products(batch: int, hidden: int) -> dict[str, Callable[[], Any]]:
    rng = np.random.default_rng(0)
    shapes = ((batch, 784), (784, hidden), (batch, hidden))
    x, w, dh = (rng.standard_normal(shape, dtype=np.float32) for shape in shapes)
    h, dw = np.empty((batch, hidden), np.float32), np.empty_like(w)
    return {"dense x @ W1": lambda: np.matmul(x, w, out=h), "dense x.T @ dh": lambda: np.matmul(x.T, dh, out=dw)}


def measure(batch: int, optimizer: Any, sizes: tuple[int, ...]) -> None:
    data = load_data("mnist").train
    net = MLP(*sizes, rng=0)
    engine = FastEngine(net, SoftmaxCrossEntropy(), optimizer(net), data.images, data.labels, batch)
    engine._bind(np.random.default_rng(0).permutation(60_000))
    engine._set_rates()
    steps = engine.plan.table
    dense = products(batch, sizes[1])
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
    for name, times in ((name, times[1:]) for name, times in seconds.items() if len(times) > 1):
        print(f"  {name:22} {np.median(times) * 1e6:7.1f}  {np.percentile(times, 10) * 1e6:7.1f}")


if __name__ == "__main__":
    for title, rows, method, sizes in (
        ("A: SGD, batch 64", 64, lambda net: SGD(net, lr=0.1), (784, 256, 10)),
        ("B: Adam, batch 128", 128, Adam, (784, 256, 10)),
        ("C: Adam, batch 512", 512, Adam, (784, 1000, 1000, 10)),
    ):
        print(f"{title}{'median':>20}{'tenth':>9}")
        measure(rows, method, sizes)
