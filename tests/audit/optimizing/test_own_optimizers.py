"""Layers that carry an optimizer each, and step on the way back: read as they stand, and their mistakes found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from handgrad.audit.session import audit_file

ADAM = """
import numpy as np

class Adam:
    def __init__(self, lr=0.001, b1=0.9, b2=0.999):
        self.lr, self.b1, self.b2 = lr, b1, b2
        self.m = self.v = None
        self.t = 0

    def update(self, w, g):
        if self.m is None:
            self.m, self.v = np.zeros_like(w), np.zeros_like(w)
        self.t += 1
        self.m = self.b1 * self.m + (1 - self.b1) * g
        self.v = self.b2 * self.v + (1 - self.b2) * g**2
        w -= self.lr * (self.m / (1 - self.b1**self.t)) / (np.sqrt(self.v / (1 - self.b2**self.t)) + 1e-8)
"""
LAYERS = """
import numpy as np
from adam import Adam

class Dense:
    def __init__(self, n_in, n_out, bent=True):
        self.w = np.random.randn(n_in, n_out) * np.sqrt(2 / n_in)
        self.b = np.zeros((1, n_out))
        self.bent = bent
        self.for_w, self.for_b = Adam(), Adam()

    def forward(self, x):
        self.x = x
        self.z = x @ self.w + self.b
        if self.bent:
            return np.maximum(0, self.z)
        e = np.exp(self.z - self.z.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def backward(self, d):
        d = d * (self.z > 0) if self.bent else d
        below = d @ self.w.T
        self.for_w.update(self.w, self.x.T @ d)
        self.for_b.update(self.b, d.sum(axis=0, keepdims=True))
        return below
"""
MAIN = """
import numpy as np
from layers import Dense

class Net:
    def __init__(self, layers):
        self.layers = layers

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, d):
        for layer in reversed(self.layers):
            d = layer.backward(d)

    def fit(self, X, T, epochs=5, batch_size=32):
        for epoch in range(epochs):
            for i in range(0, len(X), batch_size):
                x, t = X[i:i + batch_size], T[i:i + batch_size]
                y = self.forward(x)
                loss = -np.mean(np.sum(t * np.log(y + 1e-9), axis=1))
                self.backward((y - t) / len(t))
            print(epoch, loss)

X = np.random.rand(200, 9)
T = np.eye(4)[np.random.randint(0, 4, 200)]
net = Net([Dense(9, 7), Dense(7, 4, bent=False)])
net.fit(X, T)
"""
EARLY = ("        return below", "        return d @ self.w.T")


@pytest.fixture
def package(tmp_path: Path) -> dict[str, Path]:
    files = {"adam.py": ADAM, "layers.py": LAYERS, "main.py": MAIN}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    return {name: tmp_path / name for name in files}


def _errors(path: Path) -> list[dict[str, Any]]:
    answer = audit_file({"path": str(path)})
    assert answer["subject"]["dialect"] != "pieces"
    return [one for one in answer["findings"] if one["severity"] != "note"]


def test_an_update_in_a_module_is_one(package: dict[str, Path]) -> None:
    assert _errors(package["main.py"]) == []


def test_weights_that_are_changed_before_the_error_passes(package: dict[str, Path]) -> None:
    text = package["layers.py"].read_text().replace(*EARLY)
    package["layers.py"].write_text(text)
    (found,) = _errors(package["main.py"])
    assert (found["code"], Path(found["file"]).name) == ("updated-too-early", "layers.py")
    assert "for_w.update" in text.splitlines()[found["line"] - 1]


def test_settings_that_layers_give_their_optimizers(package: dict[str, Path]) -> None:
    text = (
        package["layers.py"].read_text().replace("= Adam(), Adam()", "= Adam(0.01, 0.999, 0.9), Adam(0.01, 0.999, 0.9)")
    )
    package["layers.py"].write_text(text)
    (found,) = _errors(package["main.py"])
    assert (found["code"], Path(found["file"]).name) == ("optimizer-betas-swapped", "adam.py")


def test_plain_descent_for_biases_beside_adam(package: dict[str, Path]) -> None:
    text = package["layers.py"].read_text()
    text = text.replace("self.for_b.update(self.b, d.sum(axis=0, keepdims=True))",
                        "self.b -= self.for_w.lr * d.sum(axis=0, keepdims=True)")  # fmt: skip
    package["layers.py"].write_text(text)
    answer = audit_file({"path": str(package["main.py"])})
    assert answer["ok"]
    assert answer["subject"]["sizes"] == [9, 7, 4]
    package["layers.py"].write_text(text.replace("d.sum(axis=0, keepdims=True)", "d.mean(axis=0, keepdims=True)"))
    assert [one["code"] for one in _errors(package["main.py"])] == ["averaged-twice"]


TOLD = """
import numpy as np

def relu(z):
    return np.maximum(0, z)

class Net:
    def __init__(self, sizes, lr=0.001, b1=0.9, b2=0.999):
        self.lr, self.b1, self.b2 = lr, b1, b2
        self.w = [np.random.randn(a, b) * np.sqrt(2 / a) for a, b in zip(sizes, sizes[1:])]
        self.m = [np.zeros_like(w) for w in self.w]
        self.v = [np.zeros_like(w) for w in self.w]

    def forward(self, x):
        self.a = [x]
        for i, w in enumerate(self.w):
            x = x @ w
            x = relu(x) if i < len(self.w) - 1 else x
            self.a.append(x)
        return x

    def backward(self, y, t):
        d = 2 * (self.a[-1] - y) / y.size
        for i in reversed(range(len(self.w))):
            g = self.a[i].T @ d
            self.m[i] = self.b1 * self.m[i] + (1 - self.b1) * g
            self.v[i] = self.b2 * self.v[i] + (1 - self.b2) * g**2
            m, v = self.m[i] / (1 - self.b1**t), self.v[i] / (1 - self.b2**t)
            if i:
                d = (d @ self.w[i].T) * (self.a[i] > 0)
            self.w[i] -= self.lr * m / (np.sqrt(v) + 1e-8)

    def train(self, X, Y, epochs, batch_size=16):
        t = 0
        for epoch in range(epochs):
            for i in range(0, len(X), batch_size):
                t += 1
                y = self.forward(X[i:i + batch_size])
                self.backward(Y[i:i + batch_size], t)
                loss = np.mean((y - Y[i:i + batch_size]) ** 2)
            print(loss)

net = Net([6, 5, 3])
net.train(np.random.rand(64, 6), np.random.rand(64, 3), 10)
"""
COUNTS = {
    "": ("", "", []),
    "exchanged": ("b1=0.9, b2=0.999", "b1=0.999, b2=0.9", ["optimizer-betas-swapped"]),
}


@pytest.mark.parametrize("name", COUNTS)
def test_a_step_is_told_its_number_by_its_caller(name: str, tmp_path: Path) -> None:
    old, new, wanted = COUNTS[name]
    path = tmp_path / "net.py"
    path.write_text(TOLD.replace(old, new) if old else TOLD)
    assert [one["code"] for one in _errors(path) if one["severity"] == "error"] == wanted


SHARED = """
import numpy as np

class Adam:
    def __init__(self, lr=0.001, b1=0.9, b2=0.999):
        self.lr, self.b1, self.b2, self.t = lr, b1, b2, 0

    def before(self):
        self.t += 1

    def update(self, layer):
        if not hasattr(layer, "mw"):
            layer.mw, layer.vw = np.zeros_like(layer.w), np.zeros_like(layer.w)
            layer.mb, layer.vb = np.zeros_like(layer.b), np.zeros_like(layer.b)
        layer.mw = self.b1 * layer.mw + (1 - self.b1) * layer.dw
        layer.vw = self.b2 * layer.vw + (1 - self.b2) * layer.dw**2
        layer.mb = self.b1 * layer.mb + (1 - self.b1) * layer.db
        layer.vb = self.b2 * layer.vb + (1 - self.b2) * layer.db**2
        first, second = 1 - self.b1**self.t, 1 - self.b2**self.t
        layer.w -= self.lr * (layer.mw / first) / (np.sqrt(layer.vw / second) + 1e-8)
        layer.b -= self.lr * (layer.mb / first) / (np.sqrt(layer.vb / second) + 1e-8)
"""
NET = """
import numpy as np

class Dense:
    def __init__(self, n_in, n_out):
        self.w, self.b = np.random.randn(n_in, n_out) * 0.3, np.zeros((1, n_out))

    def forward(self, x):
        self.x = x
        return x @ self.w + self.b

    def backward(self, d):
        self.dw, self.db = self.x.T @ d, d.sum(axis=0, keepdims=True)
        return d @ self.w.T

class Tanh:
    def forward(self, x):
        self.y = np.tanh(x)
        return self.y

    def backward(self, d):
        return d * (1 - self.y**2)

class Net:
    def __init__(self, layers, optimizer):
        self.layers, self.optimizer = layers, optimizer

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, d):
        for layer in reversed(self.layers):
            d = layer.backward(d)

    def fit(self, X, T, epochs=5):
        for epoch in range(epochs):
            y = self.forward(X)
            loss = np.mean((y - T) ** 2)
            self.backward(2 * (y - T) / T.size)
            self.optimizer.before()
            for layer in self.layers:
                if hasattr(layer, "w"):
                    self.optimizer.update(layer)
            print(epoch, loss)
"""
START = """
import numpy as np
from shared import Adam
from net import Dense, Net, Tanh

net = Net([Dense(9, 7), Tanh(), Dense(7, 4)], Adam())
net.fit(np.random.rand(50, 9), np.random.rand(50, 4))
"""
IN_USE = {
    "right": ("", "", []),
    "biases stay": ("        layer.b -= self.lr * (layer.mb", "        step = self.lr * (layer.mb", ["never-updated"]),
}


@pytest.mark.parametrize("name", IN_USE)
def test_an_optimizer_in_a_module_of_its_own(name: str, tmp_path: Path) -> None:
    old, new, wanted = IN_USE[name]
    for file, text in {
        "shared.py": SHARED.replace(old, new) if old else SHARED,
        "net.py": NET,
        "main.py": START,
    }.items():
        (tmp_path / file).write_text(text)
    found = _errors(tmp_path / "main.py")
    assert [one["code"] for one in found] == wanted
    assert all(Path(one["file"]).name == "shared.py" for one in found)
