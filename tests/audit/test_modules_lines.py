"""A mistake that stands in another of the user's modules is shown there."""

from __future__ import annotations

from pathlib import Path

from handgrad.audit.session import audit_file

LAYER = """
import numpy as np

class Layer:
    def __init__(self, n_in, n_out):
        self.w, self.b = np.random.randn(n_in, n_out) * 0.3, np.zeros((1, n_out))

    def feed(self, x):
        self.x = x
        self.y = np.tanh(x @ self.w + self.b)
        return self.y

    def backward(self, d, lr):
        d = d * (1 - self.y**2)
        below = d @ self.w.T
        self.w -= lr * (self.x.T @ d)
        self.b -= lr * d.sum(axis=0, keepdims=True)
        return below
"""
NET = """
class Net:
    def __init__(self, layers, lr=0.1):
        self.layers, self.lr = layers, lr

    def predict(self, x):
        for layer in self.layers:
            x = layer.feed(x)
        return x

    def train(self, x, t, epochs=10):
        for epoch in range(epochs):
            y = self.predict(x)
            print(((y - t) ** 2).mean())
            d = self.lr * 2 * (y - t) / t.size
            for layer in reversed(self.layers):
                d = layer.backward(d, self.lr)
"""
MAIN = """
import numpy as np
from layer import Layer
from net import Net

net = Net([Layer(6, 5), Layer(5, 2)])
net.train(np.random.rand(40, 6), np.random.rand(40, 2))
"""


def test_a_line_of_a_module(tmp_path: Path) -> None:
    for name, text in {"layer.py": LAYER, "net.py": NET, "main.py": MAIN}.items():
        (tmp_path / name).write_text(text)
    (found,) = audit_file({"path": str(tmp_path / "main.py")})["findings"]
    line = NET.splitlines()[found["line"] - 1]
    assert (found["code"], Path(found["file"]).name, "self.lr * 2" in line) == ("learning-rate-twice", "net.py", True)
