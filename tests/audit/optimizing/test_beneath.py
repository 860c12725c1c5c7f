"""Beneath: gradients under a step that Adam scales, in nets that people keep in dictionaries and lists of matrices."""

from __future__ import annotations

from pathlib import Path

import pytest

from handgrad.audit.session import audit_file

GLUE = """\
import numpy as np

rng = np.random.default_rng(0)
P = {"W1": rng.normal(0, 0.3, (12, 9)), "b1": np.zeros(9), "W2": rng.normal(0, 0.3, (9, 4)), "b2": np.zeros(4)}
m, v, count = ({k: 0.0 for k in P}, {k: 0.0 for k in P}, [0])


def parameters():
    return P


def forward(x):
    h = np.tanh(x @ P["W1"] + P["b1"])
    s = h @ P["W2"] + P["b2"]
    e = np.exp(s - s.max(axis=1, keepdims=True))
    return h, e / e.sum(axis=1, keepdims=True)


def loss(x, y):
    return -np.mean(np.log(forward(x)[1][np.arange(len(y)), y] + 1e-12))


def step(x, y, lr):
    h, d = forward(x)
    d[np.arange(len(y)), y] -= 1
    d /= len(y)
    dh = (d @ P["W2"].T) * (1 - h * h)
    count[0] += 1
    for k, g in {"W1": x.T @ dh, "b1": dh.sum(0), "W2": h.T @ d, "b2": d.sum(0)}.items():
        m[k] = 0.9 * m[k] + 0.1 * g
        v[k] = 0.999 * v[k] + 0.001 * g * g
        P[k] -= lr * m[k] / (1 - 0.9 ** count[0]) / (np.sqrt(v[k] / (1 - 0.999 ** count[0])) + 1e-8)
"""

NESTED = """\
import numpy as np

rng = np.random.default_rng(1)
sizes = [12, 9, 9, 4]
model = {l: {"W": rng.normal(0, 0.4, (sizes[l - 1], sizes[l])), "b": np.zeros(sizes[l])} for l in (1, 2, 3)}


def zeros():
    return {l: {k: np.zeros_like(p) for k, p in layer.items()} for l, layer in model.items()}


state = {"m": zeros(), "v": zeros(), "t": 0}


def forward(model, X):
    cache = {0: X}
    for l in range(1, len(model) + 1):
        Z = cache[l - 1] @ model[l]["W"] + model[l]["b"]
        cache[l] = np.maximum(Z, 0) if l < len(model) else Z
    E = np.exp(Z - Z.max(axis=1, keepdims=True))
    return E / E.sum(axis=1, keepdims=True), cache


def cost(P, y):
    return -np.mean(np.log(P[np.arange(len(y)), y] + 1e-12))


def backward(model, P, cache, y):
    grads, D = {}, P.copy()
    D[np.arange(len(y)), y] -= 1
    D = D / len(y)
    for l in range(len(model), 0, -1):
        grads[l] = {"W": cache[l - 1].T @ D, "b": D.sum(axis=0)}
        D = (D @ model[l]["W"].T) * (cache[l - 1] > 0)
    return grads


def update(model, grads, state, lr, b1=0.9, b2=0.999):
    state["t"] += 1
    for l in model:
        for k in model[l]:
            m, v = state["m"][l], state["v"][l]
            m[k] = b1 * m[k] + (1 - b1) * grads[l][k]
            v[k] = b2 * v[k] + (1 - b2) * grads[l][k] ** 2
            m_hat, v_hat = m[k] / (1 - b1 ** state["t"]), v[k] / (1 - b2 ** state["t"])
            model[l][k] -= lr * m_hat / (np.sqrt(v_hat) + 1e-8)
"""

LISTS = """\
import numpy as np


def softmax(z):
    e = np.exp(z - z.max(axis=0))
    return e / e.sum(axis=0)


class Network:
    def __init__(self, sizes):
        self.sizes, self.t, self.moments = sizes, 0, {}
        self.biases = [np.zeros((n, 1)) for n in sizes[1:]]
        self.weights = [np.random.randn(n, m) * np.sqrt(2 / m) for m, n in zip(sizes[:-1], sizes[1:])]

    def feedforward(self, a):
        for b, w in zip(self.biases[:-1], self.weights[:-1]):
            a = np.maximum(w @ a + b, 0)
        return softmax(self.weights[-1] @ a + self.biases[-1])

    def backprop(self, x, y):
        acts = [x]
        for b, w in zip(self.biases[:-1], self.weights[:-1]):
            acts.append(np.maximum(w @ acts[-1] + b, 0))
        delta = (softmax(self.weights[-1] @ acts[-1] + self.biases[-1]) - y) / x.shape[1]
        nabla_b, nabla_w = [], []
        for w, a in zip(self.weights[::-1], acts[::-1]):
            nabla_b.insert(0, delta.sum(axis=1, keepdims=True))
            nabla_w.insert(0, delta @ a.T)
            delta = (w.T @ delta) * (a > 0)
        return nabla_b, nabla_w

    def update_mini_batch(self, x, y, eta):
        nabla_b, nabla_w = self.backprop(x, y)
        self.t += 1
        for i in range(len(self.weights)):
            for kind, array, g in (("b", self.biases[i], nabla_b[i]), ("w", self.weights[i], nabla_w[i])):
                m, v = self.moments.get((kind, i), (0, 0))
                m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g ** 2
                self.moments[kind, i] = m, v
                array -= eta * m / (1 - 0.9 ** self.t) / (np.sqrt(v / (1 - 0.999 ** self.t)) + 1e-8)

    def cost(self, x, y):
        return -np.sum(y * np.log(self.feedforward(x) + 1e-12)) / x.shape[1]


np.random.seed(3)
net = Network([20, 12, 10])
"""

SCRIPT = """\
import numpy as np

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
y = np.array([[0], [1], [1], [0]])


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


np.random.seed(1)
W1, b1 = np.random.uniform(-1, 1, (2, 5)), np.zeros((1, 5))
W2, b2 = np.random.uniform(-1, 1, (5, 1)), np.zeros((1, 1))
weights = [W1, b1, W2, b2]
m = [np.zeros_like(p) for p in weights]
v = [np.zeros_like(p) for p in weights]
beta1, beta2 = 0.9, 0.999

for epoch in range(3000):
    h = sigmoid(X @ W1 + b1)
    out = sigmoid(h @ W2 + b2)
    loss = 0.5 * np.sum((out - y) ** 2)
    d2 = (out - y) * out * (1 - out)
    d1 = d2 @ W2.T * h * (1 - h)
    gradients = [X.T @ d1, d1.sum(axis=0, keepdims=True), h.T @ d2, d2.sum(axis=0, keepdims=True)]
    for k, (parameter, gradient) in enumerate(zip(weights, gradients)):
        m[k] = beta1 * m[k] + (1 - beta1) * gradient
        v[k] = beta2 * v[k] + (1 - beta2) * gradient ** 2
        m_hat, v_hat = m[k] / (1 - beta1 ** (epoch + 1)), v[k] / (1 - beta2 ** (epoch + 1))
        parameter -= 0.02 * m_hat / (np.sqrt(v_hat) + 1e-8)
"""

COUNTER = "        self.t += 1\n        for i in range(len(self.weights)):\n"
INSIDE = "        for i in range(len(self.weights)):\n            self.t += 1\n"


def told(tmp_path: Path, text: str) -> list[tuple[str, int]]:
    """(code, line) of what is wrong with a file."""
    path = tmp_path / "net.py"
    path.write_text(text, encoding="utf-8")
    return [(one["code"], one["line"]) for one in audit_file({"path": str(path)})["findings"]]


def test_a_step_that_adam_scales_is_no_wrong_gradient(tmp_path: Path) -> None:
    assert [code for code, _ in told(tmp_path, GLUE)] == ["scaled-step"]


@pytest.mark.parametrize("right", [NESTED, LISTS, SCRIPT], ids=["nested", "lists", "script"])
def test_the_gradients_under_such_a_step_are_judged(tmp_path: Path, right: str) -> None:
    assert told(tmp_path, right) == []


@pytest.mark.parametrize(
    ("right", "find", "put", "code"),
    [
        (NESTED, "(cache[l - 1] > 0)", "1.0", "activation-derivative-missing"),
        (NESTED, "(1 - b1) * grads", "(1 - b2) * grads", "optimizer-average-unweighted"),
        (LISTS, COUNTER, INSIDE, "optimizer-counter-per-layer"),
        (SCRIPT, "(1 - beta1) * gradient", "(1 - beta2) * gradient", "optimizer-average-unweighted"),
        (SCRIPT, "* h * (1 - h)", "* h", "derivative-incomplete"),
    ],
)  # fmt: skip
def test_and_what_is_wrong_there_has_its_name_and_line(
    tmp_path: Path, right: str, find: str, put: str, code: str
) -> None:
    wrong = right.replace(find, put)
    differ = {n for n, (a, b) in enumerate(zip(wrong.split("\n"), right.split("\n"), strict=True), 1) if a != b}
    named = [line for said, line in told(tmp_path, wrong) if said == code]
    assert named
    assert named[0] in differ
