"""Whether a loop updates, and takes its learning rate once, is read off its text; what is right is left alone."""

from __future__ import annotations

import ast
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from handgrad.audit.findings import Finding
from handgrad.audit.properties.batches import fixed_size, overlapping, same_batch
from handgrad.audit.properties.updating import never_called, rate_twice, velocity_line

NET = """
class Net:
    def backward(self, t):
        d = (self.p - t) / len(t)
        self.dW = self.x.T @ d

    def update(self, lr):
        self.W -= lr * self.dW

def train(net, x, t, lr=0.1):
    for epoch in range(10):
        net.forward(x)
        net.backward(t)
        net.update(lr)
"""
MOMENTUM = """
class Momentum:
    def step(self):
        for i, (w, dw) in enumerate(self.pairs):
            self.v[i] = self.mu * self.v[i] - self.lr * dw
            w += self.v[i]
"""
FUNCTIONS = """
def gradients(W, x, t, lr):
    d = (x @ W - t) / len(t)
    return x.T @ d

def fit(W, x, t, eta):
    for epoch in range(10):
        W = W - eta * gradients(W, x, t, eta)
    return W
"""
KEPT_BY_EACH = """
class Momentum:
    def update(self, layer):
        if self.mu:
            change = self.mu * layer.memory - self.lr * layer.dW
            layer.memory = change
        else:
            change = -self.lr * layer.dW
        layer.W += change

class Adam:
    def update(self, layer):
        layer.memory = self.b1 * layer.memory + (1 - self.b1) * layer.dW
        layer.W += -self.lr * (layer.memory / (1 - self.b1**self.t)) / np.sqrt(layer.squares)
"""
RULE = """
def sgd(p, dp):
    p -= lr * dp

def train(net, rule=sgd):
    for w, g in net.pairs:
        rule(w, g)
"""
GIVEN = RULE.replace("lr * dp", "dp").replace("rule(w, g)", "rule(w, lr * g)")
DECAYED = (
    "for epoch in range(9):\n    eta = eta * decay\n    W = W - eta * (dW + reg * W)\n    lr_t = lr * np.sqrt(1 - b2)\n"
)


def inspected(text: str) -> Any:
    subject = SimpleNamespace(parameters=lambda: {"W": np.zeros(2)})
    return SimpleNamespace(
        program=SimpleNamespace(tree=ast.parse(text), filename="net.py"),
        diagnosis=SimpleNamespace(findings=()),
        reading=SimpleNamespace(subject=subject),
    )


@pytest.mark.parametrize("text", [NET, MOMENTUM, FUNCTIONS, KEPT_BY_EACH, RULE, GIVEN, DECAYED])
def test_a_right_update_is_left_alone(text: str) -> None:
    assert rate_twice(inspected(text)) == never_called(inspected(text)) == []


@pytest.mark.parametrize(
    ("text", "old", "new", "line"),
    [
        (NET, "d = (self", "d = lr * (self", "d = lr * (self"),
        (NET, "lr * self.dW", "lr * lr * self.dW", "lr * lr * self.dW"),
        (NET, "lr * self.dW", "lr ** 2 * self.dW", "lr ** 2 * self.dW"),
        (MOMENTUM, "w += self.v[i]", "w += self.lr * self.v[i]", "- self.lr * dw"),
        (KEPT_BY_EACH, "layer.W += change", "layer.W += self.lr * change", "- self.lr * layer.dW"),
        (FUNCTIONS, "d = (x @ W - t)", "d = lr * (x @ W - t)", "W = W - eta"),
        ("W -= rate * dW\n", "rate * dW", "rate * rate * dW", "rate * rate"),
        (RULE, "rule(w, g)", "rule(w, lr * g)", "p -= lr * dp"),
        ("v = m * v - c['learning_rate'] * dw\nw += v\n", "+= v", "+= c['learning_rate'] * v", "w += c"),
    ],
)
def test_a_rate_that_is_taken_twice(text: str, old: str, new: str, line: str) -> None:
    assert old in text
    wrong = text.replace(old, new)
    (found,) = rate_twice(inspected(wrong))
    assert found.code == "learning-rate-twice"
    assert line in wrong.split("\n")[(found.line or 0) - 1]


def test_an_update_that_is_never_called() -> None:
    (found,) = never_called(inspected(NET.replace("        net.update(lr)\n", "")))
    assert (found.code, found.severity, found.measured["update"]) == ("update-never-called", "error", "update")
    for elsewhere in ("optimizer.step()", "handed_on(net.update)", "getattr(net, 'update')(lr)", "W -= lr * dW"):
        assert never_called(inspected(NET.replace("net.update(lr)", elsewhere))) == []
    assert (
        never_called(inspected(NET.replace("        net.backward(t)\n        net.update(lr)\n", "        pass\n")))
        == []
    )


def test_where_a_velocity_is_turned_round() -> None:
    turned = Finding("optimizer-velocity-sign", "error", ("W",))
    assert velocity_line(inspected(MOMENTUM), turned) is None
    assert velocity_line(inspected(MOMENTUM.replace("= self.mu", "= -self.mu")), turned) == 5
    assert velocity_line(inspected("v = -lr * g - mu * v\nW += v\n"), turned) == 1


LOOP = """
BATCH = 32

def backward(p, t):
    return (p - t) / len(t)

for i in range(0, len(x), BATCH):
    rows = order[i:i + BATCH]
    step(x[rows], y[rows])
"""


def test_a_size_of_batches_that_is_fixed() -> None:
    assert fixed_size(inspected(LOOP)) == same_batch(inspected(LOOP)) == []
    (found,) = fixed_size(inspected(LOOP.replace("/ len(t)", "/ BATCH")))
    assert (found.code, found.line) == ("batch-dependent-factor", 5)
    assert (
        fixed_size(inspected(LOOP.replace("/ len(t)", "/ BATCH").replace("range(0, len(x), BATCH)", "range(9)"))) == []
    )
    (found,) = same_batch(inspected(LOOP.replace("order[i:i + BATCH]", "order[:BATCH]")))
    assert (found.code, found.line) == ("same-batch", 8)
    assert overlapping(inspected(LOOP)) == []
    (found,) = overlapping(inspected(LOOP.replace("range(0, len(x), BATCH)", "range(len(x) // BATCH)")))
    assert (found.code, found.line) == ("batches-overlap", 7)
    assert overlapping(inspected(LOOP.replace("range(0, len(x), BATCH)", "range(len(x) - BATCH)"))) == []
