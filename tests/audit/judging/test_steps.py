"""A network of steps has no derivative: nothing is said of when its weights are updated, nor of a momentum."""

from __future__ import annotations

from pathlib import Path

from handgrad.audit import session

STEPS = """
import numpy as np

X, Y = np.random.randn(90, 5), np.eye(3)[np.random.randint(0, 3, 90)]
W1, b1 = np.random.randn(5, 6), np.zeros((1, 6))
W2, b2 = np.random.randn(6, 3), np.zeros((1, 3))

def step(z):
    return np.where(z >= 0, 1, 0)

for turn in range(100):
    z1 = X @ W1 + b1
    a1 = step(z1)
    a2 = step(a1 @ W2 + b2)
    loss = np.mean((a2 - Y) ** 2)
    d2 = (a2 - Y) / len(X)
    d1 = (d2 @ W2.T) * step(z1)
    W1 -= 0.2 * X.T @ d1
    b1 -= 0.2 * d1.sum(axis=0, keepdims=True)
    W2 -= 0.2 * a1.T @ d2
    b2 -= 0.2 * d2.sum(axis=0, keepdims=True)
    print(turn, loss)
"""


def test_a_loss_in_steps_is_not_judged(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text(STEPS, encoding="utf-8")
    found = session.audit_file({"path": str(path)})
    assert {one["code"] for one in found["findings"]} <= {"network-unknown"}
