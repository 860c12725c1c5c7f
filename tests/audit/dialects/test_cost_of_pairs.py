"""A network of columns whose cost takes a list of pairs: what that charges for the weights is what a step must pay."""

from __future__ import annotations

from pathlib import Path

import pytest

from handgrad.audit.session import audit_file

NET = """
import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


class Net:
    def __init__(self, sizes, strength=0.001):
        self.strength = strength
        rng = np.random.default_rng(0)
        self.biases = [rng.normal(0, 1, (n, 1)) for n in sizes[1:]]
        self.weights = [rng.normal(0, 0.3, (n, m)) for m, n in zip(sizes, sizes[1:])]

    def feedforward(self, a):
        for b, w in zip(self.biases, self.weights):
            a = sigmoid(w @ a + b)
        return a

    def update_mini_batch(self, mini_batch, eta):
        sum_b = [np.zeros_like(b) for b in self.biases]
        sum_w = [np.zeros_like(w) for w in self.weights]
        for x, y in mini_batch:
            some_b, some_w = self.backprop(x, y)
            sum_b = [s + g for s, g in zip(sum_b, some_b)]
            sum_w = [s + g for s, g in zip(sum_w, some_w)]
        n = len(mini_batch)
        self.weights = [(1 - eta * self.strength) * w - eta / n * s for w, s in zip(self.weights, sum_w)]
        self.biases = [b - eta / n * s for b, s in zip(self.biases, sum_b)]

    def backprop(self, x, y):
        outputs = [x]
        for b, w in zip(self.biases, self.weights):
            outputs.append(sigmoid(w @ outputs[-1] + b))
        delta = (outputs[-1] - y) * outputs[-1] * (1 - outputs[-1])
        of_b, of_w = [delta], [delta @ outputs[-2].T]
        for l in range(2, len(outputs)):
            delta = self.weights[-l + 1].T @ delta * outputs[-l] * (1 - outputs[-l])
            of_b.insert(0, delta)
            of_w.insert(0, delta @ outputs[-l - 1].T)
        return of_b, of_w

    def cost(self, data):
        error = sum(0.5 * np.sum((self.feedforward(x) - y) ** 2) for x, y in data) / len(data)
        return error + 0.5 * self.strength * sum(np.sum(w ** 2) for w in self.weights)


net = Net([12, 9, 6])
"""
DECAY = "(1 - eta * self.strength) * w"
OF_ALL = ("0.5 * self.strength * sum", "0.5 * self.strength / len(data) * sum")  # judged by the derivative of its error


@pytest.mark.parametrize(
    ("old", "new", "codes"),
    [
        ("", "", set()),
        (DECAY, "w", {"penalty-missing"}),
        (DECAY, "(1 + eta * self.strength) * w", {"weight-decay-sign"}),
        ("[b - eta / n", "[(1 - eta * self.strength) * b - eta / n", {"weight-decay"}),
        (*OF_ALL, set()),
    ],
)
def test_what_a_cost_of_pairs_charges(old: str, new: str, codes: set[str], tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(NET.replace(old, new) if old else NET)
    findings = audit_file({"path": tmp_path / "net.py"})["findings"]
    assert {one["code"] for one in findings if one["severity"] != "note"} == codes
