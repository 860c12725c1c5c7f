"""Two turns are none: gradients that point downhill, and an optimizer that adds them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from handgrad.audit.reading.sandbox import run_in_child

LOSSES = """
import numpy as np

class MSE:
    def value(self, y_true, y_pred):
        return np.mean((y_true - y_pred) ** 2)

    def slope(self, y_true, y_pred):
        return -2 * (y_pred - y_true) / y_pred.size
"""
NET = """
import numpy as np
from losses import MSE

class Dense:
    def __init__(self, inputs, outputs):
        self.W = np.random.randn(inputs, outputs) * 0.3
        self.b = np.zeros((1, outputs))

    def forward(self, x):
        self.x = x
        self.y = 1 / (1 + np.exp(-(x @ self.W + self.b)))
        return self.y

    def backward(self, error, optimizer):
        delta = error * self.y * (1 - self.y)
        below = delta @ self.W.T
        optimizer.update(self, self.x.T @ delta, delta.sum(axis=0, keepdims=True))
        return below

class Adam:
    def __init__(self, lr=0.01, beta1=0.9, beta2=0.999, eps=1e-8):
        self.lr, self.beta1, self.beta2, self.eps = lr, beta1, beta2, eps
        self.m, self.v, self.t = {}, {}, {}

    def update(self, layer, dW, db):
        self.t[layer] = self.t.get(layer, 0) + 1
        for name, grad in (("W", dW), ("b", db)):
            key = layer, name
            self.m[key] = self.beta1 * self.m.get(key, 0) + (1 - self.beta1) * grad
            self.v[key] = self.beta2 * self.v.get(key, 0) + (1 - self.beta2) * grad ** 2
            m = self.m[key] / (1 - self.beta1 ** self.t[layer])
            v = self.v[key] / (1 - self.beta2 ** self.t[layer])
            setattr(layer, name, getattr(layer, name) + self.lr * m / (np.sqrt(v) + self.eps))

class Net:
    def __init__(self, layers):
        self.layers, self.loss = layers, MSE()

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def train(self, x, y, optimizer, epochs=10):
        losses = []
        for _ in range(epochs):
            y_pred = self.forward(x)
            losses.append(self.loss.value(y, y_pred))
            error = self.loss.slope(y, y_pred)
            for layer in reversed(self.layers):
                error = layer.backward(error, optimizer)
        return losses
"""
MAIN = """
import numpy as np
from net import Adam, Dense, Net

x = np.random.rand(40, 3)
y = (x.sum(axis=1, keepdims=True) > 1.5) * 1.0
net = Net([Dense(3, 6), Dense(6, 1)])
print(net.train(x, y, Adam(lr=0.05)))
"""


def said(folder: Path, **changed: str) -> list[str]:
    """The codes of what is found in the program."""
    for name, text in ({"losses": LOSSES, "net": NET, "main": MAIN} | changed).items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    answer: dict[str, Any] = run_in_child("handgrad.audit.session:audit_file", {"path": str(folder / "main.py")})
    return [one["code"] for one in answer["findings"] if one["severity"] == "error"]


def test_an_optimizer_that_adds_what_points_down_is_right(tmp_path: Path) -> None:
    assert said(tmp_path) == []


def test_one_that_adds_what_points_up_climbs(tmp_path: Path) -> None:
    assert said(tmp_path, losses=LOSSES.replace("-2 * (y_pred", "2 * (y_pred")) == ["optimizer-climbs"]
