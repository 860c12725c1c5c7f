"""Penalties: a strength that functions ask for is given to all of them, and a loop may decay what they left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from handgrad.audit.session import audit_file

COURSE = """\
import numpy as np


def initialize_parameters(n_x, n_h, n_y):
    np.random.seed(1)
    return {"W1": np.random.randn(n_h, n_x) * 0.3, "b1": np.zeros((n_h, 1)),
            "W2": np.random.randn(n_y, n_h) * 0.3, "b2": np.zeros((n_y, 1))}


def forward_propagation(X, parameters):
    A1 = np.tanh(np.dot(parameters["W1"], X) + parameters["b1"])
    A2 = 1 / (1 + np.exp(-(np.dot(parameters["W2"], A1) + parameters["b2"])))
    return A2, {"A1": A1, "A2": A2}


def compute_cost(A2, Y, parameters, lambd):
    m = Y.shape[1]
    cost = -np.sum(Y * np.log(A2) + (1 - Y) * np.log(1 - A2)) / m
    return cost + lambd / (2 * m) * (np.sum(parameters["W1"] ** 2) + np.sum(parameters["W2"] ** 2))


def backward_propagation(X, Y, cache, parameters, lambd):
    m = X.shape[1]
    dZ2 = cache["A2"] - Y
    dW2 = np.dot(dZ2, cache["A1"].T) / m + lambd / m * parameters["W2"]
    db2 = np.sum(dZ2, axis=1, keepdims=True) / m
    dZ1 = np.dot(parameters["W2"].T, dZ2) * (1 - cache["A1"] ** 2)
    dW1 = np.dot(dZ1, X.T) / m + lambd / m * parameters["W1"]
    db1 = np.sum(dZ1, axis=1, keepdims=True) / m
    return {"dW1": dW1, "db1": db1, "dW2": dW2, "db2": db2}


def update_parameters(parameters, grads, learning_rate):
    for k in parameters:
        parameters[k] = parameters[k] - learning_rate * grads["d" + k]
    return parameters
"""

MINIMAL = """\
import numpy as np


class Net:
    def __init__(self, n_in=20, n_hidden=12, n_out=5):
        self.params = {"W1": np.random.randn(n_in, n_hidden) * 0.3, "b1": np.zeros(n_hidden),
                       "W2": np.random.randn(n_hidden, n_out) * 0.3, "b2": np.zeros(n_out)}

    def predict(self, x):
        self.h = 1 / (1 + np.exp(-(x @ self.params["W1"] + self.params["b1"])))
        s = self.h @ self.params["W2"] + self.params["b2"]
        e = np.exp(s - s.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def loss(self, x, t):
        penalty = sum(np.sum(p ** 2) for name, p in self.params.items() if name.startswith("W"))
        return -np.mean(np.log(self.predict(x)[np.arange(len(t)), t] + 1e-7)) + 0.5 * 1e-3 * penalty

    def gradient(self, x, t):
        d = self.predict(x)
        d[np.arange(len(t)), t] -= 1
        d /= len(t)
        dh = (d @ self.params["W2"].T) * self.h * (1 - self.h)
        return {"W2": self.h.T @ d, "b2": d.sum(axis=0), "W1": x.T @ dh, "b1": dh.sum(axis=0)}


def main():
    data = np.load("digits.npz")
    x_train, t_train = data["x"], data["t"]
    net = Net()
    for i in range(1000):
        rows = np.random.choice(len(x_train), 32)
        grads = net.gradient(x_train[rows], t_train[rows])
        for key in net.params:
            if key.startswith("W"):
                grads[key] += 1e-3 * net.params[key]
            net.params[key] -= 0.5 * grads[key]
        if i % 100 == 0:
            print(net.loss(x_train[rows], t_train[rows]))


main()
"""

TRICK = """\
import numpy as np

data = np.loadtxt("digits.csv", delimiter=",")
X = np.hstack([data[:, 1:], np.ones((len(data), 1))])
y = data[:, 0].astype(int)
theta = np.random.randn(785, 10) * 0.01
lr = 0.1

for epoch in range(20):
    order = np.random.permutation(len(X))
    for start in range(0, len(X), 25):
        rows = order[start:start + 25]
        xb, yb = X[rows], y[rows]
        scores = xb @ theta
        p = np.exp(scores - scores.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        loss = -np.mean(np.log(p[np.arange(len(yb)), yb]))
        d = p.copy()
        d[np.arange(len(yb)), yb] -= 1
        grad = xb.T @ d / len(yb)
        theta = theta - lr * grad
    print(epoch, loss)
"""


def told(tmp_path: Path, text: str) -> list[tuple[str, int]]:
    """(code, line) of what is wrong with a file."""
    path = tmp_path / "net.py"
    path.write_text(text, encoding="utf-8")
    findings = audit_file({"path": str(path)})["findings"]
    return [(one["code"], one["line"]) for one in findings if one["severity"] != "note"]


@pytest.mark.parametrize("right", [COURSE, MINIMAL, TRICK], ids=["course", "minimal", "trick"])
def test_right_penalties_are_right(tmp_path: Path, right: str) -> None:
    assert told(tmp_path, right) == []


@pytest.mark.parametrize(
    ("find", "put", "code"),
    [
        (' + lambd / m * parameters["W1"]', "", "penalty-missing"),
        ('lambd / m * parameters["W1"]', 'lambd * parameters["W1"]', "penalty-scaled"),
    ],
)
def test_a_wrong_gradient_of_a_penalty_that_is_asked_for(tmp_path: Path, find: str, put: str, code: str) -> None:
    wrong = COURSE.replace(find, put)
    line = next(n for n, text in enumerate(wrong.split("\n"), 1) if "dW1 = " in text)
    assert told(tmp_path, wrong) == [(code, line)]


def test_a_loop_that_decays_the_biases_as_well(tmp_path: Path) -> None:
    wrong = MINIMAL.replace('            if key.startswith("W"):\n                grads', "            grads")
    line = next(n for n, text in enumerate(wrong.split("\n"), 1) if "+= 1e-3" in text)
    assert told(tmp_path, wrong) == [("weight-decay", line)]
    subject = audit_file({"path": str(tmp_path / "net.py")})["subject"]
    assert subject["found"]["update"].startswith("loop in main")  # what was judged is what the report says


def test_one_row_of_many_that_is_never_updated(tmp_path: Path) -> None:
    wrong = TRICK.replace("theta = theta - lr * grad", "theta[:-1] -= lr * grad[:-1]")
    assert [code for code, _ in told(tmp_path, wrong)] == ["unnamed"]
