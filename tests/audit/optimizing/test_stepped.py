"""Stepped: an optimizer that cannot be called alone, in a net of closures, judged by the steps of the whole program."""

from __future__ import annotations

from pathlib import Path

import pytest

from handgrad.audit.dialects.claimed import by_form
from handgrad.audit.session import audit_file

NET = """\
import numpy as np


class Param:
    def __init__(self, value):
        self.value, self.grad = value, np.zeros_like(value)
        self.m, self.v = np.zeros_like(value), 0.0


def linear(n_in, n_out, rng):
    W, b = Param(rng.normal(0, 0.3, (n_in, n_out))), Param(np.zeros(n_out))

    def forward(X):
        def backprop(dY):
            W.grad[...], b.grad[...] = X.T @ dY, dY.sum(axis=0)
            return dY @ W.value.T

        return X @ W.value + b.value, backprop

    forward.params = [W, b]
    return forward


def relu():
    def forward(X):
        return X * (X > 0), lambda dY: dY * (X > 0)

    forward.params = []
    return forward


def chain(*layers):
    def forward(X):
        backs = []
        for layer in layers:
            X, back = layer(X)
            backs.append(back)

        def backprop(dY):
            for back in reversed(backs):
                dY = back(dY)
            return dY

        return X, backprop

    forward.params = [p for layer in layers for p in layer.params]
    return forward


def cross_entropy(Z, labels):
    P = np.exp(Z - Z.max(axis=1, keepdims=True))
    P /= P.sum(axis=1, keepdims=True)
    rows = np.arange(len(labels))

    def back():
        dZ = P.copy()
        dZ[rows, labels] -= 1
        return dZ / len(labels)

    return -np.log(P[rows, labels]).mean(), back


steps = 0


def adam(params, lr, beta1=0.9, beta2=0.999):
    global steps
    steps += 1
    for p in params:
        p.m = beta1 * p.m + (1 - beta1) * p.grad
        p.v = beta2 * p.v + (1 - beta2) * p.grad ** 2
        p.value -= lr * (p.m / (1 - beta1 ** steps)) / (np.sqrt(p.v / (1 - beta2 ** steps)) + 1e-8)


def train_step(model, X, labels, lr):
    Z, backprop = model(X)
    loss, start = cross_entropy(Z, labels)
    backprop(start())
    adam(model.params, lr)
    return loss


rng = np.random.default_rng(0)
model = chain(linear(20, 12, rng), relu(), linear(12, 5, rng))
"""
CASES = [
    ("", "", None),
    ("= beta2 * p.v + (1 - beta2)", "= beta2 * p.v + (1 - beta1)", ("optimizer-average-unweighted", "p.v =")),
    ("= beta2 * p.v +", "= beta1 * p.v +", ("optimizer-average-unweighted", "p.v =")),
    ("+ (1 - beta1) * p.grad", "+ (1 - beta2) * p.grad", ("optimizer-average-unweighted", "p.m =")),
    ("    steps += 1\n    for p in params:\n", "    for p in params:\n        steps += 1\n",
     ("optimizer-counter-per-parameter", "steps += 1")),
    ("* p.grad ** 2", "* np.abs(p.grad)", ("optimizer-not-squared", "p.v =")),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "said"), CASES)
def test_the_steps_of_a_net_of_closures(old: str, new: str, said: tuple[str, str] | None, tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    text = NET.replace(old, new) if old else NET
    path.write_text(text, encoding="utf-8")
    findings = [one for one in audit_file({"path": str(path)})["findings"] if one["severity"] != "note"]
    assert [one["code"] for one in findings] == ([said[0]] if said else [])
    for one in findings:
        assert said is not None
        assert said[1] in text.splitlines()[one["line"] - 1]


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        ("s += rho * (g * g - s)\np -= lr * g / np.sqrt(s + 1e-10)", "rmsprop"),
        ("h[k] *= 0.9\nh[k] += 0.1 * g[k] * g[k]\np[k] -= 0.01 * g[k] / (np.sqrt(h[k]) + 1e-7)", "rmsprop"),
        ("a = 0.9 * a + 0.1 * loss\ns = 0.9 * s + 0.1 * g * g\np -= lr * g / np.sqrt(s)", "rmsprop"),
        ("m += 0.1 * (g - m)\nv += 0.01 * (g * g - v)\nw -= lr * (m / (1 - 0.9 ** t)) / np.sqrt(v)", "adam"),
        ("c += g ** 2\nw -= lr * g / (np.sqrt(c) + 1e-8)", "adagrad"),
        ("total += np.sum((y - t) ** 2)\ntotal = total / n", ""),
    ],
)
def test_what_statements_are_by_their_form(text: str, claim: str) -> None:
    assert by_form(text) == claim
