"""Running averages of batch normalisation that is written into a network: little programs, right and wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from quick_first import quick_first

from handgrad.audit.choosing import judged
from handgrad.audit.inspection import Inspection
from handgrad.audit.properties.running_averages import running_averages
from handgrad.audit.reading.source import read_program

NET = """
import numpy as np


class Net:
    def __init__(self, n_in=6, n_hidden=9, n_out=4):
        self.W1 = np.random.randn(n_in, n_hidden)
        self.gamma, self.beta = np.ones(n_hidden), np.zeros(n_hidden)
        self.W2, self.b2 = np.random.randn(n_hidden, n_out), np.zeros(n_out)
        self.running_mean, self.running_var = np.zeros(n_hidden), np.ones(n_hidden)

    def forward(self, x, training=True):
        self.x, z = x, x @ self.W1
        if training:
            mean, var = z.mean(axis=0), z.var(axis=0)
            self.running_mean = 0.9 * self.running_mean + 0.1 * mean
            self.running_var = 0.9 * self.running_var + 0.1 * var
        else:
            mean, var = self.running_mean, self.running_var
        self.std = np.sqrt(var + 1e-5)
        self.xhat = (z - mean) / self.std
        self.h = np.tanh(self.gamma * self.xhat + self.beta)
        s = self.h @ self.W2 + self.b2
        e = np.exp(s - s.max(axis=1, keepdims=True))
        self.p = e / e.sum(axis=1, keepdims=True)
        return self.p

    def loss(self, t):
        return -np.sum(t * np.log(self.p)) / len(t)

    def backward(self, t):
        ds = (self.p - t) / len(t)
        self.dW2, self.db2 = self.h.T @ ds, ds.sum(axis=0)
        dy = ds @ self.W2.T * (1 - self.h**2)
        self.dgamma, self.dbeta = np.sum(dy * self.xhat, axis=0), dy.sum(axis=0)
        g = dy * self.gamma
        self.dW1 = self.x.T @ ((g - g.mean(axis=0) - self.xhat * np.mean(g * self.xhat, axis=0)) / self.std)

    def update(self, lr):
        for name in ("W1", "gamma", "beta", "W2", "b2"):
            setattr(self, name, getattr(self, name) - lr * getattr(self, "d" + name))

    def accuracy(self, x, y):
        return np.mean(self.forward(x, training=False).argmax(axis=1) == y)


net = Net()
for epoch in range(10):
    net.forward(x_train)
    net.backward(t_train)
    net.update(0.1)
    print(net.accuracy(x_test, y_test))
"""
AVERAGES = "self.running_mean = 0.9 * self.running_mean + 0.1 * mean"
SPREADS = "self.running_var = 0.9 * self.running_var + 0.1 * var"
USED = "mean, var = self.running_mean, self.running_var"
OF_THE_BATCH = "mean, var = z.mean(axis=0), z.mean(axis=0) * 0 + z.var(axis=0)"


@pytest.mark.parametrize(
    ("edits", "said"),
    quick_first([
        ({}, None),
        ({AVERAGES: "self.running_mean = 0.99 * self.running_mean + 0.01 * mean"}, None),
        ({AVERAGES: "self.running_mean += 0.1 * (mean - self.running_mean)"}, None),
        ({SPREADS: "self.running_var = 0.9 * self.running_var + 0.1 * var * len(x) / (len(x) - 1)"}, None),
        (
            {AVERAGES: (wrong := "self.running_mean = 0.1 * self.running_mean + 0.9 * mean")},
            ("norm-momentum-reversed", wrong),
        ),
        (
            {SPREADS: (wrong := "self.running_var = 0.01 * self.running_var + 0.99 * z.var(axis=0, ddof=1)")},
            ("norm-momentum-reversed", wrong),
        ),
        ({USED: OF_THE_BATCH}, ("norm-test-uses-batch", OF_THE_BATCH)),
        ({AVERAGES: "pass", SPREADS: "pass", USED: OF_THE_BATCH}, None),  # it keeps no averages, and says so
        (  # how it does on the rows of its training is no test
            {
                USED: USED,
                "    print(net.acc": "    print((net.forward(x_train).argmax(1) == y_train).mean())\n    print(net.acc",
            },
            None,
        ),
    ], lambda case: case[1] and case[1][0]),
)  # fmt: skip
def test_what_becomes_of_the_averages(edits: dict[str, str], said: tuple[str, str] | None, tmp_path: Path) -> None:
    text = NET
    for old, new in edits.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path = tmp_path / "net.py"
    path.write_text(text, encoding="utf-8")
    program = read_program(path)
    execution = program.execute()
    with program.guarded():
        inspection = Inspection(program, execution.namespace, *judged(program, execution.namespace))
        found = running_averages(inspection)
    lines = program.text.split("\n")
    assert [(one.code, lines[(one.line or 0) - 1].strip()) for one in found] == ([said] if said else [])
