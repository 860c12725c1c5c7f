"""Dropout and what becomes of it when a program tests: little programs, right and wrong, each of which is run."""

from __future__ import annotations

from pathlib import Path

import pytest

from handgrad.audit.choosing import judged
from handgrad.audit.inspection import Inspection
from handgrad.audit.properties.dropped_units import dropout_when_tested
from handgrad.audit.reading.source import read_program

NET = """
import numpy as np

rng = np.random.default_rng(0)
W1, b1 = rng.standard_normal((6, 9)), np.zeros(9)
W2, b2 = rng.standard_normal((9, 4)), np.zeros(4)

for epoch in range(10):
    for i in range(0, len(x_train), 16):
        x, y = x_train[i:i + 16], y_train[i:i + 16]
        h = np.tanh(x @ W1 + b1)
        MASK
        s = h @ W2 + b2
        p = np.exp(s - s.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        loss = -np.log(p[np.arange(len(y)), y]).mean()
        ds = p.copy()
        ds[np.arange(len(y)), y] -= 1
        ds /= len(y)
        dh = ds @ W2.T * mask * (1 - np.tanh(x @ W1 + b1) ** 2)
        W2 -= 0.1 * h.T @ ds
        b2 -= 0.1 * ds.sum(axis=0)
        W1 -= 0.1 * x.T @ dh
        b1 -= 0.1 * dh.sum(axis=0)
        right = (s.argmax(axis=1) == y).mean()

TEST
"""
PLAIN, SCALED = "mask = np.random.rand(*h.shape) < 0.6", "mask = (np.random.rand(*h.shape) < 0.6) / 0.6"
HIDDEN = "h = np.tanh(x_test @ W1 + b1)\n"
RIGHT = "print((s.argmax(axis=1) == y_test).mean())"


@pytest.mark.parametrize(("mask", "test", "said"), [
    (PLAIN, HIDDEN + "s = h @ W2 + b2\n" + RIGHT, ("dropout-modes-disagree", "h = h * mask")),
    (PLAIN, "print(((np.tanh(x_test @ W1 + b1) @ W2 + b2).argmax(1) == y_test).mean())",
     ("dropout-modes-disagree", "h = h * mask")),
    (SCALED, HIDDEN + "s = h @ W2 + b2\n" + RIGHT, None),
    (PLAIN, HIDDEN + "s = 0.6 * h @ W2 + b2\n" + RIGHT, None),
    (PLAIN, HIDDEN + "s = h @ (0.6 * W2) + b2\n" + RIGHT, None),
    (SCALED, HIDDEN + SCALED + "\nh = h * mask\ns = h @ W2 + b2\n" + RIGHT,
     ("predicts-at-random", SCALED)),
    (SCALED, HIDDEN + "all = [h * (np.random.rand(*h.shape) < 0.6) / 0.6 @ W2 + b2 for _ in range(50)]\n"
     "s = np.mean(all, axis=0)\n" + RIGHT, None),
    (PLAIN, "", None),  # it is never tested
])  # fmt: skip
def test_what_becomes_of_dropout(tmp_path: Path, mask: str, test: str, said: tuple[str, str] | None) -> None:
    path = tmp_path / "net.py"
    path.write_text(NET.replace("MASK", f"{mask}\n        h = h * mask").replace("TEST", test), encoding="utf-8")
    program = read_program(path)
    execution = program.execute()
    before = {name: value for name, value in execution.namespace.items() if isinstance(value, float | int | str)}
    with program.guarded():
        inspection = Inspection(program, execution.namespace, *judged(program, execution.namespace))
        found = dropout_when_tested(inspection)
    assert not [one for one in inspection.diagnosis.findings if one.severity == "error"]
    lines = program.text.split("\n")
    assert [(one.code, lines[(one.line or 0) - 1].strip()) for one in found] == ([said] if said else [])
    assert before.items() <= execution.namespace.items()
    assert "__outputs__" not in execution.namespace
