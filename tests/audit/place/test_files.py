"""A mistake in a module beside the audited file has its line there."""

from __future__ import annotations

from pathlib import Path

from handgrad.audit.session import audit_file

LAYERS = """import numpy as np


class Linear:
    def __init__(self, n, m):
        self.W, self.b = 0.1 * np.random.randn(n, m), np.zeros(m)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dy):
        self.dW = self.x.T @ dy
        self.db = dy.sum()
        return dy @ self.W.T
"""

NET = """import numpy as np
from layers import Linear


class Net:
    def __init__(self):
        self.first, self.last = Linear(6, 9), Linear(9, 4)

    def forward(self, x):
        self.h = np.tanh(self.first.forward(x))
        return self.last.forward(self.h)

    def train(self, x, t, lr):
        y = self.forward(x)
        loss = ((y - t) ** 2).sum() / len(x)
        d = self.last.backward(2 * (y - t) / len(x))
        self.first.backward(d * (1 - self.h ** 2))
        for layer in (self.first, self.last):
            layer.W -= lr * layer.dW
            layer.b -= lr * layer.db
        return loss


net = Net()
"""


def test_the_line_is_that_of_the_module(tmp_path: Path) -> None:
    (tmp_path / "layers.py").write_text(LAYERS, encoding="utf-8")
    (tmp_path / "net.py").write_text(NET, encoding="utf-8")
    (found,) = [f for f in audit_file({"path": str(tmp_path / "net.py")})["findings"] if f["severity"] == "error"]
    assert (found["code"], Path(found["file"]).name, found["line"]) == ("bias-summed-over-everything", "layers.py", 14)
