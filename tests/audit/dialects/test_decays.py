"""What a file calls `decay`: of its weights, which is judged, or of its learning rate, which is left alone."""

import ast
from pathlib import Path

import pytest

from handgrad.audit.dialects.decays import of_weights
from handgrad.audit.reading.pruning import MARK
from handgrad.audit.reading.source import Program
from handgrad.audit.session import audit_file

WEIGHTS = [
    "W -= lr * (dW + decay * W)",
    "loss = loss + 0.5 * decay * np.sum(W ** 2)",
    "layer.dweights += 2 * self.decay * layer.weights",
    "theta -= lr * decay * theta",
]
RATES = [
    "lr = lr0 / (1 + decay * epoch)",
    "self.lr *= 1 / (1 + self.decay * self.iterations)",
    "lr = lr0 * decay ** epoch",
    "lr = lr0 * np.exp(-decay * epoch)",
    "lr = lr0 / (1 + decay * (epoch // 10))",
    "lr *= decay",
]
AVERAGES = ["cache = decay * cache + (1 - decay) * g ** 2"]


@pytest.mark.parametrize("line", [*WEIGHTS, *RATES, *AVERAGES])
def test_of_which_it_is(line: str) -> None:
    program = Program(Path("net.py"), line, ast.parse(line))
    assert of_weights({MARK: program}) is (line in WEIGHTS)


NET = """
import numpy as np

decay = 1e-3
W = np.random.randn(12, 7) * 0.3
V = np.random.randn(7, 4) * 0.3


def train_step(x, y, lr):
    h = np.tanh(x @ W)
    s = h @ V
    p = np.exp(s - s.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(len(y)), y]).mean() + decay * (np.sum(W ** 2) + np.sum(V ** 2))
    d = p.copy()
    d[np.arange(len(y)), y] -= 1
    d /= len(y)
    dV = h.T @ d + 2 * decay * V
    dW = x.T @ (d @ V.T * (1 - h ** 2)) + 2 * decay * W
    W[...] -= lr * dW
    V[...] -= lr * dV
    return loss
"""


@pytest.mark.parametrize(("share", "said"), [("", []), (" + 2 * decay * ", ["penalty-missing"])])
def test_a_penalty_of_that_name_is_judged(share: str, said: list[str], tmp_path: Path) -> None:
    text = NET.replace(f"{share}V\n", "\n").replace(f"{share}W\n", "\n") if share else NET
    path = tmp_path / "net.py"
    path.write_text(text, encoding="utf-8")
    findings = audit_file({"path": str(path)})["findings"]
    assert [one["code"] for one in findings if one["severity"] != "note"] == said
