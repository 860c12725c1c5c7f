"""The two published notebooks in plain NumPy, line by line as they were described, without anything of handgrad.

They draw from RandomState(seed): the weights layer by layer, then one permutation an epoch.
"""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass
class Outcome:
    """What a notebook ends with; the lines are those that it prints."""

    losses: list[float] = field(default_factory=list)
    accuracies: list[float] = field(default_factory=list)
    weights: list[Array] = field(default_factory=list)
    test_accuracy: float = 0.0


def read(folder: Path, part: str) -> tuple[Array, Array]:
    """(images 0..1 as float64 rows, labels) of four IDX files, gzipped or not."""

    def content(name: str) -> bytes:
        plain, packed = folder / name, folder / f"{name}.gz"
        return plain.read_bytes() if plain.exists() else gzip.decompress(packed.read_bytes())

    raw = content(f"{part}-images-idx3-ubyte")
    _, n, rows, columns = struct.unpack(">4i", raw[:16])
    images = np.frombuffer(raw, np.uint8, offset=16).reshape(n, rows * columns) / 255.0
    return images, np.frombuffer(content(f"{part}-labels-idx1-ubyte"), np.uint8, offset=8)


def one_hot(labels: Array) -> Array:
    return np.eye(10)[labels]


def relu(x: Array) -> Array:
    return np.where(x > 0, x, 0.0)


def clipped_sigmoid(x: Array) -> Array:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(x, -30, 30))))


def plain_sigmoid(x: Array) -> Array:
    return 1.0 / (1.0 + np.exp(-x))


def softmax(x: Array) -> Array:
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


def modular(folder: Path, *, seed: int, epochs: int, sigmoid: bool = False) -> Outcome:
    """784-256-10; every linear layer divides by the batch size again."""
    x_train, t_train = read(folder, "train")
    x_test, t_test = read(folder, "t10k")
    activation: Callable[[Array], Array] = clipped_sigmoid if sigmoid else relu
    rng, batch, lr, n = np.random.RandomState(seed), 64, 0.001, len(x_train)
    w1, b1 = rng.randn(784, 256) * np.sqrt(2.0 / 784), np.zeros(256)
    w2, b2 = rng.randn(256, 10) * np.sqrt(2.0 / 256), np.zeros(10)
    out = Outcome()
    for _ in range(epochs):
        order = rng.permutation(n)
        losses, accuracies = [], []
        for i in range(n // batch):
            rows = order[i * batch : (i + 1) * batch]
            x, t = x_train[rows], one_hot(t_train[rows])
            a = activation(x @ w1 + b1)
            p = softmax(a @ w2 + b2)
            losses.append(-np.sum(t * np.log(p + 1e-7)) / batch)
            accuracies.append(np.mean(p.argmax(axis=1) == t_train[rows]))
            d = (p - t) / batch
            dw2, db2 = a.T @ d / batch, d.sum(axis=0) / batch
            d = d @ w2.T
            d = d * a * (1 - a) if sigmoid else d * (a > 0)
            dw1, db1 = x.T @ d / batch, d.sum(axis=0) / batch
            w1 -= lr * dw1
            b1 -= lr * db1
            w2 -= lr * dw2
            b2 -= lr * db2
        out.losses.append(float(np.mean(losses)))
        out.accuracies.append(float(np.mean(accuracies)))
    scores = activation(x_test @ w1 + b1) @ w2 + b2
    out.test_accuracy = float(np.mean(scores.argmax(axis=1) == t_test))
    out.weights = [w1, b1, w2, b2]
    return out


def unrolled(folder: Path, *, seed: int, epochs: int = 2) -> Outcome:
    """784-128-64-32-10, four sigmoids, the arrays themselves re-ordered at the start of each epoch."""
    x_train, labels = read(folder, "train")
    x_test, t_test = read(folder, "t10k")
    t_train = one_hot(labels)
    rng, batch, lr, n = np.random.RandomState(seed), 125, 0.1, len(x_train)
    sizes = [784, 128, 64, 32, 10]
    weights = [rng.randn(i, o) * 0.01 for i, o in pairwise(sizes)]
    biases = [np.zeros(o) for o in sizes[1:]]
    out = Outcome()
    for _ in range(epochs):
        order = rng.permutation(n)
        x_train, t_train = x_train[order], t_train[order]
        right = 0
        for start in range(0, n, batch):
            x, t = x_train[start : start + batch], t_train[start : start + batch]
            ys = list(_forward(x, weights, biases))
            y = ys[-1]
            loss = -np.sum(t * np.log(y + 1e-7)) / len(x)
            right += int(np.sum(y.argmax(axis=1) == t.argmax(axis=1)))
            error, steps = y - t, []
            for k in (3, 2, 1, 0):
                error = error * ys[k + 1] * (1 - ys[k + 1])
                steps.append((k, ys[k].T @ error, error.sum(axis=0)))
                error = error @ weights[k].T
            for k, dw, db in steps:  # after the whole backward pass
                weights[k] -= lr * dw
                biases[k] -= lr * db
        out.losses.append(float(loss))
        out.accuracies.append(right / n)
    y = list(_forward(x_test, weights, biases))[-1]
    out.test_accuracy = float(np.mean(y.argmax(axis=1) == t_test))
    out.weights = [array for pair in zip(weights, biases, strict=True) for array in pair]
    return out


def _forward(x: Array, weights: list[Array], biases: list[Array]) -> Iterator[Array]:
    yield x
    for w, b in zip(weights, biases, strict=True):
        x = plain_sigmoid(x @ w + b)
        yield x
