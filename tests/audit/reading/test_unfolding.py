"""Scripts that stand in a function: read as if their statements stood where it is called."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from handgrad.audit import session
from handgrad.audit.reading.source import read_program
from handgrad.audit.reading.unfolding import unfolded

NET = """
import numpy as np
from sklearn.datasets import load_digits


class Dense:
    def __init__(self, units):
        self.units = units

    def begin(self, inputs):
        self.w = np.random.randn(inputs, self.units) / np.sqrt(inputs)
        self.b = np.zeros(self.units)

    def forward_pass(self, x, training):
        self.x = x
        return x @ self.w + self.b

    def backward_pass(self, d, rate):
        below = d @ self.w.T
        self.w -= rate * self.x.T @ d
        self.b -= rate * d.sum(axis=0)
        return below


class Relu:
    units = None

    def forward_pass(self, x, training):
        self.on = x > 0
        return x * self.on

    def backward_pass(self, d, rate):
        return d * self.on


class Dropout:
    units = None

    def __init__(self, share):
        self.p = share

    def forward_pass(self, x, training):
        self.mask = np.random.rand(*x.shape) >= self.p if training else 1 - self.p
        return x * self.mask

    def backward_pass(self, d, rate):
        return d * self.mask


class Network:
    def __init__(self, inputs):
        self.layers, self.width = [], inputs

    def add(self, layer):
        if layer.units is not None:
            layer.begin(self.width)
            self.width = layer.units
        self.layers.append(layer)

    def forward_pass(self, x, training=True):
        for layer in self.layers:
            x = layer.forward_pass(x, training)
        e = np.exp(x - x.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def train_on_batch(self, x, y, rate):
        p = self.forward_pass(x)
        loss = -np.mean(np.log(p[np.arange(len(x)), y]))
        d = (p - np.eye(p.shape[1])[y]) / len(x)
        for layer in reversed(self.layers):
            d = layer.backward_pass(d, rate)
        return loss

    def fit(self, x, y, epochs, rate):
        for epoch in range(epochs):
            print(epoch, self.train_on_batch(x, y, rate))


def main(hidden=32):
    digits = load_digits()
    x, y = digits.data / 16, digits.target
    rows, width = x.shape
    net = Network(width)
    net.add(Dense(hidden))
    net.add(Relu())
    net.add(Dropout(0.25))
    net.add(Dense(10))
    net.fit(x, y, epochs=20, rate=0.1)
    return net


if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("", "", []),
        ("return d * self.on", "return d", [("activation-derivative-missing", "return d")]),
        ("rows, width = x.shape\n    net = Network(width)", "net = Network(x.shape[1])", []),
    ],
)
def test_a_network_that_main_builds_on_data_it_loads(
    old: str, new: str, said: list[tuple[str, str]], tmp_path: Path
) -> None:
    text = NET.replace(old, new) if old else NET
    (tmp_path / "net.py").write_text(text, encoding="utf-8")
    answer = session.audit_file({"path": str(tmp_path / "net.py")})
    assert answer["subject"]["sizes"] == [12, 32, 10]
    assert answer["subject"]["found"]["put_aside"] == "p"
    lines = text.split("\n")
    found = [(f["code"], lines[f["line"] - 1].strip()) for f in answer["findings"] if f["severity"] != "note"]
    assert found == said


def flat(text: str, folder: Path) -> str | None:
    """The text of a program that is unfolded."""
    (folder / "one.py").write_text(text, encoding="utf-8")
    program = unfolded(read_program(folder / "one.py"))
    return None if program is None else ast.unparse(program.tree)


def test_what_a_call_hands_over_is_bound(tmp_path: Path) -> None:
    text = "def go(a, b=2, *, c=3):\n    d = a + b + c\n    if d:\n        return d\n    e = d\n\ngo(1, c=5)\n"
    body = "a = 1\nb = 2\nc = 5\nd = a + b + c\nif d:\n    pass\ne = d"
    assert flat(text, tmp_path) == text[: text.index("\n\ngo")] + "\n" + body


def test_calls_within_calls(tmp_path: Path) -> None:
    text = "def inner():\n    x = 1\n\ndef main():\n    inner()\n\nif __name__ == '__main__':\n    main()\n"
    found = flat(text, tmp_path)
    assert found is not None
    assert found.endswith("if __name__ == '__main__':\n    x = 1")


@pytest.mark.parametrize(
    "text",
    [
        "x = 1\n",
        "def main(a):\n    x = a\n\nmain()\n",  # a has no value
        "def main(*a):\n    x = a\n\nmain(1)\n",
        "def main():\n    yield 1\n\nmain()\n",
        "def main(a=1):\n    x = a\n\nmain(**{})\n",
    ],
)
def test_what_does_not_mean_the_same_there_is_left(text: str, tmp_path: Path) -> None:
    assert flat(text, tmp_path) is None


def test_a_function_that_calls_itself_ends(tmp_path: Path) -> None:
    found = flat("def main():\n    x = 1\n    main()\n\nmain()\n", tmp_path)
    assert found is not None
    assert found.count("x = 1") == 4  # the function's own, and three calls
