"""One epoch of MNIST, 784-256-10, batch 64, plain SGD, float32, one thread: ours beside its two yardsticks.

In each round, one after another: the bare matrix products of the same shapes in NumPy (what no dense network can
beat), the loop unrolled by hand in NumPy without any layers, our `fit` on the uint8 images (shuffling, scaling, records
and all), and PyTorch eager with its float tensors in memory (if installed). Prints medians and ratios, which are taken
within a round.

    env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python bench/mnist_epoch.py
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable

import numpy as np

from handgrad import MLP, SGD, SoftmaxCrossEntropy
from handgrad.data import load_data
from handgrad.train import fit

HIDDEN, BATCH = 256, 64


def products(samples: int) -> Callable[[], None]:
    """The five matrix products of a step, as often as an epoch has steps, on data of the right shapes."""
    rng = np.random.default_rng(0)
    x, w1, h, w2, dy, dh = (
        rng.standard_normal(shape, dtype=np.float32)
        for shape in ((BATCH, 784), (784, HIDDEN), (BATCH, HIDDEN), (HIDDEN, 10), (BATCH, 10), (BATCH, HIDDEN))
    )
    dw1 = np.empty_like(w1)

    def epoch() -> None:
        for _ in range(-(-samples // BATCH)):
            _ = x @ w1
            _ = h @ w2
            _ = h.T @ dy
            _ = dy @ w2.T
            np.matmul(x.T, dh, out=dw1)

    return epoch


def by_hand(images: np.ndarray, labels: np.ndarray) -> Callable[[], None]:
    """One epoch of the same network in plain NumPy, everything in one loop, its images as floats in memory."""
    x, y = images.reshape(len(images), -1) / np.float32(255), labels.astype(np.intp)

    def epoch() -> None:
        rng = np.random.default_rng(0)
        w1 = rng.standard_normal((784, HIDDEN), dtype=np.float32) * np.float32((2 / 784) ** 0.5)
        w2 = rng.standard_normal((HIDDEN, 10), dtype=np.float32) * np.float32((2 / HIDDEN) ** 0.5)
        b1, b2 = np.zeros(HIDDEN, np.float32), np.zeros(10, np.float32)
        order = rng.permutation(len(x))
        for start in range(0, len(x), BATCH):
            rows = order[start : start + BATCH]
            xb, yb = x[rows], y[rows]
            h = np.maximum(xb @ w1 + b1, 0)
            z = h @ w2 + b2
            p = np.exp(z - z.max(axis=1, keepdims=True))
            p /= p.sum(axis=1, keepdims=True)
            p[np.arange(len(yb)), yb] -= 1
            p /= len(yb)
            dh = (p @ w2.T) * (h > 0)
            w2 -= 0.1 * (h.T @ p)
            b2 -= 0.1 * p.sum(axis=0)
            w1 -= 0.1 * (xb.T @ dh)
            b1 -= 0.1 * dh.sum(axis=0)

    return epoch


def ours(images: np.ndarray, labels: np.ndarray) -> Callable[[], None]:
    """One epoch of `fit`."""

    def epoch() -> None:
        net = MLP(784, HIDDEN, 10, rng=0)
        for _ in fit(net, images, labels, SoftmaxCrossEntropy(), SGD(net, lr=0.1), batch_size=BATCH, rng=0):
            pass

    return epoch


def pytorch(images: np.ndarray, labels: np.ndarray) -> Callable[[], None] | None:
    """One epoch of PyTorch eager, or None without PyTorch."""
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(1)
    x = torch.from_numpy(images.reshape(len(images), -1).astype(np.float32) / 255)
    y = torch.from_numpy(labels.astype(np.int64))

    def epoch() -> None:
        net = torch.nn.Sequential(torch.nn.Linear(784, HIDDEN), torch.nn.ReLU(), torch.nn.Linear(HIDDEN, 10))
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        criterion = torch.nn.CrossEntropyLoss()
        for rows in torch.randperm(len(x)).split(BATCH):
            optimizer.zero_grad()
            criterion(net(x[rows]), y[rows]).backward()
            optimizer.step()

    return epoch


def main() -> None:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    data = load_data("mnist").train
    works = {
        "products": products(len(data.labels)),
        "by hand": by_hand(data.images, data.labels),
        "handgrad": ours(data.images, data.labels),
    }
    torch_epoch = pytorch(data.images, data.labels)
    if torch_epoch:
        works["pytorch"] = torch_epoch
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for i in range(rounds + 1):
        for name, work in works.items():
            began = time.perf_counter()
            work()
            if i:  # the first round warms up
                seconds[name].append(time.perf_counter() - began)
    print(f"{platform.processor() or platform.machine()}, numpy {np.__version__}, {rounds} rounds, "
          f"threads {os.environ.get('OPENBLAS_NUM_THREADS', 'not pinned')}")  # fmt: skip
    for name, times in seconds.items():
        ratio = statistics.median(t / p for t, p in zip(times, seconds["products"], strict=True))
        print(f"{name:10} {statistics.median(times):.3f} s  ({min(times):.3f} to {max(times):.3f})  {ratio:.2f} x")
    if torch_epoch:
        ratio = statistics.median(t / o for t, o in zip(seconds["pytorch"], seconds["handgrad"], strict=True))
        print(f"handgrad is {ratio:.2f} times faster than PyTorch eager")


if __name__ == "__main__":
    main()
