"""A network of numbers whose hidden units are all alike gives even shares, and has no softmax, let alone two."""

from __future__ import annotations

from pathlib import Path

from handgrad.audit.session import audit_file

ALIKE = """
import numpy as np


class Net:
    def __init__(self, inputs, hidden, outputs, lr=0.01):
        self.W1, self.b1 = 1.5 * np.ones((hidden, inputs)), np.zeros((hidden, 1))
        self.W2, self.b2 = 1.5 * np.ones((outputs, hidden)), np.zeros((outputs, 1))
        self.lr = lr

    def forward(self, X):
        self.z1 = self.W1 @ X + self.b1
        self.a1 = np.maximum(0, self.z1)
        return self.W2 @ self.a1 + self.b2

    def loss(self, p, Y):
        return np.sum((p - Y) ** 2) / (2 * Y.shape[1])

    def backward(self, X, Y):
        d2 = (self.forward(X) - Y) / Y.shape[1]
        d1 = (self.W2.T @ d2) * (self.z1 > 0)
        self.W2 -= self.lr * d2 @ self.a1.T
        self.b2 -= self.lr * d2.sum(axis=1, keepdims=True)
        self.W1 -= self.lr * d1 @ X.T
        self.b1 -= self.lr * d1.sum(axis=1, keepdims=True)

    def train(self, X, Y, epochs=10):
        for _ in range(epochs):
            loss = self.loss(self.forward(X), Y)
            self.backward(X, Y)
            print(loss)
"""


def test_units_that_are_all_alike_are_the_only_thing_wrong(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text(ALIKE)
    answer = audit_file({"path": str(path)})
    assert [one["code"] for one in answer["findings"] if one["severity"] == "error"] == ["symmetric-start"]
