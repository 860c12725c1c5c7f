"""`b1 = b2 = np.zeros(4)`: a mistake where both are changed in place, and only then; the network is read anyway."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from handgrad.audit import session

NET = """
import numpy as np

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(200, 6)), np.eye(4)[rng.integers(0, 4, 200)]
W1, W2 = rng.normal(size=(6, 4)) / 3, rng.normal(size=(4, 4)) / 2
b2 = b1 = np.zeros((1, 4))
lr = 0.1
for epoch in range(200):
    h = np.tanh(X @ W1 + b1)
    z = h @ W2 + b2
    e = np.exp(z - z.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    loss = -np.mean(np.sum(Y * np.log(p), axis=1))
    d2 = (p - Y) / len(X)
    d1 = (d2 @ W2.T) * (1 - h**2)
    W2 -= lr * h.T @ d2
    b2 -= lr * d2.sum(axis=0, keepdims=True)
    W1 -= lr * X.T @ d1
    b1 -= lr * d1.sum(axis=0, keepdims=True)
    print(epoch, loss)
"""


def audited(text: str, folder: Path) -> dict[str, Any]:
    path = folder / "net.py"
    path.write_text(text, encoding="utf-8")
    found = session.audit_file({"path": str(path)})
    assert found["subject"]["sizes"] == [6, 4, 4]
    return found


def test_two_biases_that_are_one_array_and_change_in_place(tmp_path: Path) -> None:
    found = audited(NET, tmp_path)
    assert [(one["code"], one["line"], one["where"]) for one in found["findings"]] == [
        ("one-array-twice", 7, ["b2", "b1"])
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("b1 -= lr * d1.sum(axis=0, keepdims=True)", "b1 = b1 - lr * d1.sum(axis=0, keepdims=True)"),
        ("lr = 0.1", "lr = 0.1\nb1 = np.zeros((1, 4))"),
    ],
)
def test_names_that_part_before_anything_changes(old: str, new: str, tmp_path: Path) -> None:
    assert audited(NET.replace(old, new), tmp_path)["findings"] == []
