"""Weights that one function makes and another trains: main() draws them, train(x, y, w1, ...) is handed them."""

from pathlib import Path

import pytest
from quick_first import quick_first

from handgrad.audit.session import audit_file

NET = """
import numpy as np


def load(path):
    table = np.loadtxt(path, delimiter=",")
    return table[:, 1:] / 255, np.eye(5)[table[:, 0].astype(int)]


def forward(x, w1, c1, w2, c2):
    h = np.maximum(x @ w1 + c1, 0)
    s = h @ w2 + c2
    e = np.exp(s - s.max(axis=1, keepdims=True))
    return h, e / e.sum(axis=1, keepdims=True)


def backward(x, y, h, p, w1, c1, w2, c2, lr):
    d = (p - y) / len(x)
    dh = (d @ w2.T) * (h > 0)
    return w1 - lr * x.T @ dh, c1 - lr * dh.sum(axis=0), w2 - lr * h.T @ d, c2 - lr * d.sum(axis=0)


def train(x, y, w1, c1, w2, c2, lr, epochs, batch_size):
    for epoch in range(epochs):
        order = np.random.permutation(len(x))
        x, y = x[order], y[order]
        for i in range(0, len(x), batch_size):
            x_batch, y_batch = x[i:i + batch_size], y[i:i + batch_size]
            h, p = forward(x_batch, w1, c1, w2, c2)
            w1, c1, w2, c2 = backward(x_batch, y_batch, h, p, w1, c1, w2, c2, lr)
        if epoch % 5 == 0:
            print(epoch, -np.mean(np.sum(y * np.log(forward(x, w1, c1, w2, c2)[1]), axis=1)))
    return w1, c1, w2, c2


def main():
    x_train, y_train = load("train.csv")
    hidden = 12
    w1 = np.random.randn(x_train.shape[1], hidden) * 0.1
    c1 = np.zeros(hidden)
    w2 = np.random.randn(hidden, 5) * 0.1
    c2 = np.zeros(5)
    w1, c1, w2, c2 = train(x_train, y_train, w1, c1, w2, c2, 0.2, 20, 32)
    print(w1.sum())


main()
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    quick_first(
        [
            ("", "", []),
            ("c1 - lr * dh.sum(axis=0)", "c1 - lr * dh.sum()", ["bias-summed-over-everything"]),
            ("(d @ w2.T) * (h > 0)", "(d @ w2.T)", ["activation-derivative-missing"]),
        ],
        lambda case: bool(case[2]),
    ),
)
def test_weights_that_main_draws(tmp_path: Path, old: str, new: str, said: list[str]) -> None:
    path = tmp_path / "net.py"
    path.write_text(NET.replace(old, new) if old else NET, encoding="utf-8")
    answer = audit_file({"path": str(path)})
    assert answer["subject"]["dialect"] == "script"
    assert len(answer["subject"]["sizes"]) == 3
    assert [one["code"] for one in answer["findings"] if one["severity"] != "note"] == said
