"""Which loss a file's gradients are held against, where its training loop tells none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from quick_first import quick_first

from handgrad.audit.reading.sandbox import run_in_child

TRAINS = """
import numpy as np
from sklearn.datasets import load_digits

def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)

def cost(p, t):
    return COST

rng = np.random.default_rng(0)
W1, b1 = rng.normal(0, 0.1, (64, 30)), np.zeros(30)
W2, b2 = rng.normal(0, 0.1, (30, 10)), np.zeros(10)
X, y = load_digits(return_X_y=True)
X = X / 16.0
T = np.eye(10)[y]
for epoch in range(10):
    order = rng.permutation(len(X))
    for i in range(0, len(X), 32):
        rows = order[i : i + 32]
        x, t = X[rows], T[rows]
        h = np.tanh(x @ W1 + b1)
        p = softmax(h @ W2 + b2)
        d = (p - t) / len(x)
        dh = (d @ W2.T) * (1 - h**2)
        W2 -= 0.5 * (h.T @ d)
        b2 -= 0.5 * d.sum(axis=0)
        W1 -= 0.5 * (x.T @ dh)
        b1 -= 0.5 * dh.sum(axis=0)
    SHOWN
"""
SQUARED, ABSOLUTE = "0.5 * np.mean(np.sum((p - t) ** 2, axis=1))", "np.mean(np.abs(p - t))"
CROSS_ENTROPY = "-np.mean(np.sum(t * np.log(p + 1e-12), axis=1))"


@pytest.mark.parametrize(
    ("cost", "shown", "codes"),
    quick_first(
        [
            (CROSS_ENTROPY, "print(epoch, cost(p, t))", set()),
            (SQUARED, "print(epoch, cost(p, t))", {"output-derivative-missing"}),
            (ABSOLUTE, "print(epoch, cost(p, t))", set()),  # how far off the outputs are, which is no loss
            (SQUARED, "pass", set()),  # nobody asks for it
            (SQUARED, "print(epoch)", set()),
        ],
        lambda case: bool(case[2]),
    ),
)
def test_the_loss_that_is_reported_counts(cost: str, shown: str, codes: set[str], tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text(TRAINS.replace("COST", cost).replace("SHOWN", shown), encoding="utf-8")
    found: dict[str, Any] = run_in_child("handgrad.audit.session:audit_file", {"path": str(file)})
    assert {one["code"] for one in found["findings"] if one["severity"] == "error"} == codes
