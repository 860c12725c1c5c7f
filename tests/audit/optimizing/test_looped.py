"""An optimizer that is written into the training loop: silent where it is right, named where it is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from handgrad.audit.dialects.claimed import by_form
from handgrad.audit.session import audit_file

SCRIPT = """
import numpy as np

rng = np.random.default_rng(8)
W1, b1 = 0.3 * rng.standard_normal((12, 7)), np.zeros(7)
W2, b2 = 0.3 * rng.standard_normal((7, 4)), np.zeros(4)
params = [W1, b1, W2, b2]
m, v = [np.zeros_like(p) for p in params], [np.zeros_like(p) for p in params]
beta1, beta2, lr, t = 0.9, 0.999, 0.01, 0
X, T = np.load("x.npy"), np.load("t.npy")

for epoch in range(100):
    H = np.tanh(X @ W1 + b1)
    P = H @ W2 + b2
    loss = 0.5 * np.sum((P - T) ** 2) / len(X)
    dP = (P - T) / len(X)
    dW2, db2 = H.T @ dP, dP.sum(axis=0)
    dH = (dP @ W2.T) * (1 - H**2)
    dW1, db1 = X.T @ dH, dH.sum(axis=0)
    t += 1
    for i, g in enumerate([dW1, db1, dW2, db2]):
        m[i] = beta1 * m[i] + (1 - beta1) * g
        v[i] = beta2 * v[i] + (1 - beta2) * g**2
        m_hat, v_hat = m[i] / (1 - beta1**t), v[i] / (1 - beta2**t)
        params[i] -= lr * m_hat / (np.sqrt(v_hat) + 1e-8)
"""

CASES = [
    ("", "", set()),
    ("m[i] / (1 - beta1**t), v[i] / (1 - beta2**t)", "m[i], v[i]", {"optimizer-bias-uncorrected"}),
    ("lr * m_hat", "lr * g", {"optimizer-is-another"}),
    ("        params[i] -=", "        if i % 2:\n            continue\n        params[i] -=", {"never-updated"}),
]


@pytest.mark.parametrize(("old", "new", "codes"), CASES)
def test_adam_in_a_loop(old: str, new: str, codes: set[str], tmp_path: Path) -> None:
    path = tmp_path / "script.py"
    path.write_text(SCRIPT.replace(old, new) if old else SCRIPT, encoding="utf-8")
    findings = audit_file({"path": str(path)})["findings"]
    assert {one["code"] for one in findings if one["severity"] != "note"} == codes


LISTS = """
import numpy as np

rng = np.random.default_rng(8)
weights = [0.3 * rng.standard_normal(shape) for shape in ((12, 7), (7, 4))]
biases = [np.zeros(7), np.zeros(4)]
beta1, beta2, t = 0.9, 0.999, 0
m_w, v_w = [np.zeros_like(w) for w in weights], [np.zeros_like(w) for w in weights]
m_b, v_b = [np.zeros_like(b) for b in biases], [np.zeros_like(b) for b in biases]
X, T = np.load("x.npy"), np.load("t.npy")

for epoch in range(100):
    H = np.tanh(X @ weights[0] + biases[0])
    P = H @ weights[1] + biases[1]
    loss = 0.5 * np.sum((P - T) ** 2) / len(X)
    delta = (P - T) / len(X)
    grads_w, grads_b = [None, H.T @ delta], [None, delta.sum(axis=0)]
    delta = (delta @ weights[1].T) * (1 - H**2)
    grads_w[0], grads_b[0] = X.T @ delta, delta.sum(axis=0)
    t += 1
    for i in range(2):
        m_w[i] = beta1 * m_w[i] + (1 - beta1) * grads_w[i]
        v_w[i] = beta2 * v_w[i] + (1 - beta2) * grads_w[i] ** 2
        weights[i] -= 0.01 * m_w[i] / (1 - beta1**t) / (np.sqrt(v_w[i] / (1 - beta2**t)) + 1e-8)
        m_b[i] = beta1 * m_b[i] + (1 - beta1) * grads_b[i]
        v_b[i] = beta2 * v_b[i] + (1 - beta2) * grads_b[i] ** 2
        biases[i] -= 0.01 * m_b[i] / (1 - beta1**t) / (np.sqrt(v_b[i] / (1 - beta2**t)) + 1e-8)
"""

LIST_CASES = [
    ("", "", set()),
    ("(np.sqrt(", "((", {"optimizer-no-root"}),
    ("    t += 1\n    for i in range(2):", "    for i in range(2):\n        t += 1", {"optimizer-counter-per-layer"}),
]


@pytest.mark.parametrize(("old", "new", "codes"), LIST_CASES)
def test_adam_over_lists(old: str, new: str, codes: set[str], tmp_path: Path) -> None:
    """Gradients in lists beside those of the weights, a literal epsilon, and an order of updates that no name tells."""
    path = tmp_path / "script.py"
    path.write_text(LISTS.replace(old, new) if old else LISTS, encoding="utf-8")
    findings = audit_file({"path": str(path)})["findings"]
    assert {one["code"] for one in findings if one["severity"] != "note"} == codes


CALLED = """
import numpy as np

rng = np.random.default_rng(3)
params = {"W1": 0.3 * rng.standard_normal((12, 7)), "b1": np.zeros(7)}
params |= {"W2": 0.3 * rng.standard_normal((7, 4)), "b2": np.zeros(4)}
squares = {}
X, T = np.load("x.npy"), np.load("t.npy")


def backward(x, t):
    h = np.tanh(x @ params["W1"] + params["b1"])
    p = h @ params["W2"] + params["b2"]
    d = (p - t) / len(x)
    dh = (d @ params["W2"].T) * (1 - h**2)
    grads = {"W1": x.T @ dh, "b1": dh.sum(axis=0), "W2": h.T @ d, "b2": d.sum(axis=0)}
    return 0.5 * np.sum((p - t) ** 2) / len(x), grads


def change(grads, lr):
    for k, value in params.items():
        squares[k] = 0.9 * squares.get(k, 0) + 0.1 * grads[k] ** 2
        value -= lr * grads[k] / (np.sqrt(squares[k]) + 1e-8)


n = int(0.75 * len(X))
for i in range(0, n, 16):
    loss, grads = backward(X[i:i + 16][: n - i], T[i:i + 16][: n - i])
    change(grads, 0.01)
"""

CALLED_CASES = [
    ("", "", set()),
    ("(np.sqrt(squares[k])", "(squares[k]", {"optimizer-no-root"}),
    ("0.9 * squares.get(k, 0) + 0.1 *", "0.1 * squares.get(k, 0) + 0.9 *", {"optimizer-decay-swapped"}),
    (" / (np.sqrt(squares[k]) + 1e-8)", "", set()),
    ("        value -= lr * grads[k] / (np.sqrt(squares[k]) + 1e-8)",
     "        value -= (-lr if k == 'W2' else lr) * grads[k]", {"sign-flipped"}),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "codes"), CALLED_CASES)
def test_an_optimizer_in_a_function_that_the_loop_calls(old: str, new: str, codes: set[str], tmp_path: Path) -> None:
    """Its rule is known by its form alone; and of a batch the loop takes a share of the rows."""
    path = tmp_path / "script.py"
    path.write_text(CALLED.replace(old, new) if old else CALLED, encoding="utf-8")
    findings = audit_file({"path": str(path)})["findings"]
    assert {one["code"] for one in findings if one["severity"] != "note"} == codes


def test_an_average_that_is_corrected_under_its_own_name_or_another_divides() -> None:
    text = "m = 0.9 * m + 0.1 * g\nv = 0.99 * v + 0.01 * g ** 2\n"
    own = text + "m, v = m / (1 - 0.9 ** t), v / (1 - 0.99 ** t)\n"
    other = text + "m_h, v_h = m / (1 - 0.9 ** t), v / (1 - 0.99 ** t)\n"
    assert by_form(own + "w -= lr * m / (np.sqrt(v) + eps)\n") == "adam"
    assert by_form(other + "w -= lr * m_h / np.sqrt(v_h)\n") == "adam"
    assert by_form(other + "w -= lr * m_h\n") == ""
