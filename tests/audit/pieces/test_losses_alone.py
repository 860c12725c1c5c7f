"""Losses of a file that are judged alone: which derivative goes with which value, and in which form of a batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from handgrad.audit.reading.sandbox import run_in_child

# The same name in small letters is for one sample, with a capital for a batch; what holds for labels that add up to 1
# has a name of its own.
TWO_OF_A_NAME = """
import numpy as np

def log_softmax(z):
    rows, classes = z.shape
    return z - np.tile(np.log(np.exp(z).sum(axis=1))[:, None], (1, classes))

def softmax(z):
    return np.exp(log_softmax(z))

def softmax_cross_entropy_loss(z, t):
    return -np.dot(np.squeeze(t), np.squeeze(log_softmax(z)))

def softmax_cross_entropy_loss_gradient(z, t):
    return np.sum(t) * softmax(z) - t

def softmax_cross_entropy_loss_gradient_one_hot(z, t):
    return softmax(z) - t

def Softmax_cross_entropy_loss(z, t):
    return -np.sum(t * log_softmax(z))

def Softmax_cross_entropy_loss_gradient(z, t):
    return softmax(z) * t.sum(axis=1, keepdims=True) - t
"""


def audited(folder: Path, text: str) -> dict[str, Any]:
    path = folder / "losses.py"
    path.write_text(text, encoding="utf-8")
    return run_in_child("handgrad.audit.session:audit_file", {"path": str(path)})


def test_names_that_differ_in_a_capital_only_are_two_losses(tmp_path: Path) -> None:
    found = audited(tmp_path, TWO_OF_A_NAME)
    assert found["findings"] == []
    assert "Softmax_cross_entropy_loss" in found["subject"]["found"]["losses"]


@pytest.mark.parametrize("capital", ["s", "S"])
def test_a_wrong_one_of_the_two_is_told(capital: str, tmp_path: Path) -> None:
    name = f"{capital}oftmax_cross_entropy_loss"
    right = f"def {name}_gradient(z, t):\n    return "
    found = audited(tmp_path, TWO_OF_A_NAME.replace(right, right + "t - "))
    told = [(one["code"], one["where"]) for one in found["findings"]]
    assert (capital == "S") == bool(told)  # that for one sample takes no batch, and is left alone
    assert all(where == [name] for _, where in told)


HUBER = """
import numpy as np

class HuberLoss:
    def __init__(self, delta):
        self.delta = delta

    def forward(self, y_pred, y_true):
        z = np.abs(y_pred - y_true)
        return np.where(z < self.delta, 0.5 * z ** 2, self.delta * (z - 0.5 * self.delta)).sum()

    def backward(self, y_pred, y_true):
        return np.clip(y_pred - y_true, -self.delta, self.delta)
"""


def test_a_loss_that_is_told_a_number_is_judged(tmp_path: Path) -> None:
    found = audited(tmp_path, HUBER)
    assert (found["findings"], found["subject"]["found"]) == ([], {"losses": "HuberLoss"})
    wrong = audited(tmp_path, HUBER.replace("np.clip(y_pred - y_true,", "np.clip(np.abs(y_pred - y_true),"))
    assert [(one["code"], one["where"]) for one in wrong["findings"]] == [("loss-gradient-wrong", ["HuberLoss"])]
