"""A network in plain NumPy, as strangers write it, with any of the usual mistakes planted by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from handgrad.audit.subject import Subject

Array = Any

ACTIVATIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array, Array], Array]]] = {
    "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda z, a: a * (1 - a)),
    "relu": (lambda z: np.maximum(z, 0), lambda z, a: (z > 0) * 1.0),
    "tanh": (np.tanh, lambda z, a: 1 - a * a),
}


class PlainNetwork:
    """Sizes 20-12-12-5, softmax and cross-entropy; `mistake` names what is wrong in its step."""

    def __init__(self, activation: str = "sigmoid", mistake: str = "", dtype: type = np.float64) -> None:
        rng = np.random.default_rng(3)
        self.sizes = (20, 12, 12, 5)
        self.f, self.df = ACTIVATIONS[activation]
        self.activation, self.mistake = activation, mistake
        pairs = list(zip(self.sizes, self.sizes[1:], strict=False))
        self.W = [(rng.standard_normal(pair) * 0.5).astype(dtype) for pair in pairs]
        self.b = [np.zeros(outputs, dtype) for _, outputs in pairs]
        self.summed = [np.zeros_like(a) for a in (*self.W, *self.b)]

    def forward(self, x: Array) -> tuple[list[Array], list[Array]]:
        a, z = [x], []
        for i, (w, b) in enumerate(zip(self.W, self.b, strict=True)):
            z.append(a[-1] @ w + b)
            if i < len(self.W) - 1:
                a.append(self.f(z[-1]))
        e = np.exp(z[-1] - z[-1].max(axis=1, keepdims=True))
        return [*a, e / e.sum(axis=1, keepdims=True)], z

    def loss(self, x: Array, y: Array) -> float:
        p = self.forward(x)[0][-1]
        return float(-np.log(p[np.arange(len(y)), y] + 1e-12).mean())

    def step(self, x: Array, y: Array, lr: float) -> None:
        a, z = self.forward(x)
        p, rows, wrong = a[-1], len(y), self.mistake
        d = (p - np.eye(self.sizes[-1])[y]) / (1 if wrong == "summed" else rows)
        if wrong == "gradient-of-squared-error":
            d = p * (d - (d * p).sum(axis=1, keepdims=True))
        if wrong == "softmax-as-sigmoid":
            d = d * p * (1 - p)
        if wrong == "sign-flipped":
            d = -d
        updates = []
        for i in reversed(range(len(self.W))):
            dw, db = a[i].T @ d, d.sum(axis=0)
            dw, db = self._spoilt(i, dw, db, rows)
            if wrong == "updated-too-early":
                self._update(i, dw, db, lr)
            updates.append((i, dw, db))
            if i:
                square = self.W[i].shape[0] == self.W[i].shape[1]
                da = d @ (self.W[i] if wrong == "weights-not-transposed" and square else self.W[i].T)
                d = self._through(da, z[i - 1], a[i])
        if wrong != "updated-too-early":
            for i, dw, db in updates:
                self._update(i, dw, db, lr)

    def _update(self, i: int, dw: Array, db: Array, lr: float) -> None:
        if self.mistake == "rate twice":
            dw, db = lr * dw, lr * db
        elif self.mistake == "velocity turned":
            k, share = i + len(self.W), -0.8
            self.summed[i], self.summed[k] = share * self.summed[i] + lr * dw, share * self.summed[k] + lr * db
            dw, db = self.summed[i] / lr, self.summed[k] / lr
        self.W[i] = self.W[i] - lr * dw  # re-bound, as people do
        self.b[i] -= lr * db

    def _spoilt(self, i: int, dw: Array, db: Array, rows: int) -> tuple[Array, Array]:
        match self.mistake:
            case "averaged-twice":
                return dw / rows, db / rows
            case "biases averaged twice":
                return dw, db / rows
            case "biases never updated":
                return dw, 0 * db
            case "first layer never updated":
                return (0 * dw, 0 * db) if i == 0 else (dw, db)
            case "never-reset":
                self.summed[i] += dw
                self.summed[i + len(self.W)] += db
                return self.summed[i].copy(), self.summed[i + len(self.W)].copy()
            case "halved":
                return dw / 2, db / 2
        return dw, db

    def _through(self, da: Array, z: Array, a: Array) -> Array:
        match self.mistake:
            case "activation-derivative-missing" | "two":
                return da / len(a) if self.mistake == "two" else da
            case "derivative-at-output":
                return da * self.df(a, self.f(a))
            case "derivative-fed-input":
                return da * (z * (1 - z) if self.activation == "sigmoid" else 1 - z * z)
            case "sigmoid-derivative-everywhere":
                return da * a * (1 - a)
            case "nobody's":
                return da * self.df(z, a) ** 3
        return da * self.df(z, a)

    def parameters(self) -> dict[str, Array]:
        named = {}
        for i, (w, b) in enumerate(zip(self.W, self.b, strict=True), 1):
            named |= {f"W{i}": w, f"b{i}": b}
        return named

    def subject(self) -> Subject:
        return Subject(self.parameters, self.loss, self.step, None, self.sizes[0], self.sizes[-1])
