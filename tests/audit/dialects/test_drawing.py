"""Masks that layers draw from a generator of the file are held still, and what is wrong with them has its name."""

from __future__ import annotations

from pathlib import Path

import pytest
from quick_first import quick_first

from handgrad.audit import session

CLOSURES = """
import numpy as np

rng = np.random.default_rng(3)

def full(inputs, outputs):
    W, b = rng.normal(0, 0.4, (inputs, outputs)), np.zeros(outputs)
    def forward(x, training):
        def back(dout, lr):
            dx = dout @ W.T
            W[...] -= lr * x.T @ dout
            b[...] -= lr * dout.sum(axis=0)
            return dx
        return x @ W + b, back
    return forward

def tanh():
    def forward(x, training):
        y = np.tanh(x)
        return y, lambda dout, lr: dout * (1 - y * y)
    return forward

def thinned(share):
    def forward(x, training):
        if not training:
            return x, lambda dout, lr: dout
        mask = (rng.random(x.shape) >= share) / (1 - share)
        return x * mask, lambda dout, lr: dout * mask
    return forward

layers = [full(9, 12), tanh(), thinned(0.25), full(12, 3)]

def run(x, training=True):
    backs = []
    for layer in layers:
        x, back = layer(x, training)
        backs.append(back)
    return x, backs

def train(X, y, lr=0.1):
    for epoch in range(200):
        scores, backs = run(X)
        e = np.exp(scores - scores.max(axis=1, keepdims=True))
        p = e / e.sum(axis=1, keepdims=True)
        loss = -np.log(p[np.arange(len(X)), y]).mean()
        d = (p - np.eye(3)[y]) / len(X)
        for back in reversed(backs):
            d = back(d, lr)
        print(loss)

def accuracy(X, y):
    return (run(X, training=False)[0].argmax(axis=1) == y).mean()

X = rng.normal(size=(300, 9))
y = X[:, :3].argmax(axis=1)
train(X, y)
print(accuracy(X, y))
"""


@pytest.mark.parametrize(
    "generator", ["np.random.default_rng(3)", pytest.param("np.random.RandomState(3)", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize(
    ("old", "new", "codes"),
    quick_first(
        [
            ("", "", []),
            ("x * mask, lambda dout, lr: dout * mask", "x * mask, lambda dout, lr: dout", ["dropout-mask-not-applied"]),
            (">= share) / (1 - share)", ">= share)", ["dropout-modes-disagree"]),
            ("dout * (1 - y * y)", "dout", ["activation-derivative-missing"]),
        ],
        lambda case: bool(case[2]),
    ),
)
def test_dropout_in_closures(generator: str, old: str, new: str, codes: list[str], tmp_path: Path) -> None:
    text = CLOSURES.replace("np.random.default_rng(3)", generator)
    if "RandomState" in generator:
        text = text.replace("rng.random(", "rng.random_sample(")
    path = tmp_path / "net.py"
    path.write_text(text.replace(old, new) if old else text, encoding="utf-8")
    found = session.audit_file({"path": str(path)})
    assert [one["code"] for one in found["findings"] if one["severity"] != "note"] == codes
