"""Optimizers that take the weights and biases of a layer, and its gradients in one dictionary."""

from pathlib import Path

import pytest

from handgrad.audit.session import audit_file

RULES = """
import numpy as np


class Momentum:
    def __init__(self, lr=0.01, mu=0.9):
        self.lr, self.mu = lr, mu
        self.vw = self.vb = None

    def update(self, weights, biases, grads, t=None):
        if self.vw is None:
            self.vw, self.vb = np.zeros_like(weights), np.zeros_like(biases)
        self.vw = self.mu * self.vw - self.lr * grads["dW"]
        self.vb = self.mu * self.vb - self.lr * grads["db"]
        weights += self.vw
        biases += self.vb


class Adam:
    def __init__(self, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8):
        self.lr, self.beta1, self.beta2, self.eps = lr, beta1, beta2, eps
        self.m = None

    def update(self, weights, biases, grads, t):
        if self.m is None:
            self.m, self.v = np.zeros_like(weights), np.zeros_like(weights)
            self.mb, self.vb = np.zeros_like(biases), np.zeros_like(biases)
        self.m = self.beta1 * self.m + (1 - self.beta1) * grads["dW"]
        self.v = self.beta2 * self.v + (1 - self.beta2) * grads["dW"] ** 2
        self.mb = self.beta1 * self.mb + (1 - self.beta1) * grads["db"]
        self.vb = self.beta2 * self.vb + (1 - self.beta2) * grads["db"] ** 2
        up, down = 1 - self.beta1 ** t, 1 - self.beta2 ** t
        weights -= self.lr * self.m / up / (np.sqrt(self.v / down) + self.eps)
        biases -= self.lr * self.mb / up / (np.sqrt(self.vb / down) + self.eps)
"""
STEP_OF_B = "self.lr * self.mb / up / (np.sqrt(self.vb / down) + self.eps)"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("", "", []),
        (STEP_OF_B, 'self.lr * grads["db"]', [("optimizer-is-another", "biases -=")]),
        ('self.vb - self.lr * grads["db"]', 'self.vb + self.lr * grads["db"]', [("optimizer-climbs", "self.v")]),
    ],
)
def test_one_dictionary_of_gradients(tmp_path: Path, old: str, new: str, said: list[tuple[str, str]]) -> None:
    path = tmp_path / "rules.py"
    assert not old or old in RULES
    path.write_text(RULES.replace(old, new) if old else RULES, encoding="utf-8")
    answer = audit_file({"path": str(path)})
    assert answer["checks"] > 0
    assert [one["code"] for one in answer["findings"]] == [code for code, _ in said]
    lines = path.read_text(encoding="utf-8").splitlines()
    assert all(place in lines[one["line"] - 1] for one, (_, place) in zip(answer["findings"], said, strict=True))
