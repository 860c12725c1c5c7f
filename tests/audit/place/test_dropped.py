"""Dropout that is written into a network is looked at with its draws held, and is silent where it is right."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from handgrad.audit.choosing import judged
from handgrad.audit.inspection import Inspection
from handgrad.audit.place import dropped
from handgrad.audit.reading.source import read_program

NET = """
import numpy as np


class Net:
    def __init__(self, n_in=12, n_hidden=9, n_out=6, keep_prob=0.8):
        rng = np.random.default_rng(0)
        self.W1, self.b1 = rng.normal(0, 0.3, (n_in, n_hidden)), np.zeros(n_hidden)
        self.W2, self.b2 = rng.normal(0, 0.3, (n_hidden, n_out)), np.zeros(n_out)
        self.keep_prob = keep_prob

    def forward(self, x, train=True):
        self.x = x
        self.h = np.tanh(x @ self.W1 + self.b1)
        self.mask = (np.random.rand(*self.h.shape) < self.keep_prob) / self.keep_prob
        self.d = self.h * self.mask if train else self.h
        e = np.exp(self.d @ self.W2 + self.b2)
        self.p = e / e.sum(axis=1, keepdims=True)
        return self.p

    def loss(self, y):
        return -np.mean(np.log(self.p[np.arange(len(y)), y]))

    def backward(self, y):
        d = self.p.copy()
        d[np.arange(len(y)), y] -= 1
        d /= len(y)
        self.dW2, self.db2 = self.d.T @ d, d.sum(axis=0)
        d = d @ self.W2.T
        d = d * self.mask
        d = d * (1 - self.h**2)
        self.dW1, self.db1 = self.x.T @ d, d.sum(axis=0)

    def update(self, lr):
        for name in ("W1", "b1", "W2", "b2"):
            getattr(self, name)[...] -= lr * getattr(self, "d" + name)
"""
MASKED = "d = d * self.mask\n"


def inspected(text: str, folder: Path) -> Inspection:
    """What an audit makes of a file with this text."""
    path = folder / "net.py"
    path.write_text(text, encoding="utf-8")
    program = read_program(path)
    namespace = program.execute().namespace
    with program.guarded():
        return Inspection(program, namespace, *judged(program, namespace))


# An audit can put the first aside, and not the second.
@pytest.mark.parametrize("share", ["self.keep_prob", pytest.param("0.8", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("mistake", "code"),
    [
        (MASKED, ""),
        ("d = d * (self.mask > 0)\n", "dropout-scale-differs"),
        ("d = d * (np.random.rand(*d.shape) < self.keep_prob) / self.keep_prob\n", "dropout-new-mask"),
        ("d = d + 0\n", "dropout-mask-not-applied"),
        ("d = d * self.mask * (1 - self.d**2) / (1 - self.h**2)\n", "unnamed"),  # the slope behind the mask
    ],
)
def test_dropout_within_a_network(mistake: str, code: str, share: str, tmp_path: Path) -> None:
    text = NET.replace(MASKED, mistake)
    line = text[: text.index(mistake)].count("\n") + 1
    text = text.replace("self.keep_prob)", f"{share})").replace("/ self.keep_prob", f"/ {share}")
    inspection = inspected(text, tmp_path)
    found = dropped.check(inspection)
    assert [one.code for one in found] == ([code] if code else [])
    if code and code != "unnamed":
        assert found[0].line == line


def test_a_share_that_is_only_called_keep_is_put_aside(tmp_path: Path) -> None:
    left_out = NET.replace(f"        {MASKED}", "").replace("keep_prob", "keep")
    inspection = inspected(left_out, tmp_path)
    assert inspection.diagnosis.identity is not None
    assert inspection.diagnosis.ok
    (found,) = dropped.check(inspection)
    assert found.code == "dropout-mask-not-applied"
    past = left_out.split("\n")[(found.line or 0) - 1].strip()
    assert past in ("d = d @ self.W2.T", "d = d * (1 - self.h**2)")  # the mask belongs between them


def test_the_line_is_that_of_the_error_where_the_mask_is_used_elsewhere(tmp_path: Path) -> None:
    text = NET.replace(f"        d = d @ self.W2.T\n        {MASKED}", "        d = d @ self.W2.T\n")
    text = text.replace("self.d.T @ d,", "(self.h * self.mask).T @ d,")
    text = text.replace("        self.d = self.h * self.mask if train else self.h\n", "")
    text = text.replace("np.exp(self.d @", "np.exp((self.h * self.mask if train else self.h) @")
    inspection = inspected(text, tmp_path)
    found = dropped.check(inspection)
    lines = text.split("\n")
    assert [(one.code, lines[(one.line or 0) - 1].strip()) for one in found] == [
        ("dropout-mask-not-applied", "d = d @ self.W2.T")
    ]


KEPT = """
def forward(x):
    for w in weights:
        h = x @ w
        mask = np.random.rand(*h.shape) < 0.8
        masks.append(mask)
        x = h * mask / 0.8
    return x
def backward(d):
    for w, m in zip(weights[::-1], masks[::-1]):
        d = (d * masks.pop()) @ w.T
    return d
"""


def test_a_list_of_masks_is_one_as_well() -> None:
    assert dropped.masks(ast.parse(KEPT)) == ([5], [7, 11])
