"""A loss that is told beside gradients that are right for another: a softmax in it that is one too many."""

from __future__ import annotations

from pathlib import Path

import pytest

from handgrad.audit import session

NET = """
import numpy as np

X, T = np.random.rand(60, 8), np.eye(4)[np.arange(60) % 4]
W1, b1 = np.random.randn(8, 9) * 0.3, np.zeros((1, 9))
W2, b2 = np.random.randn(9, 4) * 0.3, np.zeros((1, 4))

def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)

for epoch in range(500):
    H = np.maximum(X @ W1 + b1, 0)
    P = softmax(H @ W2 + b2)
    loss = -np.mean(np.sum(T * np.log(P), axis=1))
    top = (P - T) / len(X)
    low = (top @ W2.T) * (H > 0)
    W2 -= 0.5 * H.T @ top
    b2 -= 0.5 * top.sum(axis=0, keepdims=True)
    W1 -= 0.5 * X.T @ low
    b1 -= 0.5 * low.sum(axis=0, keepdims=True)
    print(epoch, loss)
"""


@pytest.mark.parametrize(
    ("told", "said"), [("np.log(P)", []), ("np.log(softmax(P))", [("softmax-twice", "warning", 15)])]
)
def test_a_softmax_too_many_in_what_is_told(told: str, said: list[tuple[str, str, int]], tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text(NET.replace("np.log(P)", told), encoding="utf-8")
    found = session.audit_file({"path": str(path)})["findings"]
    assert [(one["code"], one["severity"], one["line"]) for one in found] == said
