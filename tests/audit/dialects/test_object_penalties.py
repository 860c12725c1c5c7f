"""Penalties in networks of objects: in the layers' gradients, in the optimizer, and beside the loss that is shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from quick_first import quick_first

from handgrad.audit.session import audit_file

NET = """\
import numpy as np


class Dense:
    def __init__(self, inputs, outputs, l2=0.0):
        self.weights = np.random.randn(inputs, outputs) / np.sqrt(inputs)
        self.biases = np.zeros((1, outputs))
        self.l2 = l2

    def forward(self, inputs):
        self.inputs = inputs
        self.output = inputs @ self.weights + self.biases

    def backward(self, dvalues):
        self.dweights = self.inputs.T @ dvalues + 2 * self.l2 * self.weights
        self.dbiases = dvalues.sum(axis=0, keepdims=True)
        self.dinputs = dvalues @ self.weights.T


class Tanh:
    def forward(self, inputs):
        self.output = np.tanh(inputs)

    def backward(self, dvalues):
        self.dinputs = dvalues * (1 - self.output ** 2)


class SoftmaxLoss:
    def forward(self, inputs, labels):
        e = np.exp(inputs - inputs.max(axis=1, keepdims=True))
        self.output = e / e.sum(axis=1, keepdims=True)
        return -np.log(self.output[np.arange(len(labels)), labels]).mean()

    def backward(self, labels):
        self.dinputs = self.output.copy()
        self.dinputs[np.arange(len(labels)), labels] -= 1
        self.dinputs /= len(labels)


class SGD:
    def __init__(self, rate=0.1, decay=0.0):
        self.rate = rate
        self.decay = decay

    def update_params(self, layer):
        layer.weights -= self.rate * (layer.dweights + self.decay * layer.weights)
        layer.biases -= self.rate * layer.dbiases


class Adagrad:
    def __init__(self, rate=0.1, decay=0.0):
        self.rate = rate
        self.decay = decay

    def update_params(self, layer):
        if not hasattr(layer, "weight_cache"):
            layer.weight_cache = np.zeros_like(layer.weights)
            layer.bias_cache = np.zeros_like(layer.biases)
        layer.weight_cache += layer.dweights ** 2
        layer.bias_cache += layer.dbiases ** 2
        layer.weights -= self.rate * self.decay * layer.weights
        layer.weights -= self.rate * layer.dweights / (np.sqrt(layer.weight_cache) + 1e-7)
        layer.biases -= self.rate * layer.dbiases / (np.sqrt(layer.bias_cache) + 1e-7)


class Model:
    def __init__(self):
        self.layers = [Dense(20, 12, L2), Tanh(), Dense(12, 5)]
        self.head = SoftmaxLoss()
        self.optimizer = OPTIMIZER

    def forward(self, x):
        for layer in self.layers:
            layer.forward(x)
            x = layer.output
        return x

    def train_step(self, x, labels):
        data_loss = self.head.forward(self.forward(x), labels)
        sizes = [np.sum(layer.weights ** 2) for layer in self.layers if isinstance(layer, Dense)]
        regularization_loss = PENALTY
        loss = data_loss + regularization_loss
        self.head.backward(labels)
        dvalues = self.head.dinputs
        for layer in reversed(self.layers):
            layer.backward(dvalues)
            dvalues = layer.dinputs
        for layer in self.layers:
            if isinstance(layer, Dense):
                self.optimizer.update_params(layer)
        return loss


if __name__ == "__main__":
    data = np.load("digits.npz")
    x, labels = data["x"], data["labels"]
    model = Model()
    for epoch in range(10):
        order = np.random.permutation(len(x))
        for start in range(0, len(x), 32):
            rows = order[start:start + 32]
            loss = model.train_step(x[rows], labels[rows])
        print(epoch, loss)
"""
# How a net charges for its weights: what stands for L2, OPTIMIZER and PENALTY.
KINDS = {
    "one layer": ("1e-3", "SGD()", "self.layers[0].l2 * sizes[0]"),
    "plain": ("0.0", "SGD(decay=1e-2)", "0.5 * self.optimizer.decay * sum(sizes)"),
    "adaptive": ("0.0", "Adagrad(decay=1e-2)", "0.5 * self.optimizer.decay * sum(sizes)"),
}
LAYER, DECAY = " + 2 * self.l2 * self.weights", "(layer.dweights + self.decay * layer.weights)"


def told(tmp_path: Path, kind: str, find: str = "", put: str = "") -> list[tuple[str, str]]:
    """(code, the text of the line) of what is wrong with the net, in which a text was replaced."""
    text = NET
    for name, value in zip(("L2)", "OPTIMIZER", "PENALTY"), KINDS[kind], strict=True):
        text = text.replace(name, value + ")" * name.count(")"))
    assert text.count(find) == 1 or not find
    text = text.replace(find, put) if find else text
    path = tmp_path / "net.py"
    path.write_text(text, encoding="utf-8")
    findings = audit_file({"path": str(path)})["findings"]
    lines = text.split("\n")
    return [(one["code"], lines[one["line"] - 1].strip()) for one in findings if one["severity"] != "note"]


@pytest.mark.parametrize("kind", KINDS)
def test_right_penalties_are_right(tmp_path: Path, kind: str) -> None:
    assert told(tmp_path, kind) == []


@pytest.mark.parametrize(
    ("kind", "find", "put", "code", "line"),
    quick_first([
        ("one layer", LAYER, "", "penalty-missing", "self.dweights = self.inputs.T @ dvalues"),
        ("one layer", LAYER, LAYER.replace("+", "-"), "weight-decay-sign", "self.dweights ="),
        ("one layer", LAYER, LAYER.replace("+ 2 *", "+"), "penalty-scaled", "self.dweights ="),
        ("one layer", "self.dbiases = dvalues.sum(axis=0, keepdims=True)",
         "self.dbiases = dvalues.sum(axis=0, keepdims=True) + 2 * self.l2 * self.biases", "weight-decay",
         "self.dbiases ="),
        ("plain", DECAY, "layer.dweights", "penalty-missing", "self.dweights ="),
        ("plain", DECAY, DECAY.replace("+", "-"), "weight-decay-sign", "layer.weights -="),
        ("plain", "0.5 * self.optimizer", "self.optimizer", "penalty-scaled", "layer.weights -="),
        ("plain", "self.rate * layer.dbiases\n", "self.rate * (layer.dbiases + self.decay * layer.biases)\n",
         "weight-decay", "layer.biases -="),
        ("adaptive", "        layer.weights -= self.rate * self.decay * layer.weights\n", "", "penalty-missing",
         "self.dweights ="),
    ], lambda case: case[0]),
)  # fmt: skip
def test_wrong_penalties_have_their_names_and_lines(
    tmp_path: Path, kind: str, find: str, put: str, code: str, line: str
) -> None:
    said = [one for one in told(tmp_path, kind, find, put) if not one[0].startswith("optimizer-")]
    assert [one[0] for one in said] == [code]
    assert said[0][1].startswith(line)
