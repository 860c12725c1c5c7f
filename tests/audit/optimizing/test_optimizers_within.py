"""Optimizers that are the update of a network itself, and functions that keep their state in a dictionary."""

from __future__ import annotations

from pathlib import Path

import pytest

from handgrad.audit.reading.sandbox import run_in_child

NET = """
import numpy as np


class Net:
    def __init__(self, n_in=12, n_hidden=9, n_out=6):
        rng = np.random.default_rng(0)
        self.W1 = rng.normal(0, 0.3, (n_in, n_hidden))
        self.b1 = np.zeros(n_hidden)
        self.W2 = rng.normal(0, 0.3, (n_hidden, n_out))
        self.b2 = np.zeros(n_out)
        self.t = 0
        self.m, self.v = {}, {}

    def forward(self, x):
        self.x = x
        self.h = np.tanh(x @ self.W1 + self.b1)
        e = np.exp(self.h @ self.W2 + self.b2)
        self.p = e / e.sum(axis=1, keepdims=True)
        return self.p

    def loss(self, y):
        return -np.mean(np.log(self.p[np.arange(len(y)), y]))

    def backward(self, y):
        d = self.p.copy()
        d[np.arange(len(y)), y] -= 1
        d /= len(y)
        self.dW2, self.db2 = self.h.T @ d, d.sum(axis=0)
        d = d @ self.W2.T * (1 - self.h**2)
        self.dW1, self.db1 = self.x.T @ d, d.sum(axis=0)

    def update(self, lr=0.001, beta1=0.9, beta2=0.999):
        self.t += 1
        for name in ("W1", "b1", "W2", "b2"):
            p, g = getattr(self, name), getattr(self, "d" + name)
            self.m[name] = beta1 * self.m.get(name, 0) + (1 - beta1) * g
            self.v[name] = beta2 * self.v.get(name, 0) + (1 - beta2) * g**2
            m_hat = self.m[name] / (1 - beta1**self.t)
            v_hat = self.v[name] / (1 - beta2**self.t)
            p -= lr * m_hat / (np.sqrt(v_hat) + 1e-8)
"""
RULES = """
import numpy as np


def momentum_rule(w, dw, config):
    v = config.get("velocity", np.zeros_like(w))
    v = config["momentum"] * v - config["learning_rate"] * dw
    w += v
    config["velocity"] = v
    return config


settings = {"learning_rate": 0.1, "momentum": 0.9}
"""


def _codes(text: str, tmp_path: Path) -> set[tuple[str, int]]:
    path = tmp_path / "net.py"
    path.write_text(text)
    found = run_in_child("handgrad.audit.session:audit_file", {"path": str(path)})["findings"]
    return {(one["code"], one["line"]) for one in found if one["severity"] != "note"}


def _line(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new", "code", "at"),
    [
        ("", "", "", ""),
        ("(1 - beta1) * g", "(1 - beta2) * g", "optimizer-average-unweighted", "self.m[name] ="),
        ("np.sqrt(v_hat)", "v_hat", "optimizer-no-root", "p -="),
        ("lr * m_hat", "lr * g", "optimizer-is-another", "p -="),
        (" / (1 - beta1**self.t)", "", "optimizer-bias-half", ""),
    ],
)
def test_an_update_of_a_network_is_judged(old: str, new: str, code: str, at: str, tmp_path: Path) -> None:
    text = NET.replace(old, new) if old else NET
    found = _codes(text, tmp_path)
    assert {one for one, _ in found} == ({code} if code else set())
    assert not at or (code, _line(text, at)) in found


@pytest.mark.parametrize(
    ("old", "new", "code", "at"),
    [
        ("", "", "", ""),
        ("w += v", "w = w + v", "optimizer-rebinds", "w = w + v"),
        ('    config["velocity"] = v\n', "", "optimizer-memory-lost", "def momentum_rule"),
    ],
)
def test_a_rule_with_a_dictionary_of_settings_is_judged(old: str, new: str, code: str, at: str, tmp_path: Path) -> None:
    from handgrad.audit.optimizing.optimizers import check_namespace
    from handgrad.audit.reading.source import read_program

    text = RULES.replace(old, new) if old else RULES
    (tmp_path / "rules.py").write_text(text)
    program = read_program(str(tmp_path / "rules.py"))
    namespace = program.execute().namespace
    with program.guarded():
        found = [(one.code, one.line) for one in check_namespace(program, namespace)]
    assert found == ([(code, _line(text, at))] if code else [])


MOMENTUM = """
import numpy as np

class Net:
    def __init__(self, n_in=12, n_hidden=9, n_out=6):
        self.W1 = np.random.randn(n_in, n_hidden) * np.sqrt(2 / n_in)
        self.b1 = np.zeros(n_hidden)
        self.W2 = np.random.randn(n_hidden, n_out) * np.sqrt(2 / n_hidden)
        self.b2 = np.zeros(n_out)
        self.momentum = 0.9
        self.v_W1, self.v_b1 = np.zeros_like(self.W1), np.zeros_like(self.b1)
        self.v_W2, self.v_b2 = np.zeros_like(self.W2), np.zeros_like(self.b2)

    def forward(self, x):
        self.x = x
        self.h = np.maximum(0, x @ self.W1 + self.b1)
        z = self.h @ self.W2 + self.b2
        e = np.exp(z - z.max(axis=1, keepdims=True))
        self.p = e / e.sum(axis=1, keepdims=True)
        return self.p

    def loss(self, t):
        return -np.mean(np.sum(t * np.log(self.p + 1e-12), axis=1))

    def backward(self, t):
        dz = (self.p - t) / len(t)
        self.dW2, self.db2 = self.h.T @ dz, dz.sum(axis=0)
        dh = dz @ self.W2.T * (self.h > 0)
        self.dW1, self.db1 = self.x.T @ dh, dh.sum(axis=0)

    def update(self, lr):
        self.v_W1 = self.momentum * self.v_W1 - lr * self.dW1
        self.v_b1 = self.momentum * self.v_b1 - lr * self.db1
        self.v_W2 = self.momentum * self.v_W2 - lr * self.dW2
        self.v_b2 = self.momentum * self.v_b2 - lr * self.db2
        self.W1 += self.v_W1
        self.b1 += self.v_b1
        self.W2 += self.v_W2
        self.b2 += self.v_b2
"""


@pytest.mark.parametrize(
    ("old", "new", "codes"),
    [
        ("", "", []),
        ("= self.momentum * self.v", "= 0 * self.v", ["optimizer-memory-lost"]),
        ("= self.momentum * self.v", "= -self.momentum * self.v", ["optimizer-velocity-sign"]),
    ],
)
def test_a_velocity_that_a_network_keeps_itself(old: str, new: str, codes: list[str], tmp_path: Path) -> None:
    wrong = MOMENTUM.replace(old, new) if old else MOMENTUM
    (tmp_path / "net.py").write_text(wrong)
    found = run_in_child("handgrad.audit.session:audit_file", {"path": str(tmp_path / "net.py")})["findings"]
    found = [finding for finding in found if finding["severity"] != "note"]
    assert [finding["code"] for finding in found] == codes
    assert all("self.v_W1 =" in wrong.split("\n")[finding["line"] - 1] for finding in found)
