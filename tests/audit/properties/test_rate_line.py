"""The line of a learning rate that is multiplied in twice, whatever people call the rate."""

from __future__ import annotations

from pathlib import Path

from handgrad.audit import session

NET = """
import numpy as np

def forward(W1, b1, W2, b2, X):
    A1 = np.maximum(W1.dot(X) + b1, 0)
    e = np.exp(W2.dot(A1) + b2)
    return A1, e / e.sum(axis=0)

def backward(A1, A2, W2, X, Y):
    m = X.shape[1]
    d2 = (A2 - np.eye(5)[Y].T) / m
    d1 = W2.T.dot(d2) * (A1 > 0)
    return d1.dot(X.T), d1.sum(axis=1, keepdims=True), d2.dot(A1.T), d2.sum(axis=1, keepdims=True)

def update(W1, b1, W2, b2, dW1, db1, dW2, db2, alpha):
    W1 = W1 - alpha * alpha * dW1
    b1 = b1 - alpha * alpha * db1
    W2 = W2 - alpha * alpha * dW2
    b2 = b2 - alpha * alpha * db2
    return W1, b1, W2, b2

def descend(X, Y, alpha, turns):
    W1, b1 = np.random.randn(9, 14) * 0.3, np.zeros((9, 1))
    W2, b2 = np.random.randn(5, 9) * 0.3, np.zeros((5, 1))
    for turn in range(turns):
        A1, A2 = forward(W1, b1, W2, b2, X)
        dW1, db1, dW2, db2 = backward(A1, A2, W2, X, Y)
        W1, b1, W2, b2 = update(W1, b1, W2, b2, dW1, db1, dW2, db2, alpha)
        print(turn, (A2.argmax(axis=0) == Y).mean())
    return W1, b1, W2, b2

X, Y = np.random.rand(14, 80), np.arange(80) % 5
descend(X, Y, 0.3, 500)
"""


def test_a_rate_that_is_a_factor_twice_in_the_update(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text(NET, encoding="utf-8")
    found = session.audit_file({"path": str(path)})["findings"]
    assert [(one["code"], one["line"]) for one in found if one["severity"] != "note"] == [("learning-rate-twice", 16)]
