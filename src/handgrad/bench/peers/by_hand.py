"""The network unrolled by hand in plain NumPy, as people write it: one loop, no layers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from handgrad.bench.works import Samples, Work, start_weights
from handgrad.core.arrays import Array

PACKAGE = "numpy"


class Trainer:
    """Forward, softmax, backward and update, longhand."""

    def __init__(self, work: Work, samples: Samples) -> None:
        self.work = work
        self.x, self.y = samples.images, samples.labels
        self.weights = [array for layer in start_weights(work.sizes) for array in layer]
        self.m = [np.zeros_like(w) for w in self.weights]
        self.v = [np.zeros_like(w) for w in self.weights]
        self.t = 0
        self.rng = np.random.default_rng(0)

    def epoch(self) -> None:
        """One pass over the samples in a new order."""
        batch = self.work.batch_size
        order = self.rng.permutation(len(self.x))
        for start in range(0, len(order) - batch + 1, batch):
            rows = order[start : start + batch]
            self.step(self.x[rows], self.y[rows])

    def step(self, x: Array, y: Array) -> None:
        """One update on a batch."""
        activations = [x]
        for w, b in zip(self.weights[:-2:2], self.weights[1:-2:2], strict=True):
            activations.append(np.maximum(activations[-1] @ w + b, 0))
        z = activations[-1] @ self.weights[-2] + self.weights[-1]
        p = np.exp(z - z.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        p[np.arange(len(y)), y] -= 1
        dz = p / len(y)
        gradients: list[Array] = []
        for i in reversed(range(len(activations))):
            gradients = [activations[i].T @ dz, dz.sum(axis=0), *gradients]
            if i:
                dz = (dz @ self.weights[2 * i].T) * (activations[i] > 0)
        self.update(gradients)

    def update(self, gradients: list[Array]) -> None:
        """SGD, or Adam (Kingma and Ba 2015, algorithm 1)."""
        lr = self.work.lr
        if self.work.optimizer == "sgd":
            for w, dw in zip(self.weights, gradients, strict=True):
                w -= lr * dw
            return
        self.t += 1
        for w, dw, m, v in zip(self.weights, gradients, self.m, self.v, strict=True):
            m += 0.1 * (dw - m)
            v += 0.001 * (dw * dw - v)
            w -= lr * (m / (1 - 0.9**self.t)) / (np.sqrt(v / (1 - 0.999**self.t)) + 1e-8)

    def predict(self, x: Array) -> Array:
        """x (B, in) -> logits (B, out)."""
        return predictor(list(zip(self.weights[::2], self.weights[1::2], strict=True)))(x)


def predictor(weights: list[tuple[Array, Array]]) -> Callable[[Array], Array]:
    """Forward alone."""

    def predict(x: Array) -> Array:
        for w, b in weights[:-1]:
            x = np.maximum(x @ w + b, 0)
        w, b = weights[-1]
        return x @ w + b

    return predict
