"""Plain functions of weights and a batch: read without anything that makes weights, and the wrong one of several."""

from __future__ import annotations

from pathlib import Path

import pytest

from handgrad.audit import choosing
from handgrad.audit.judging.diagnose import Diagnosis
from handgrad.audit.reading.source import read_program

MARGINS = """
import numpy as np


def hinge_by_rows(W, X, y, reg):
    loss, dW = 0.0, np.zeros(W.shape)
    for row, label in zip(X, y):
        scores = W.T @ row
        for j in range(len(scores)):
            margin = scores[j] - scores[label] + 1
            if j != label and margin > 0:
                loss += margin
                dW[:, label] -= row
                dW[:, j] += row
    return loss / len(X) + reg * np.sum(W * W), dW / len(X) + 2 * reg * W


def hinge_at_once(W, X, y, reg):
    rows = np.arange(len(X))
    scores = X @ W
    margins = np.maximum(0, scores - scores[rows, y][:, None] + 1)
    margins[rows, y] = 0
    loss = margins.sum() / len(X) + reg * np.sum(W * W)
    out = (margins > 0) * 1.0
    out[rows, y] -= out.sum(axis=1)
    return loss, X.T @ out / len(X) + 2 * reg * W
"""
LOGISTIC = """
import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def propagate(w, b, X, Y):
    m = X.shape[1]
    A = sigmoid(w.T @ X + b)
    cost = -np.sum(Y * np.log(A) + (1 - Y) * np.log(1 - A)) / m
    return {"dw": X @ (A - Y).T / m, "db": np.sum(A - Y) / m}, cost
"""
APART = """
import numpy as np


def cost(theta, X, y):
    return np.sum((X @ theta - y) ** 2) / (2 * len(y))


def cost_gradient(theta, X, y):
    return X.T @ (X @ theta - y) / len(y)


def descend(X, y, theta, alpha, iterations):
    for _ in range(iterations):
        theta = theta - alpha * cost_gradient(theta, X, y)
    return theta, cost(theta, X, y)
"""
FLAT = """
import numpy as np


def cost_and_gradient(inputs, labels, params, dimensions):
    d, h, c = dimensions
    W1, b1 = params[: d * h].reshape(d, h), params[d * h : d * h + h]
    W2, b2 = params[d * h + h : d * h + h + h * c].reshape(h, c), params[-c:]
    a = np.tanh(inputs @ W1 + b1)
    e = np.exp(a @ W2 + b2)
    p = e / e.sum(axis=1, keepdims=True)
    top = p - labels
    below = top @ W2.T * (1 - a**2)
    parts = inputs.T @ below, below.sum(axis=0), a.T @ top, top.sum(axis=0)
    return -np.sum(labels * np.log(p)), np.concatenate([part.ravel() for part in parts])
"""


def judged(text: str, folder: Path) -> Diagnosis:
    """What an audit of a file says."""
    (folder / "own.py").write_text(text)
    program = read_program(str(folder / "own.py"))
    namespace = program.execute().namespace
    with program.guarded():
        return choosing.judged(program, namespace)[1]


@pytest.mark.parametrize("text", [MARGINS, LOGISTIC, APART, FLAT])
def test_right_functions_are_not_called_wrong(text: str, tmp_path: Path) -> None:
    found = judged(text, tmp_path)
    assert found.ok
    assert found.checks > 0


@pytest.mark.parametrize(
    ("text", "old", "new", "code"),
    [
        (MARGINS, "-= out.sum(axis=1)", "= -1", "unnamed"),
        (LOGISTIC, "np.sum(A - Y) / m}", "np.sum(A - Y)}", "uneven-scale"),
        (LOGISTIC, "X @ (A - Y).T", "X @ ((A - Y) * A * (1 - A)).T", "gradient-of-squared-error"),
        (APART, "X.T @ (X @ theta - y)", "X.T @ np.sign(X @ theta - y)", "gradient-of-absolute-error"),
        (FLAT, "top @ W2.T * (1 - a**2)", "top @ W2.T", "unnamed"),
    ],
)
def test_a_mistake_is_found(text: str, old: str, new: str, code: str, tmp_path: Path) -> None:
    assert old in text
    codes = {one.code for one in judged(text.replace(old, new), tmp_path).findings}
    assert code in codes
