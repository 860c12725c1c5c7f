"""Under a single output every sum over rows is a multiple of its weights: a name needs a factor that follows a rule."""

from __future__ import annotations

from pathlib import Path

import pytest

from handgrad.audit import session

NET = """
import numpy as np

X, T = np.random.randn(80, 3), np.sign(np.random.randn(80, 1))
W1, b1 = np.random.randn(7, 3) * 0.5, np.zeros(7)
W2, b2 = np.random.randn(1, 7) * 0.5, np.zeros(1)

for epoch in range(300):
    H = np.tanh(X @ W1.T + b1)
    P = np.tanh(H @ W2.T + b2)
    loss = np.mean((T - P) ** 2)
    top = 2 * (P - T) * (1 - P**2) / len(X)
    low = (top @ W2) * (1 - H**2)
    W2 -= 0.1 * top.T @ H
    b2 -= 0.1 * top.sum(axis=0)
    W1 -= 0.1 * low.T @ X
    b1 -= 0.1 * low.sum(axis=0)
    print(epoch, loss)
"""


@pytest.mark.parametrize(
    ("slope", "codes"),
    [
        ("(1 - H**2)", []),
        ("(1 - P**2)", ["derivative-of-another-layer"]),
        ("(2 + np.cos(3 * P))", ["unnamed"]),  # a number for each row that is the derivative of nothing
    ],
)
def test_what_the_slope_of_a_hidden_layer_is_taken_for(slope: str, codes: list[str], tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text(NET.replace("(1 - H**2)", slope), encoding="utf-8")
    found = session.audit_file({"path": str(path)})["findings"]
    assert [one["code"] for one in found if one["severity"] != "note"] == codes
