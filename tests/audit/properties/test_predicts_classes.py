"""Predictions that are classes, made by a model that stands in a module: a dropout that is left on there is seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from handgrad.audit.reading.sandbox import run_in_child

MODELS = """
import numpy as np

class Dense:
    def __init__(self, inputs, outputs, bend=None, slope=None):
        self.W, self.b = np.random.randn(inputs, outputs) * np.sqrt(2 / inputs), np.zeros((1, outputs))
        self.bend, self.slope = bend, slope

    def forward(self, x, training=True):
        self.x, self.z = x, x @ self.W + self.b
        return self.bend(self.z)

    def backward(self, d):
        d = d if self.slope is None else d * self.slope(self.z)
        self.dW, self.db = self.x.T @ d / len(d), d.mean(axis=0, keepdims=True)
        return d @ self.W.T

class Dropout:
    def __init__(self, rate):
        self.rate = rate

    def forward(self, x, training=True):
        if not training:
            return x
        self.mask = (np.random.rand(*x.shape) > self.rate) / (1 - self.rate)
        return x * self.mask

    def backward(self, d):
        return d * self.mask

def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)

class Model:
    def __init__(self, layers, alpha=0.1):
        self.layers, self.alpha = layers, alpha

    def forward_prop(self, x, training=True):
        for layer in self.layers:
            x = layer.forward(x, training=training)
        return x

    def predict(self, x):
        return np.argmax(self.forward_prop(x), axis=1)

    def fit(self, x, y, epochs=5):
        for _ in range(epochs):
            p = self.forward_prop(x, training=True)
            loss = -np.mean(np.log(p[np.arange(len(y)), y] + 1e-12))
            d = p - np.eye(p.shape[1])[y]
            for layer in reversed(self.layers):
                d = layer.backward(d)
            for layer in self.layers:
                if hasattr(layer, "W"):
                    layer.W -= self.alpha * layer.dW
                    layer.b -= self.alpha * layer.db
            print(loss)
"""
MAIN = """
import numpy as np
from models import Dense, Dropout, Model, softmax

def relu(z):
    return np.maximum(0, z)

def relu_slope(z):
    return (z > 0) * 1.0

x, y = np.random.rand(200, 30), np.random.randint(0, 5, 200)
model = Model([Dense(30, 24, relu, relu_slope), Dropout(0.15), Dense(24, 5, softmax)])
model.fit(x, y)
print((model.predict(x) == y).mean())
"""


def audited(folder: Path, models: str) -> dict[str, Any]:
    (folder / "models.py").write_text(models, encoding="utf-8")
    (folder / "main.py").write_text(MAIN, encoding="utf-8")
    return run_in_child("handgrad.audit.session:audit_file", {"path": str(folder / "main.py")})


def test_a_dropout_that_works_on_in_predictions_is_told_in_its_module(tmp_path: Path) -> None:
    (finding,) = audited(tmp_path, MODELS)["findings"]
    assert (finding["code"], finding["severity"]) == ("predicts-at-random", "warning")
    assert finding["file"].endswith("models.py")
    assert "np.argmax(self.forward_prop(x)" in MODELS.split("\n")[finding["line"] - 1]


def test_one_that_is_switched_off_is_right(tmp_path: Path) -> None:
    right = MODELS.replace("self.forward_prop(x), axis", "self.forward_prop(x, training=False), axis")
    assert audited(tmp_path, right)["findings"] == []
