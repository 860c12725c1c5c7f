"""Threads: how many the matrix products of a training get. Measured, not assumed, and put back afterwards.

For small nets two threads can be slower than one, and on a busy machine many times slower.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from handgrad.core.arrays import Array

MOST = 1024  # threads; more than that is a slip of the pen
WORTH_IT = 1.5  # times faster than one thread, in the median, is what more threads must be
LONG = 0.003  # seconds: shorter steps stay on one thread


@contextmanager
def limited_to(threads: int) -> Iterator[None]:
    """Run the body with so many BLAS threads; the limits from before are restored at its end."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=threads, user_api="blas"):
        yield


def available() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def fastest(sizes: list[int], batch_size: int, dtype: str) -> tuple[int, dict[int, float]]:
    """(threads, {threads: seconds a step}) for a net of these layer sizes: a few of its matrix products, timed.

    One thread is kept for a step that is short anyway, and unless more are half as fast again. A machine that was idle
    while these few products ran may be busy a moment later, and threads that have to wait for each other then take many
    times longer: training the default network took 1.9 s in all with two threads as with one, and now and then 7 s.
    """
    rng = np.random.default_rng(0)
    widest = max(range(len(sizes) - 1), key=lambda i: sizes[i] * sizes[i + 1])
    inputs, outputs = sizes[widest], sizes[widest + 1]
    x = rng.random((batch_size, inputs)).astype(dtype)
    w = rng.random((inputs, outputs)).astype(dtype)
    dy = rng.random((batch_size, outputs)).astype(dtype)
    seconds: dict[int, float] = {}
    for threads in sorted({1, available()}):
        if seconds and seconds[1] < LONG:
            break
        with limited_to(threads):
            # The median, not the best: on a busy machine two threads are fast now and then, and slow as a rule.
            seconds[threads] = statistics.median(_time(x, w, dy) for _ in range(7))
    most = max(seconds)
    return (most if seconds[1] >= WORTH_IT * seconds[most] else 1), seconds


def _time(x: Array, w: Array, dy: Array) -> float:
    began = time.perf_counter()
    _ = x @ w
    _ = x.T @ dy
    return time.perf_counter() - began
