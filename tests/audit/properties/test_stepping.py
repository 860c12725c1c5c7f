"""What never reaches the parameters is read off the text; what does is left alone."""

from __future__ import annotations

import ast
from textwrap import dedent
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from handgrad.audit.properties.idling import never_stepped
from handgrad.audit.properties.lost import lost_update
from handgrad.audit.properties.stepping import climbing, only_sign

LOST = {
    """
    def update(params, grads, lr):
        new = {}
        for k in params:
            new[k] = params[k] - lr * grads[k]
        return new

    for epoch in range(9):
        update(params, gradient(params), 0.1)
    """: 8,
    """
    def descend(net, slopes, rate):
        return tuple((w - lr * dw, b - lr * db) for (w, b), (dw, db) in zip(net, slopes))

    for epoch in range(9):
        descend(net, slopes(net), 0.1)
    """: 5,
    """
    def update(params, grads, lr):
        new = params
        for k in params:
            new[k] = params[k] - lr * grads[k]
        return new

    for epoch in range(9):
        update(params, gradient(params), 0.1)
    """: None,
    """
    def show(params, grads, lr):
        ahead = [p - lr * g for p, g in zip(params, grads)]
        print(ahead)
        return ahead

    for epoch in range(9):
        show(params, gradient(params), 0.1)
    """: None,
    """
    for w, dw in zip(weights, grads):
        w = w - lr * dw
    """: 2,
    """
    def step(self):
        for name in ("W1", "b1"):
            p = getattr(self, name)
            p = p - self.lr * self.grads[name]
    """: 4,
    """
    def update(w, dw, config):
        v = config["momentum"] * v - config["learning_rate"] * dw
        w = w + v
        config["velocity"] = v
    """: 3,
    """
    def update(w, dw, lr):
        w = w - lr * dw
        return w
    """: None,
    """
    for key in params:
        w = params[key]
        w = w - lr * grads[key]
        params[key] = w
    """: None,
    """
    for epoch in range(9):
        W = W - lr * gradient(W)
    """: None,
    """
    def step(lr):
        global W
        W = W - lr * dW
    """: None,
    """
    for x in rows:
        x = x - mean
    """: None,
    """
    for w, dw in zip(weights, grads):
        w -= lr * dw
    """: None,
    """
    for p in params:
        data = p.data - lr * p.grad
        data = data - lr * decay * p.data
    """: 3,
    """
    def update(model, grads, lr):
        for l in model:
            layer = dict(model[l])
            for k in layer:
                layer[k] = layer[k] - lr * grads[l][k]
    """: 5,
    """
    def update(params, grads, lr):
        new = dict(params)
        for k in new:
            new[k] = new[k] - lr * grads[k]
        return new
    """: None,
    """
    def update(params, grads, lr):
        layer = dict(params)
        for k in layer:
            layer[k] -= lr * grads[k]
    """: None,
    """
    for k in params:
        w = params[k].copy()
        w -= lr * grads[k]
    """: 3,
    """
    w = start["w"].copy()
    for epoch in range(9):
        grad = x.T @ (x @ w - t)
        w -= lr * grad
    """: None,
    """
    def sgd(w, dw, config):
        w = w - config["learning_rate"] * dw
        return w, config
    class Solver:
        def __init__(self, net, rule=sgd):
            self.rule = rule
        def step(self, grads):
            for k, w in self.net.params.items():
                w, self.config[k] = self.rule(w, grads[k], self.config[k])
    """: 9,
    """
    def sgd(w, dw, config):
        w -= config["learning_rate"] * dw
        return w, config
    for k, w in params.items():
        w, config[k] = sgd(w, grads[k], config[k])
    """: None,
    """
    def update(W, b, dW, db, alpha):
        W = W - alpha * dW
        b = b - alpha * db
        return W, b
    def descend(x, t):
        W, b = start()
        for epoch in range(9):
            dW, db = slopes(W, b, x, t)
            update(W, b, dW, db, 0.1)
        return W, b
    """: 9,
    """
    def update(W, b, dW, db, alpha):
        W = W - alpha * dW
        b = b - alpha * db
        return W, b
    def descend(x, t):
        W, b = start()
        for epoch in range(9):
            dW, db = slopes(W, b, x, t)
            W, b = update(W, b, dW, db, 0.1)
        return W, b
    """: None,
    """
    def update(W, dW, alpha):
        W -= alpha * dW
        return W
    for epoch in range(9):
        update(W, slope(W, x, t), 0.1)
    """: None,
    """
    def update(params, grads, alpha):
        for key in params:
            params[key] = params[key] - alpha * grads[key]
        return params
    for epoch in range(9):
        update(params, slopes(params, x, t), 0.1)
    """: None,
}
SIGNS = {
    "for p, g in pairs:\n    p -= lr * np.sign(g)\n": 2,
    "W = W - lr * np.sign(dW)\n": 1,
    "p.data += -rate * (1 if p.grad > 0 else -1)\n": 1,
    "W -= lr * (dW + l1 * np.sign(W))\n": None,
    "W -= lr * l1 * np.sign(W)\n": None,
    "class SignSGD:\n    def step(self, p, g):\n        p -= self.lr * np.sign(g)\n": None,
}
IDLE = {
    """
    def gradient(x, t):
        return {"W": x.T @ (x - t)}
    for i in range(400):
        rows = np.random.choice(n, 50)
        grads = gradient(x[rows], t[rows])
    """: 5,
    """
    def backward(t):
        return {"W": x.T @ (p - t)}
    def train(x, t):
        total = 0.0
        for epoch in range(9):
            p = forward(x)
            grads = backward(t)
            total += loss(p, t)
    train(x, t)
    """: 7,
    """
    for epoch in range(9):
        scores = x @ theta
        scores = scores - scores.max()
        error = softmax(scores) - t
        grad = x.T @ error / n
    """: 5,
    """
    def gradient(x, t):
        return {"W": x.T @ (x - t)}
    for i in range(400):
        grads = gradient(x[rows], t[rows])
        for key in network.params:
            network.params[key] -= 0.1 * grads[key]
    """: None,
    """
    def backward(t):
        return {"W": x.T @ (p - t)}
    def move(net, grads):
        net.W = net.W - 0.1 * grads["W"]
    for epoch in range(9):
        move(net, backward(t))
    """: None,
    """
    def backward(x, t):
        return x.T @ (p - t)
    def step(batch):
        for x, t in batch:
            total = total + backward(x, t)
        W[...] -= 0.1 * total
    for batch in batches:
        step(batch)
    """: None,
    """
    from optim import SGD
    for epoch in range(9):
        net.backward(net.loss(x, t))
        optimizer.step()
    """: None,
    """
    for epoch in range(9):
        grads = backward(x, t)
        weights = [w - g for w, g in zip(weights, grads)]
    """: None,
    """
    def sgd(w, dw, config):
        w -= config["learning_rate"] * dw
    class Solver:
        def __init__(self, net, rule=sgd):
            self.rule = rule
        def step(self):
            grads = backward(self.net, x, t)
            for w, dw in zip(self.net.params, grads):
                self.rule(w, dw, self.config)
        def train(self):
            for epoch in range(9):
                self.step()
                self.config["learning_rate"] *= 0.9
    def backward(net, x, t):
        return x.T @ t
    Solver(net).train()
    """: None,
    """
    class Solver:
        def __init__(self, net):
            self.config = {"learning_rate": 0.1}
        def step(self):
            grads = backward(self.net, x, t)
        def train(self):
            for epoch in range(9):
                self.step()
                self.config["learning_rate"] *= 0.9
    def backward(net, x, t):
        return x.T @ t
    Solver(net).train()
    """: 5,
    """
    for epoch in range(9):
        h = np.tanh(x @ W)
        error = h - t
        dW = x.T @ (error * (1 - h ** 2))
        t += 1
        for i, g in enumerate([dW]):
            m[i] = 0.9 * m[i] + 0.1 * g
            m_hat = m[i] / (1 - 0.9 ** t)
    """: 8,
    """
    for epoch in range(9):
        h = np.tanh(x @ W)
        error = h - t
        dW = x.T @ (error * (1 - h ** 2))
        for i, g in enumerate([dW]):
            m[i] = 0.9 * m[i] + 0.1 * g
            params[i] -= 0.1 * m[i]
    """: None,
    """
    def numeric(net, x, t):
        return (net.loss(x, t) - before) / eps
    numeric(net, x, t)
    """: None,
    """
    class Layer:
        def backward(self, d):
            return d @ self.W.T
    net.loss(x, t)
    d = net.top.slope()
    for layer in reversed(net.layers):
        d = layer.backward(d)
    """: None,
    """
    class Gate:
        def forward(self, x):
            return squash(x @ self.W + self.b)
        def backward(self, x, t):
            off = (t - self.out) * self.out * (1 - self.out)
            self.W += x.T.dot(off) * self.pace
            self.b += off.sum(axis=0) * self.pace
        def train(self, x, t):
            for epoch in range(9):
                self.forward(x)
                self.backward(x, t)
    Gate().train(x, t)
    """: None,
    """
    class Gate:
        def forward(self, x):
            return squash(x @ self.W + self.b)
        def backward(self, x, t):
            off = (t - self.out) * self.out * (1 - self.out)
            self.dW += x.T.dot(off)
            self.db += off.sum(axis=0)
        def train(self, x, t):
            for epoch in range(9):
                self.forward(x)
                self.backward(x, t)
    Gate().train(x, t)
    """: 11,
    """
    def forward(x):
        return squash(x @ W)
    def backward(x, t):
        global W
        W += x.T.dot(t - forward(x)) * pace
    for epoch in range(9):
        backward(x, t)
    """: None,
    """
    for epoch in range(9):
        h = np.tanh(x @ V.T)
        top = h @ W - t
        W = W - 0.1 * h.T @ top
    """: None,
    """
    for x in samples:
        h = np.tanh(x @ W1.T)
        out = h @ W2.T
    """: None,
    """
    class Net:
        def forward(self, x):
            return x @ W
        def backward(self, x, t):
            return x.T @ (t - self.forward(x))
    class Rate:
        def before(self):
            self.current_learning_rate = self.learning_rate * (1 / (1 + self.decay * self.iterations))
        def after(self):
            self.iterations += 1
    for epoch in range(9):
        net.forward(x)
        net.backward(x, t)
        rate.before()
        rate.after()
    """: 13,
    """
    class Net:
        def forward(self, x):
            return x @ W
        def backward(self, x, t):
            return x.T @ (t - self.forward(x))
    class Rate:
        def before(self):
            self.current_learning_rate = self.learning_rate * (1 / (1 + self.decay * self.iterations))
            self.layer.W -= self.current_learning_rate * self.layer.dW
    for epoch in range(9):
        net.forward(x)
        net.backward(x, t)
        rate.before()
    """: None,
}


def arrays() -> dict[str, Any]:
    """A matrix that a list holds as well, and an average of its own."""
    W = np.zeros((2, 2))
    return {"W": W, "params": [W], "m": [np.zeros((2, 2))]}


def inspected(text: str) -> Any:
    return SimpleNamespace(
        namespace=arrays(),
        program=SimpleNamespace(tree=ast.parse(dedent(text).lstrip("\n")), filename="net.py"),
        diagnosis=SimpleNamespace(findings=()),
        reading=SimpleNamespace(
            functions={}, trains=False, subject=SimpleNamespace(parameters=lambda: {"W": np.zeros(2)})
        ),
    )


@pytest.mark.parametrize(("text", "line"), LOST.items())
def test_an_array_that_nobody_looks_at_again(text: str, line: int | None) -> None:
    assert [finding.line for finding in lost_update(inspected(text))] == ([line] if line else [])


@pytest.mark.parametrize(("text", "line"), SIGNS.items())
def test_steps_by_the_sign_alone(text: str, line: int | None) -> None:
    assert [finding.line for finding in only_sign(inspected(text))] == ([line] if line else [])


@pytest.mark.parametrize(("text", "line"), IDLE.items())
def test_a_program_that_never_updates(text: str, line: int | None) -> None:
    assert [finding.line for finding in never_stepped(inspected(text))] == ([line] if line else [])


LOOP = """
for i in range(400):
    loss, grads = net.gradient(x, t)
    for key in net.params:
        {step}
"""


@pytest.mark.parametrize(("step", "up"), [
    ("net.params[key] += 0.5 * grads[key]", True),
    ("net.params[key] += lr * grads[key]", True),
    ("net.params[key] -= 0.5 * grads[key]", False),
    ("net.params[key] += -lr * grads[key]", False),
    ("total[key] += grads[key]", False),
    ("mean[key] += 0.1 * grads[key]\n        net.params[key] -= lr * mean[key]", False),
])  # fmt: skip
def test_a_step_up_along_right_gradients(step: str, up: bool) -> None:
    inspection = inspected(LOOP.format(step=step))
    inspection.diagnosis.ok = True
    inspection.reading.functions = {"gradients": SimpleNamespace(__name__="gradient")}
    inspection.reading.subject.gradients = len
    assert [finding.line for finding in climbing(inspection)] == ([4] if up else [])
