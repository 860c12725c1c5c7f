"""A dropout that only the training step draws: its gradients are held against the loss behind the masks it drew."""

from __future__ import annotations

from pathlib import Path

import pytest
from quick_first import quick_first

from handgrad.audit.session import audit_file

NET = """
import numpy as np


class Net:
    def __init__(self):
        rng = np.random.default_rng(0)
        self.params = {"W1": rng.normal(0, 0.3, (12, 9)), "b1": np.zeros(9)}
        self.params |= {"W2": rng.normal(0, 0.3, (9, 8)), "b2": np.zeros(8)}
        self.params |= {"W3": rng.normal(0, 0.3, (8, 6)), "b3": np.zeros(6)}

    def predict(self, x):
        p = self.params
        h = np.tanh(x @ p["W1"] + p["b1"])
        return softmax(np.tanh(h @ p["W2"] + p["b2"]) @ p["W3"] + p["b3"])

    def loss(self, x, t):
        return -np.mean(np.log(self.predict(x)[np.arange(len(t)), t] + 1e-12))

    def gradient(self, x, t):
        p, grads = self.params, {}
        h1 = np.tanh(x @ p["W1"] + p["b1"])
        mask = (np.random.rand(*h1.shape) < 0.8) / 0.8
        d1 = h1 * mask
        h2 = np.tanh(d1 @ p["W2"] + p["b2"])
        y = softmax(h2 @ p["W3"] + p["b3"])
        dz = y.copy()
        dz[np.arange(len(t)), t] -= 1
        dz = dz / len(t)
        grads["W3"], grads["b3"] = h2.T @ dz, dz.sum(axis=0)
        dz = (dz @ p["W3"].T) * (1 - h2**2)
        grads["W2"], grads["b2"] = d1.T @ dz, dz.sum(axis=0)
        dh = (dz @ p["W2"].T) * mask
        dz = dh * (1 - h1**2)
        grads["W1"], grads["b1"] = x.T @ dz, dz.sum(axis=0)
        return grads


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


net = Net()
for i in range(0):
    grads = net.gradient(x, t)
    for key in net.params:
        net.params[key] -= 0.1 * grads[key]
"""
MASKED = '(dz @ p["W2"].T) * mask'
DRAWN = "(np.random.rand(*h1.shape) < 0.8) / 0.8"


def said(text: str, tmp_path: Path) -> list[tuple[str, str, int]]:
    (tmp_path / "net.py").write_text(text)
    findings = audit_file({"path": tmp_path / "net.py"})["findings"]
    return [(one["code"], one["severity"], one["line"]) for one in findings if one["severity"] != "note"]


def test_the_right_one_is_judged_and_silent(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(NET)
    assert audit_file({"path": tmp_path / "net.py"})["findings"] == []


@pytest.mark.parametrize(
    ("find", "put", "code", "severity"),
    quick_first([
        (MASKED, '(dz @ p["W2"].T)', "dropout-mask-not-applied", "error"),
        (MASKED, '(dz @ p["W2"].T) * (mask > 0)', "dropout-scale-differs", "error"),
        (DRAWN, "1.0 * (np.random.rand(*h1.shape) < 0.8)", "dropout-modes-disagree", "warning"),
        ('(dz @ p["W3"].T) * (1 - h2**2)', '(dz @ p["W3"].T)', "activation-derivative-missing", "error"),
        ("dh * (1 - h1**2)", "dh * (1 - d1**2)", "unnamed", "error"),
    ], lambda case: case[3]),
)  # fmt: skip
def test_mistakes_behind_it(find: str, put: str, code: str, severity: str, tmp_path: Path) -> None:
    text = NET.replace(find, put)
    assert said(text, tmp_path) == [(code, severity, text[: text.index(put)].count("\n") + 1)]


def test_noise_is_no_mask_and_is_not_judged(tmp_path: Path) -> None:
    text = NET.replace(DRAWN, "0.1 * np.random.randn(*h1.shape)").replace("h1 * mask", "h1 + mask")
    (tmp_path / "net.py").write_text(text.replace(" * mask", ""))
    assert [one["code"] for one in audit_file({"path": tmp_path / "net.py"})["findings"]] == ["random-step"]
