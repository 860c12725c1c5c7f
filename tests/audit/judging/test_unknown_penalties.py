"""Penalties in networks that the audit does not know, from the file to the line."""

from pathlib import Path

import pytest
from quick_first import quick_first

from handgrad.audit.session import audit_file

# A gated hidden layer, which is none of the networks that are known.
NET = """
import numpy as np


class Gated:
    def __init__(self, inputs=12, hidden=9, outputs=4, strength=0.002):
        rng = np.random.default_rng(4)
        self.W = rng.normal(0, 0.4, (inputs, hidden))
        self.V = rng.normal(0, 0.4, (inputs, hidden))
        self.U = rng.normal(0, 0.4, (hidden, outputs))
        self.c = np.zeros(outputs)
        self.strength = strength

    def forward(self, x):
        self.x = x
        self.gate = 1 / (1 + np.exp(-x @ self.V))
        self.a = np.tanh(x @ self.W)
        self.h = self.gate * self.a
        s = self.h @ self.U + self.c
        e = np.exp(s - s.max(axis=1, keepdims=True))
        self.p = e / e.sum(axis=1, keepdims=True)
        return self.p

    def loss(self, y):
        data = -np.log(self.p[np.arange(len(y)), y]).mean()
        return data + 0.5 * self.strength * sum((m ** 2).sum() for m in (self.W, self.V, self.U))

    def backward(self, y):
        d = self.p.copy()
        d[np.arange(len(y)), y] -= 1
        d /= len(y)
        dh = d @ self.U.T
        self.dU = self.h.T @ d + self.strength * self.U
        self.dc = d.sum(axis=0)
        self.dW = self.x.T @ (dh * self.gate * (1 - self.a ** 2)) + self.strength * self.W
        self.dV = self.x.T @ (dh * self.a * self.gate * (1 - self.gate)) + self.strength * self.V

    def step(self, lr):
        self.W -= lr * self.dW
        self.V -= lr * self.dV
        self.U -= lr * self.dU
        self.c -= lr * self.dc


def train(net, x, y, lr=0.1, epochs=10):
    for epoch in range(epochs):
        net.forward(x)
        print(net.loss(y))
        net.backward(y)
        net.step(lr)
"""
GRADIENTS = ("self.strength * self.U", "self.strength * self.W", "self.strength * self.V")
CHARGE = " + 0.5 * self.strength * sum((m ** 2).sum() for m in (self.W, self.V, self.U))"
CASES = {
    "right": ([], set()),
    "missing": ([(f" + {one}", "") for one in GRADIENTS], {("penalty-missing", "error")}),
    "climbs": ([(f"+ {one}", f"- {one}") for one in GRADIENTS], {("weight-decay-sign", "error")}),
    "twice": ([(f"+ {one}", f"+ 2 * {one}") for one in GRADIENTS], {("penalty-scaled", "warning")}),
    "not charged": ([(CHARGE, "")], {("weight-decay", "note")}),
    "bias": ([("d.sum(axis=0)", "d.sum(axis=0) + self.strength * self.c")], {("weight-decay", "warning")}),
}


@pytest.mark.parametrize("case", quick_first(CASES, lambda case: bool(CASES[case][1])))
def test_a_share_of_the_weights_in_an_unknown_network(case: str, tmp_path: Path) -> None:
    edits, said = CASES[case]
    text = NET
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "gated.py"
    path.write_text(text, encoding="utf-8")
    findings = audit_file({"path": str(path)})["findings"]
    assert {(one["code"], one["severity"]) for one in findings} == said
    if said:
        (line,) = {text.split("\n")[one["line"] - 1] for one in findings}
        assert "self.d" in line


def test_a_layer_with_a_strength_of_its_own(tmp_path: Path) -> None:
    """Half of it is left out, which is as much as all that the first layers are charged; it is not missing for that."""
    text = NET.replace("(self.W, self.V, self.U))", "(self.W, self.V)) + self.strength * (self.U ** 2).sum()")
    path = tmp_path / "gated.py"
    path.write_text(text, encoding="utf-8")
    errors = [one for one in audit_file({"path": str(path)})["findings"] if one["severity"] != "note"]
    assert [one["code"] for one in errors] == ["penalty-scaled"]
    path.write_text(text.replace(GRADIENTS[0], f"2 * {GRADIENTS[0]}"), encoding="utf-8")
    assert audit_file({"path": str(path)})["ok"]
