"""A step may depend on its rate where each parameter takes its own slope, at the point it is at by then."""

from __future__ import annotations

from pathlib import Path

import pytest

from handgrad.audit import session

START = """
import numpy as np

data = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
target = np.array([[0.0], [1], [1], [0]])
W1, b1 = np.random.randn(2, 5), np.zeros(5)
W2, b2 = np.random.randn(5, 1), np.zeros(1)
lr = 0.1

def sigmoid(z):
    return 1 / (1 + np.exp(-z))

def loss(data, target):
    out = sigmoid(sigmoid(data @ W1 + b1) @ W2 + b2)
    return -np.mean(target * np.log(out) + (1 - target) * np.log(1 - out))
"""

MEASURED = """
def slope(array):
    found = np.zeros_like(array)
    for at in np.ndindex(array.shape):
        kept = array[at]
        array[at] = kept + 1e-5
        above = loss(data, target)
        array[at] = kept - 1e-5
        found[at] = (above - loss(data, target)) / 2e-5
        array[at] = kept
    return found

for turn in range(500):
    W1 -= lr * slope(W1)
    b1 -= lr * slope(b1)
    W2 -= lr * slope(W2)
    b2 -= lr * slope(b2)
    print(loss(data, target))
"""

STALE = """
for turn in range(500):
    hidden = sigmoid(data @ W1 + b1)
    out = sigmoid(hidden @ W2 + b2)
    top = (out - target) / len(data)
    W2 -= lr * hidden.T @ top
    b2 -= lr * top.sum(axis=0)
    low = (top @ W2.T) * hidden * (1 - hidden)
    W1 -= lr * data.T @ low
    b1 -= lr * low.sum(axis=0)
    print(loss(data, target))
"""


@pytest.mark.parametrize(("loop", "codes"), [(MEASURED, []), (STALE, ["updated-too-early"])])
def test_slopes_that_are_measured_one_after_the_other(loop: str, codes: list[str], tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text(START + loop, encoding="utf-8")
    found = session.audit_file({"path": str(path)})
    assert found["subject"]["sizes"] == [2, 5, 1]
    assert [one["code"] for one in found["findings"] if one["severity"] == "error"] == codes
