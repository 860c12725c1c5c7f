"""Layers of a package that are made to be judged alone, whatever their ways are called and however sizes are asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from handgrad.audit.reading.sandbox import run_in_child

LAYERS = """
import numpy as np

class Norm:
    def __init__(self, normalized_shape, eps=1e-5):
        self.eps = eps
        self.gamma, self.beta = np.ones((1, normalized_shape)), np.zeros((1, normalized_shape))

    def forwardPropagation(self, x):
        self.std = np.sqrt(x.var(axis=-1, keepdims=True) + self.eps)
        self.normalised = (x - x.mean(axis=-1, keepdims=True)) / self.std
        return self.gamma * self.normalised + self.beta

    def backwardPropagation(self, error):
        self.dgamma = (error * self.normalised).sum(axis=0, keepdims=True)
        self.dbeta = error.sum(axis=0, keepdims=True)
        d = error * self.gamma
        along = (d * self.normalised).mean(axis=-1, keepdims=True)
        inner = d - d.mean(axis=-1, keepdims=True) - self.normalised * along
        return inner / self.std

class Dropout:
    def __init__(self, probability=0.5):
        self.probability = probability

    def forward(self, x, training=True):
        if not training:
            return x
        self.mask = np.random.rand(*x.shape) > self.probability
        return x * self.mask / (1 - self.probability)

    def _backpropagation(self, gradient):
        return gradient * self.mask / (1 - self.probability)
"""


def audited(folder: Path, text: str) -> dict[str, Any]:
    path = folder / "layers.py"
    path.write_text(text, encoding="utf-8")
    return run_in_child("handgrad.audit.session:audit_file", {"path": str(path)})


def test_right_ones_are_judged_and_silent(tmp_path: Path) -> None:
    found = audited(tmp_path, LAYERS)
    assert found["findings"] == []
    assert found["subject"]["found"] == {"layers": "Norm, Dropout"}


def test_an_error_that_is_handed_on_is_told(tmp_path: Path) -> None:
    found = audited(tmp_path, LAYERS.replace("return inner / self.std", "return error"))
    assert [(one["code"], one["where"]) for one in found["findings"]] == [("norm-passed-through", ["Norm"])]


def test_a_mask_that_is_left_out_is_told(tmp_path: Path) -> None:
    found = audited(tmp_path, LAYERS.replace("gradient * self.mask", "gradient"))
    assert [(one["code"], one["where"]) for one in found["findings"]] == [("dropout-mask-not-applied", ["Dropout"])]


DENSE = """
import numpy as np

class Dense:
    def __init__(self, inputs, outputs, activation):
        self.weights, self.bias = 0.3 * np.random.randn(inputs, outputs), np.zeros((1, outputs))
        self.activation = activation

    def forward(self, x):
        self.x = x
        self.output = self.activation(x @ self.weights + self.bias)
        return self.output

    def backward(self, error, learning_rate):
        error = error * self.activation(self.output, derivative=True)
        below = error @ self.weights.T
        self.weights -= learning_rate * self.x.T @ error
        self.bias -= learning_rate * error.sum(axis=0, keepdims=True)
        return below

def cosine(z, derivative=False):
    return -np.sin(z) if derivative else np.cos(z)

def sigmoid(z, derivative=False):
    s = 1 / (1 + np.exp(-z))
    return s * (1 - s) if derivative else s

layers = [Dense(6, 5, cosine), Dense(5, 1, sigmoid)]
"""


def test_a_layer_of_a_single_output_that_bends_it_has_its_mistake_named(tmp_path: Path) -> None:
    told = {one["code"]: one["where"] for one in audited(tmp_path, DENSE)["findings"]}
    assert told["derivative-at-output"] == ["Dense"]
    right = DENSE.replace("self.output, derivative", "self.z, derivative").replace(
        "self.output = self", "self.z = x @ self.weights + self.bias\n        self.output = self"
    )
    assert audited(tmp_path, right)["findings"] == []


HANDED_ITS_OUTPUT = """
import numpy as np

class TanhLayer:
    def __init__(self, inputs, outputs):
        self.W, self.b = 0.3 * np.random.randn(outputs, inputs), np.zeros(outputs)
        self.DW, self.Db = np.zeros((outputs, inputs)), np.zeros(outputs)

    def feedforward(self, X):
        self.X = X
        return np.tanh(X @ self.W.T + self.b)

    def backpropagate(self, Y, DY):
        DZ = DY * (1 - Y * Y)
        self.DW[:] = DZ.T @ self.X
        self.Db[:] = DZ.sum(axis=0)
        self.DX = DZ @ self.W
"""


def test_a_layer_that_is_handed_its_own_output_is_judged(tmp_path: Path) -> None:
    found = audited(tmp_path, HANDED_ITS_OUTPUT)
    assert (found["findings"], found["subject"]["found"]) == ([], {"layers": "TanhLayer"})
    wrong = audited(tmp_path, HANDED_ITS_OUTPUT.replace("1 - Y * Y", "1 - np.tanh(Y) ** 2"))
    assert [one["code"] for one in wrong["findings"]] == ["derivative-at-output"]
