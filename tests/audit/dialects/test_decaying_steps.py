"""A step that lets parameters decay a little is still a step along their gradients, and is judged as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from handgrad.audit.choosing import judged
from handgrad.audit.reading.source import read_program

NET = """
import numpy as np


class Net:
    def __init__(self, n_in=12, n_hidden=9, n_out=6):
        rng = np.random.default_rng(0)
        self.W1, self.b1 = rng.normal(0, 0.3, (n_in, n_hidden)), np.zeros(n_hidden)
        self.W2, self.b2 = rng.normal(0, 0.3, (n_hidden, n_out)), np.zeros(n_out)

    def forward(self, x):
        self.x = x
        self.h = np.tanh(x @ self.W1 + self.b1)
        e = np.exp(self.h @ self.W2 + self.b2)
        self.p = e / e.sum(axis=1, keepdims=True)
        return self.p

    def loss(self, y):
        return -np.mean(np.log(self.p[np.arange(len(y)), y]))

    def backward(self, y):
        d = self.p.copy()
        d[np.arange(len(y)), y] -= 1
        d /= len(y)
        self.dW2, self.db2 = self.h.T @ d, d.sum(axis=0)
        d = d @ self.W2.T * (1 - self.h**2)
        self.dW1, self.db1 = self.x.T @ d, d.sum(axis=0)

    def update(self, lr):
        for name in ("W1", "b1", "W2", "b2"):
            slope = getattr(self, "d" + name)
            if name[0] in "DECAYED":
                slope = slope + 0.02 * getattr(self, name)
            setattr(self, name, getattr(self, name) - lr * slope)


def train(net, x, y, lr=0.1):
    for epoch in range(10):
        net.forward(x)
        loss = net.loss(y)
        net.backward(y)
        net.update(lr)
        print(loss)
"""


@pytest.mark.parametrize(
    ("decayed", "where"), [("-", ()), ("b", ("b1", "b2")), ("W", ("W1", "W2")), ("bW", ("W1", "b1", "W2", "b2"))]
)
def test_what_decays_is_told(decayed: str, where: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(NET.replace("DECAYED", decayed), encoding="utf-8")
    program = read_program(str(tmp_path / "net.py"))
    namespace = program.execute().namespace
    with program.guarded():
        reading, diagnosis = judged(program, namespace)
    assert diagnosis.ok
    told = {name for one in diagnosis.findings if one.code == "weight-decay" for name in one.where}
    assert told == set(where), (reading.facts, diagnosis.findings)
