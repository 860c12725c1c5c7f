"""Trainings that hold out a share of their data unless they are told not to: of a small batch that leaves nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from handgrad.audit.reading.sandbox import run_in_child

NET = """
import numpy as np

class Dense:
    def __init__(self, inputs, outputs):
        self.W, self.b = 0.3 * np.random.randn(inputs, outputs), np.zeros((1, outputs))

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, grad):
        self.dW, self.db = self.x.T @ grad, grad.sum(axis=0, keepdims=True)
        return grad @ self.W.T

    @property
    def params(self):
        return [(self.W, self.dW), (self.b, self.db)]

class ReLU:
    params = []

    def forward(self, x):
        self.x = x
        return np.maximum(0, x)

    def backward(self, grad):
        return grad * (self.x > 0)

class SoftmaxCrossEntropy:
    def shares(self, z):
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def direct(self, z, y):
        return -np.mean(np.sum(y * np.log(self.shares(z) + 1e-12), axis=1))

    def prime(self, z, y):
        return (self.shares(z) - y) / len(z)

class Descent:
    def __init__(self, lr=0.1):
        self.lr = lr

    def step(self, layers):
        for layer in layers:
            for param, grad in layer.params:
                param -= self.lr * grad

class Model:
    def __init__(self, layers, loss, optimizer):
        self.layers, self.loss, self.optimizer = layers, loss, optimizer

    def predict(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def train(self, x_train, y_train, epochs, batch_size, auto_evaluation: float = 0.2):
        if auto_evaluation > 0:
            held = max(int(len(x_train) * auto_evaluation), 2)
            order = np.random.permutation(x_train.shape[0])
            x_train, y_train = x_train[order[:-held]], y_train[order[:-held]]
        count = len(x_train) // batch_size
        for epoch in range(epochs):
            told = {"loss": 0.0}
            order = np.arange(len(x_train))
            np.random.shuffle(order)
            for i in range(count):
                rows = order[i * batch_size:(i + 1) * batch_size]
                z = self.predict(x_train[rows])
                told["loss"] += self.loss.direct(z, y_train[rows])
                grad = self.loss.prime(z, y_train[rows])
                for layer in reversed(self.layers):
                    grad = layer.backward(grad)
                self.optimizer.step(self.layers)
            told["loss"] /= count
            print(epoch, told)

x = np.random.rand(200, 7)
y = np.eye(3)[np.random.randint(0, 3, 200)]
model = Model([Dense(7, 9), ReLU(), Dense(9, 3)], SoftmaxCrossEntropy(), Descent())
model.train(x, y, epochs=20, batch_size=20)
"""


def audited(folder: Path, text: str) -> dict[str, Any]:
    """The answer for a file with this text."""
    (folder / "net.py").write_text(text, encoding="utf-8")
    return run_in_child("handgrad.audit.session:audit_file", {"path": str(folder / "net.py")})


@pytest.mark.slow
def test_the_network_is_trained_with_all_of_its_batch(tmp_path: Path) -> None:
    answer = audited(tmp_path, NET)
    assert (answer["subject"]["sizes"], answer["findings"]) == ([7, 9, 3], [])
    wrong = audited(tmp_path, NET.replace(" * (self.x > 0)", ""))
    assert [one["code"] for one in wrong["findings"]] == ["activation-derivative-missing"]
