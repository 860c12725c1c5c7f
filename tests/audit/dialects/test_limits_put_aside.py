"""Models that cut errors and gradients off where a setting says: it is put aside, and all that they do is judged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from handgrad.audit.reading.sandbox import run_in_child

# Errors are cut off on their way back, so that no gradient of a parameter shows the limit. Layers make their weights at
# their first batch.
MODEL = """
import numpy as np

class Dense:
    def __init__(self, units):
        self.units, self.weights, self.bias = units, None, None

    def forward(self, x):
        if self.weights is None:
            self.weights = np.random.randn(x.shape[-1], self.units) / np.sqrt(x.shape[-1])
            self.bias = np.zeros((1, self.units))
        self.x = x
        return x @ self.weights + self.bias

    def backward(self, error):
        self.d_weights, self.d_bias = self.x.T @ error, error.sum(axis=0, keepdims=True)
        return error @ self.weights.T

class Tanh:
    def forward(self, x):
        self.y = np.tanh(x)
        return self.y

    def backward(self, error):
        return error * (1 - self.y ** 2)

class Model:
    def __init__(self, layers, grad_clip_norm=0.01, learning_rate=0.1):
        self.layers, self.grad_clip_norm, self.learning_rate = layers, grad_clip_norm, learning_rate

    def clip(self, gradient):
        norm = np.linalg.norm(gradient)
        return gradient * (self.grad_clip_norm / norm) if norm > self.grad_clip_norm else gradient

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def train_on_batch(self, x, y):
        p = self.forward(x)
        loss = np.mean((p - y) ** 2)
        error = 2 * (p - y) / y.size
        for layer in reversed(self.layers):
            error = layer.backward(self.clip(error))
        for layer in self.layers[::2]:
            layer.weights -= self.learning_rate * layer.d_weights
            layer.bias -= self.learning_rate * layer.d_bias
        return loss

    def fit(self, x, y, epochs=10):
        for epoch in range(epochs):
            print(self.train_on_batch(x, y))

rng = np.random.default_rng(0)
x, y = rng.standard_normal((64, 7)), rng.standard_normal((64, 3))
model = Model([Dense(9), Tanh(), Dense(3)])
model.fit(x, y)
"""


def audited(folder: Path, text: str) -> dict[str, Any]:
    path = folder / "model.py"
    path.write_text(text, encoding="utf-8")
    return run_in_child("handgrad.audit.session:audit_file", {"path": str(path)})


@pytest.mark.parametrize("limit", ["grad_clip_norm=1.0", "grad_clip_norm=0.2", "grad_clip_norm=None"])
def test_errors_that_are_cut_off_on_their_way_are_right(limit: str, tmp_path: Path) -> None:
    text = MODEL.replace("grad_clip_norm=0.01", limit)
    text = text.replace("if norm > self", "if self.grad_clip_norm and norm > self")
    found = audited(tmp_path, text)
    assert [one["code"] for one in found["findings"]] == []
    assert found["subject"]["sizes"][-1] == 3
    assert ("put_aside" in found["subject"]["found"]) == ("None" not in limit)


def test_a_mistake_beneath_is_named(tmp_path: Path) -> None:
    wrong = MODEL.replace("grad_clip_norm=0.01", "grad_clip_norm=0.2").replace(
        "1 - self.y ** 2", "1 - np.tanh(self.y) ** 2"
    )
    assert "derivative-at-output" in [one["code"] for one in audited(tmp_path, wrong)["findings"]]
