"""What a loss charges for its parameters, and the share that gradients have, in a network that no known one is like."""

from __future__ import annotations

import numpy as np
import pytest

from handgrad.audit.judging.batch import batch
from handgrad.audit.judging.charges import charges
from handgrad.audit.judging.diagnose import diagnose
from handgrad.audit.judging.identify import random_point
from handgrad.audit.subject import Subject
from handgrad.core.arrays import Array


class Sines:
    """sin(x W1 + b1), normalised over the batch and given a gain, W2, softmax: with a penalty on some parameters."""

    def __init__(self, charged: dict[str, float], shares: dict[str, float], *, sizes: bool = False) -> None:
        rng = np.random.default_rng(3)
        self.p = {
            "W1": rng.standard_normal((7, 6)) / 3, "b1": np.zeros(6), "gain": np.ones(6), "shift": np.zeros(6),
            "W2": rng.standard_normal((6, 4)) / 3, "b2": np.zeros(4),
        }  # fmt: skip
        self.charged, self.shares, self.sizes = charged, shares, sizes

    def forward(self, x: Array, y: Array) -> float:
        p = self.p
        self.x, self.z = x, x @ p["W1"] + p["b1"]
        a = np.sin(self.z)
        self.spread = np.sqrt(a.var(axis=0) + 1e-5)
        self.n = (a - a.mean(axis=0)) / self.spread
        self.h = self.n * p["gain"] + p["shift"]
        s = self.h @ p["W2"] + p["b2"]
        e = np.exp(s - s.max(axis=1, keepdims=True))
        self.d = e / e.sum(axis=1, keepdims=True)
        loss = -np.log(self.d[np.arange(len(y)), y]).mean()
        self.d[np.arange(len(y)), y] -= 1
        sums = {name: np.abs(p[name]).sum() if self.sizes else 0.5 * (p[name] ** 2).sum() for name in self.charged}
        return float(loss + sum(self.charged[name] * value for name, value in sums.items()))

    def gradients(self, x: Array, y: Array) -> dict[str, Array]:
        self.forward(x, y)
        p, d = self.p, self.d / len(x)
        dh = d @ p["W2"].T
        dn = dh * p["gain"]
        da = (dn - dn.mean(axis=0) - self.n * (dn * self.n).mean(axis=0)) / self.spread
        dz = da * np.cos(self.z)
        found = {
            "W1": x.T @ dz, "b1": dz.sum(axis=0), "gain": (dh * self.n).sum(axis=0), "shift": dh.sum(axis=0),
            "W2": self.h.T @ d, "b2": d.sum(axis=0),
        }  # fmt: skip
        own = {name: np.sign(value) if self.sizes else value for name, value in p.items()}
        return {name: one + self.shares.get(name, 0.0) * own[name] for name, one in found.items()}

    def subject(self) -> Subject:
        return Subject(lambda: self.p, self.forward, None, self.gradients, 7, 4)


WEIGHTS = {"W1": 1e-3, "W2": 2e-3}


@pytest.mark.parametrize("sizes", [False, True])
def test_what_a_loss_charges(sizes: bool) -> None:
    subject = Sines(WEIGHTS, {}, sizes=sizes).subject()
    subject.restore(random_point(subject, np.random.default_rng(0)))
    before = subject.snapshot()
    told = charges(subject, batch(subject, 5, 1), np.random.default_rng(2))
    assert {name: charge.factor for name, charge in told.items() if charge.factor} == pytest.approx(WEIGHTS)
    assert {"b1", "gain", "shift"} <= told.keys()
    assert all(told[name].signs is sizes for name in WEIGHTS)
    assert all((value == before[name]).all() for name, value in subject.snapshot().items())


@pytest.mark.parametrize(
    ("charged", "shares", "told"),
    [
        (WEIGHTS, WEIGHTS, {}),
        (WEIGHTS, {}, {"penalty-missing": ("W1", "W2")}),
        (WEIGHTS, {"W1": 1e-3}, {"penalty-missing": ("W2",)}),
        (WEIGHTS, {"W1": -1e-3, "W2": -2e-3}, {"weight-decay-sign": ("W1", "W2")}),
        (WEIGHTS, {"W1": 2e-3, "W2": 4e-3}, {"penalty-scaled": ("W1", "W2")}),
        (WEIGHTS, {**WEIGHTS, "b1": 1e-3, "b2": 1e-3}, {"weight-decay": ("b1", "b2")}),
        ({}, {"W1": 1e-3, "W2": 1e-3}, {"weight-decay": ("W1", "W2")}),
        ({}, {"W1": -1e-3}, {"weight-decay-sign": ("W1",)}),
    ],
)
@pytest.mark.parametrize("sizes", [False, True])
def test_the_share_of_a_gradient(
    charged: dict[str, float], shares: dict[str, float], told: dict[str, tuple[str, ...]], sizes: bool
) -> None:
    sizes = sizes and bool(charged)  # a share of signs where nothing is charged is no decay that people write
    diagnosis = diagnose(Sines(charged, shares, sizes=sizes).subject())
    assert diagnosis.identity is None
    assert {one.code: one.where for one in diagnosis.findings} == told
    if "weight-decay" in told:
        assert diagnosis.findings[0].severity == ("warning" if charged else "note")


def test_a_parameter_that_is_a_single_number() -> None:
    """It has no rows and no columns; what it does to the loss is all its own."""
    net = Sines(WEIGHTS, {})
    forward, gradients = net.forward, net.gradients
    net.p["scale"] = np.array(1.5)

    def scaled(x: Array, y: Array) -> float:
        return forward(x, y) + 0.5 * float((net.p["scale"] - 1) ** 2)

    def with_scale(x: Array, y: Array) -> dict[str, Array]:
        return {**gradients(x, y), "scale": np.asarray(net.p["scale"] - 1)}

    diagnosis = diagnose(Subject(lambda: net.p, scaled, None, with_scale, 7, 4))
    assert {one.code: one.where for one in diagnosis.findings} == {"penalty-missing": ("W1", "W2")}
