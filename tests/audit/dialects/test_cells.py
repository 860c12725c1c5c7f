"""Networks and optimizers that are closures all through: what they keep in their cells is set as it is in instances."""

from __future__ import annotations

from pathlib import Path

import pytest
from quick_first import quick_first

from handgrad.audit.session import audit_file

NET = """
import numpy as np
from sklearn.datasets import load_digits


class Weights:
    def __init__(self, value):
        self.value, self.grad = value, np.zeros_like(value)


def Full(outputs, inputs, every):
    W, b = Weights(np.random.normal(0, 0.2, (outputs, inputs))), Weights(np.zeros(outputs))
    every += [W, b]

    def forward(x, training):
        def back(dy):
            W.grad += dy.T @ x
            b.grad += dy.sum(axis=0)
            return dy @ W.value
        return x @ W.value.T + b.value, back
    return forward


def Bend():
    def forward(x, training):
        y = np.tanh(x)
        return y, lambda dy: dy * (1 - y * y)
    return forward


def Dropout(rate):
    draws = np.random.default_rng(5)

    def forward(x, training):
        if not training:
            return x, lambda dy: dy
        mask = (draws.random(x.shape) >= rate) / (1.0 - rate)
        return x * mask, lambda dy: dy * mask
    return forward


def chain(*layers):
    def forward(x, training):
        backs = []
        for layer in layers:
            x, back = layer(x, training)
            backs.append(back)

        def backprop(dy):
            for back in reversed(backs):
                dy = back(dy)
            return dy
        return x, backprop
    return forward


def cross_entropy(scores, labels):
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    d = p.copy()
    d[np.arange(len(labels)), labels] -= 1
    return -np.log(p[np.arange(len(labels)), labels]).mean(), d / len(labels)


RULE

def main():
    X, y = load_digits(return_X_y=True)
    every = []
    model = chain(Full(20, 64, every), Bend(), Dropout(0.3), Full(10, 20, every))
    update = rule(every, 0.01)
    for epoch in range(20):
        for i in range(0, 1400, 20):
            scores, backprop = model(X[i:i + 20], True)
            loss, d_scores = cross_entropy(scores, y[i:i + 20])
            backprop(d_scores)
            update()
    guesses, _ = model(X[1400:], False)
    print((guesses.argmax(axis=1) == y[1400:]).mean())


main()
"""
ADAM = """
def rule(every, lr, b1=0.9, b2=0.999):
    return adam(every, lr, b1, b2)


def adam(every, lr, b1, b2):
    m, v = [np.zeros_like(p.value) for p in every], [np.zeros_like(p.value) for p in every]
    count = {"t": 0}

    def step():
        count["t"] += 1
        for i, p in enumerate(every):
            m[i] = b1 * m[i] + (1 - b1) * p.grad
            v[i] = b2 * v[i] + (1 - b2) * p.grad ** 2
            up, down = 1 - b1 ** count["t"], 1 - b2 ** count["t"]
            p.value -= lr * m[i] / up / (np.sqrt(v[i] / down) + 1e-8)
            p.grad[:] = 0
    return step
"""
PLAIN = """
def rule(every, lr):
    def step():
        for p in every:
            p.value -= lr * p.grad
            p.grad[:] = 0
    return step
"""


@pytest.mark.parametrize(
    ("rule", "old", "new", "said"),
    quick_first(
        [
            (ADAM, "", "", []),
            (PLAIN, "", "", []),
            (ADAM, "dy: dy * mask", "dy: dy", ["dropout-mask-not-applied"]),
            (PLAIN, "dy: dy * mask", "dy: dy * (mask > 0)", ["dropout-scale-differs"]),
            (ADAM, "dy: dy * (1 - y * y)", "dy: dy", ["activation-derivative-missing"]),
            (PLAIN, "rate) / (1.0 - rate)", "rate) * 1.0", ["dropout-modes-disagree"]),
            (ADAM, "model(X[1400:], False)", "model(X[1400:], True)", ["predicts-at-random"]),
            (PLAIN, "p.value -= lr", "p.value += lr", ["sign-flipped"]),
        ],
        lambda case: case[0],
        lambda case: bool(case[3]),
    ),
)
def test_what_closures_keep(tmp_path: Path, rule: str, old: str, new: str, said: list[str]) -> None:
    path = tmp_path / "net.py"
    text = NET.replace("RULE", rule)
    path.write_text(text.replace(old, new) if old else text, encoding="utf-8")
    answer = audit_file({"path": str(path)})
    assert answer["subject"]["sizes"] == [64, 20, 10]
    assert [one["code"] for one in answer["findings"] if one["severity"] != "note"] == said


LISTED = """
import numpy as np

def full(W, b):
    def forward(x):
        return x @ W + b, lambda dy: (dy @ W.T, x.T @ dy, dy.sum(0))
    return forward

def slopes(theta, x, t):
    W1, b1, W2, b2 = theta
    z, back1 = full(W1, b1)(x)
    h = np.tanh(z)
    s, back2 = full(W2, b2)(h)
    p = np.exp(s) / np.exp(s).sum(1, keepdims=True)
    dh, dW2, db2 = back2((p - t) / len(t))
    _, dW1, db1 = back1(dh * (1 - h * h))
    return -(t * np.log(p)).sum() / len(t), (dW1, db1, dW2, db2)

def momentum(theta, lr, mu):
    velocity = [np.zeros_like(p) for p in theta]

    def step(grads):
        for p, v, g in zip(theta, velocity, grads):
            v *= mu
            v -= lr * g
            p += v
    return step

theta = [np.random.randn(6, 9) / 3, np.zeros(9), np.random.randn(9, 4) / 3, np.zeros(4)]
step = momentum(theta, 0.05, 0.9)
for epoch in range(5):
    for x, t in batches:
        loss, grads = slopes(theta, x, t)
        step(grads)
"""


def test_a_step_that_remembers_is_as_the_file_made_it(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text(LISTED, encoding="utf-8")
    answer = audit_file({"path": str(path)})
    said = [one["code"] for one in answer["findings"]]
    assert (answer["subject"]["sizes"], said) == ([6, 9, 4], ["momentum"])
