"""Gathering: what is said of whole files, from museum nets that are right and small edits of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from quick_first import quick_first

from handgrad.audit.reading.sandbox import run_in_child

NETS = Path(__file__).parents[1] / "museum/nets"


def audited(net: str, folder: Path, *edits: tuple[str, str]) -> dict[str, Any]:
    """The report on a net of the museum with each text replaced once."""
    text = (NETS / net).read_text(encoding="utf-8")
    for old, new in edits:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    file = folder / Path(net).name
    file.write_text(text, encoding="utf-8")
    return run_in_child("handgrad.audit.session:audit_file", {"path": str(file)}, seconds=60)


def loud(report: dict[str, Any]) -> dict[str, str]:
    """Code -> the text of its line, for what is no note."""
    lines = Path(report["subject"]["file"])
    text = lines.read_text(encoding="utf-8").split("\n")
    return {f["code"]: text[f["line"] - 1].strip() for f in report["findings"] if f["severity"] != "note"}


@pytest.mark.parametrize(
    ("net", "hidden"),
    [
        ("modules/adamw_gelu.py", "gelu(tanh)"),  # its loss is near that of the other form, its slope is not
        ("modules/tanh_softmax.py", "tanh"),  # it learns one-hot labels, and tests with whole numbers
        ("modules/nesterov.py", "sigmoid"),  # its layers are a list at top level, which its optimizer holds as well
    ],
)
def test_a_right_network_is_known(net: str, hidden: str, tmp_path: Path) -> None:
    report = audited(net, tmp_path)
    assert loud(report) == {}
    assert report["subject"]["hidden"] == hidden


@pytest.mark.parametrize(
    ("step", "code"),
    [
        ("value -= lr * found[name] / len(y)", "averaged-twice"),
        ("value += lr * found[name]", "sign-flipped"),
        ("value = value - lr * found[name]", "never-updated"),
    ],
)
def test_a_step_is_looked_at_beside_right_gradients(step: str, code: str, tmp_path: Path) -> None:
    report = audited("glue/logistic_stack.py", tmp_path, ("value -= lr * found[name]", step))
    assert loud(report) == {code: step}


def test_a_step_with_a_memory_is_left_alone_beside_right_gradients(tmp_path: Path) -> None:
    memory = "value -= lr * speed.setdefault(name, Momentum()).after(found[name])"
    body = "self.v = 0.9 * self.v + g\n        return self.v"
    kind = f"class Momentum:\n    v = 0\n\n    def after(self, g):\n        {body}"
    edits = ("def activate", f"{kind}\n\n\nspeed = {{}}\n\n\ndef activate"), ("value -= lr * found[name]", memory)
    assert loud(audited("glue/logistic_stack.py", tmp_path, *edits)) == {}


@pytest.mark.parametrize(
    ("net", "old", "new", "code", "line"),
    quick_first(
        [
            (
                "modules/mlp_gz.py",
                " * np.sqrt(2.0 / n_in)",
                "",
                "first-loss-high",
                "self.W = np.random.randn(n_in, n_out)",
            ),
            ("modules/tanh_softmax.py", "Softmax())", "Softmax(), Softmax())", "softmax-twice", "net = Network("),
            (
                "modules/mlp_gz.py",
                "model.forward(x), axis=1",
                "model.forward(x), axis=0",
                "accuracy-wrong-axis",
                "return np.m",
            ),
            (
                "nnfs/mnist_classes.py",
                "dense3.output, axis=1",
                "dense3.output, axis=0",
                "accuracy-wrong-axis",
                "predictions",
            ),
            (
                "columns/kaggle_digits.py",
                "np.argmax(A2, 0)",
                "np.argmax(A2, 1)",
                "accuracy-wrong-axis",
                "return np.argmax",
            ),
            ("unrolled/digits_tanh.py", "t[range(len(y)), y] = 1", "t[:, y] = 1", "one-hot-wrong", "t[:, y] = 1"),
        ],
        lambda case: case[3] == "accuracy-wrong-axis",
    ),
)
def test_a_property_points_at_its_line(net: str, old: str, new: str, code: str, line: str, tmp_path: Path) -> None:
    found = loud(audited(net, tmp_path, (old, new)))
    assert list(found) == [code]
    assert found[code].startswith(line)


@pytest.mark.slow
def test_values_that_lie_beside_their_gradients_are_weights(tmp_path: Path) -> None:
    """Its parameters are called data, as batches are elsewhere."""
    kept = "self.x = x\n        self.xhat = (x"
    wrong = ("dout * self.xhat).sum(axis=0)", "dout * self.x).sum(axis=0)"), ("self.xhat = (x", kept)
    report = audited("modules/regular_net.py", tmp_path, ("Linear(784, 100)", "Linear(64, 100)"), *wrong)
    assert report["subject"]["found"]["forward"] == "Sequential.forward"
    assert loud(report) == {"norm-gain-by-input": "self.gamma.grad = (dout * self.x).sum(axis=0)"}


def test_of_an_average_taken_twice_only_lines_that_divide_are_told(tmp_path: Path) -> None:
    net = """
import numpy as np

class MLP:
    def __init__(self):
        self.W1, self.b1 = np.random.randn(20, 12) * 0.3, np.zeros(12)
        self.W2, self.b2 = np.random.randn(12, 5) * 0.4, np.zeros(5)

    def forward(self, x):
        self.x = x
        self.h = np.maximum(0, x @ self.W1 + self.b1)
        z = self.h @ self.W2 + self.b2
        e = np.exp(z - z.max(axis=1, keepdims=True))
        self.p = e / e.sum(axis=1, keepdims=True)
        return self.p

    def loss(self, p, y):
        return -np.mean(np.log(p[np.arange(len(y)), y] + 1e-12))

    def backward(self, y):
        d = self.p.copy()
        d[np.arange(len(y)), y] -= 1
        d /= len(y)
        d /= len(y)
        self.dW2, self.db2 = self.h.T @ d, d.sum(axis=0)
        dh = d @ self.W2.T
        dh[self.h <= 0] = 0
        self.dW1, self.db1 = self.x.T @ dh, dh.sum(axis=0)

    def step(self, lr):
        for name in ("W1", "b1", "W2", "b2"):
            setattr(self, name, getattr(self, name) - lr * getattr(self, "d" + name))
"""
    file = tmp_path / "net.py"
    file.write_text(net, encoding="utf-8")
    (found,) = run_in_child("handgrad.audit.session:audit_file", {"path": str(file)})["findings"]
    assert found["code"] == "averaged-twice"
    told = [net.split("\n")[int(line) - 1].strip() for line in found["measured"]["lines"].split(", ")]
    assert told == ["d /= len(y)"] * 2


VELOCITY = """
import numpy as np


class Dense:
    def __init__(self, inputs, outputs):
        self.w, self.dw = np.random.randn(inputs, outputs) / 3, np.zeros((inputs, outputs))

    def forward(self, x):
        self.x = x
        return x @ self.w

    def backward(self, d):
        self.dw = self.x.T @ d
        return d @ self.w.T


class Descent:
    def __init__(self, layers, lr=0.1, momentum=0.9):
        self.layers, self.lr, self.momentum = layers, lr, momentum
        self.v = [np.zeros_like(one.w) for one in layers]

    def step(self):
        for one, v in zip(self.layers, self.v):
            v *= self.momentum
            v += one.dw
            one.w -= self.lr * v


layers = [Dense(5, 6), Dense(6, 3)]
optimizer = Descent(layers)
x, y = np.random.rand(40, 5), np.random.rand(40, 3)
for epoch in range(10):
    a = layers[0].forward(x)
    out = layers[1].forward(np.tanh(a))
    loss = np.mean((out - y) ** 2)
    layers[0].backward(layers[1].backward(2 * (out - y) / y.size) * (1 - np.tanh(a) ** 2))
    optimizer.step()
"""


def test_momentum_stands_at_the_optimizer_that_the_loop_calls(tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text(VELOCITY, encoding="utf-8")
    report = run_in_child("handgrad.audit.session:audit_file", {"path": str(file)}, seconds=60)
    (note,) = report["findings"]
    lines = VELOCITY.split("\n")
    assert note["code"] == "momentum"
    assert lines[note["line"] - 1].strip() == "def step(self):"
