"""An optimizer inside of a training step, its settings unknown, is judged by what it does to the parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from handgrad.audit.optimizing.optimizers import judge_optimizer_step
from handgrad.core.arrays import Array

Step = Callable[[dict[str, Array], Mapping[str, Array], dict[str, Any]], None]
LR = 0.01


class Net:
    """Two layers, ReLU and softmax with cross-entropy, and an optimizer that is given as a function."""

    def __init__(self, step: Step, dtype: Any, ahead: float = 0.0) -> None:
        rng = np.random.default_rng(3)
        shapes = {"W1": (20, 12), "b1": (12,), "W2": (12, 5), "b2": (5,)}
        self.theta = {name: (rng.standard_normal(shape) * 0.3).astype(dtype) for name, shape in shapes.items()}
        self.theta["b1"][...] = 0
        self.batches = [(rng.standard_normal((16, 20)).astype(dtype), rng.integers(0, 5, 16)) for _ in range(8)]
        self.state: dict[str, Any] = {"t": 0}
        self.rule, self.ahead = step, ahead

    def parameters(self) -> dict[str, Array]:
        return self.theta

    def gradients(self, k: int) -> dict[str, Array]:
        return self._gradients(k, self.theta)

    def step(self, k: int) -> None:
        there = {n: w + self.ahead * self.state.get(("v", n), np.zeros_like(w)) for n, w in self.theta.items()}
        self.rule(self.theta, self._gradients(k, there), self.state)

    def _gradients(self, k: int, theta: Mapping[str, Array]) -> dict[str, Array]:
        x, y = self.batches[k]
        h = np.maximum(0, x @ theta["W1"] + theta["b1"])
        scores = h @ theta["W2"] + theta["b2"]
        p = np.exp(scores - scores.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        p[np.arange(16), y] -= 1
        d = (p / 16).astype(x.dtype)
        dh = (d @ theta["W2"].T) * (h > 0)
        return {"W1": x.T @ dh, "b1": dh.sum(axis=0), "W2": h.T @ d, "b2": d.sum(axis=0)}


def sgd(sign: float = 1.0, decay: float = 0.0) -> Step:
    def step(theta: dict[str, Array], g: Mapping[str, Array], s: dict[str, Any]) -> None:
        for n, w in theta.items():
            w -= (sign * LR * (g[n] + decay * w)).astype(w.dtype)

    return step


def momentum(mu: float = 0.9, *, kept: float | None = None, nesterov: bool = False, mean: bool = False) -> Step:
    def step(theta: dict[str, Array], g: Mapping[str, Array], s: dict[str, Any]) -> None:
        for n, w in theta.items():
            v = (mu if kept is None else kept) * s.get(("v", n), 0 * w) - LR * g[n] * ((1 - mu) if mean else 1)
            s["v", n] = v
            w += (mu * v - LR * g[n] if nesterov else v).astype(w.dtype)

    return step


def rmsprop(rho: float = 0.9, *, grows: bool = False) -> Step:
    def step(theta: dict[str, Array], g: Mapping[str, Array], s: dict[str, Any]) -> None:
        for n, w in theta.items():
            old = s.get(("s", n), 0 * w)
            s["s", n] = old + g[n] ** 2 if grows else rho * old + (1 - rho) * g[n] ** 2
            w -= (LR * g[n] / (np.sqrt(s["s", n]) + 1e-8)).astype(w.dtype)

    return step


def adam(
    b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8, *, inside: bool = False, corrected: str = "both",
    per_parameter: bool = False, ahead: int = 0, compounded: bool = False, coupled: float = 0.0, decay: float = 0.0,
    sign: float = 1.0,
) -> Step:  # fmt: skip
    def step(theta: dict[str, Array], g: Mapping[str, Array], s: dict[str, Any]) -> None:
        s["t"] += 0 if per_parameter else 1
        for n, w in theta.items():
            s["t"] += 1 if per_parameter else 0
            grad = g[n] + coupled * w
            w -= LR * decay * w
            m = b1 * s.get(("m", n), 0 * w) + (1 - b1) * grad
            v = b2 * s.get(("u", n), 0 * w) + (1 - b2) * grad * grad
            t = s["t"] + ahead
            mh = m / (1 - b1**t) if corrected in ("both", "first") else m
            vh = v / (1 - b2**t) if corrected in ("both", "second") else v
            s["m", n], s["u", n] = (mh, vh) if compounded else (m, v)
            w -= (sign * LR * mh / (np.sqrt(vh + eps) if inside else np.sqrt(vh) + eps)).astype(w.dtype)

    return step


RIGHT: dict[str, tuple[str, Step]] = {
    "sgd": ("sgd", sgd()),
    "sgd with decay": ("SGD", sgd(decay=0.01)),
    "sgd with momentum": ("sgd", momentum()),
    "momentum": ("momentum", momentum(0.83)),
    "momentum as a mean": ("momentum", momentum(mean=True)),
    "nesterov": ("nesterov", momentum(nesterov=True)),
    "rmsprop": ("rmsprop", rmsprop(0.99)),
    "adagrad": ("adagrad", rmsprop(grows=True)),
    "adam": ("Adam", adam()),
    "adam, epsilon inside": ("adam", adam(inside=True)),
    "adam, a large epsilon inside": ("adam", adam(eps=1e-5, inside=True)),
    "adam, a large epsilon": ("adam", adam(eps=1e-4)),
    "adam, rare betas": ("adam", adam(0.87, 0.9973)),
    "adam with L2": ("adam", adam(coupled=0.01)),
    "adamw": ("adamw", adam(decay=0.01)),
    "adamw, a large decay": ("adamw", adam(decay=0.1)),
}
WRONG: dict[str, tuple[str, Step]] = {
    "optimizer-climbs": ("sgd", sgd(-1)),
    "optimizer-climbs, adaptive": ("adam", adam(sign=-1)),
    "optimizer-memory-lost": ("momentum", momentum(kept=0.0)),
    "optimizer-velocity-sign": ("momentum", momentum(kept=-0.9)),
    "optimizer-plain-momentum": ("nesterov", momentum()),
    "optimizer-no-decay": ("rmsprop", rmsprop(grows=True)),
    "optimizer-is-another": ("sgd", adam()),
    "optimizer-bias-uncorrected": ("adam", adam(corrected="none")),
    "optimizer-bias-half": ("adam", adam(corrected="second")),
    "optimizer-counter-per-parameter": ("adam", adam(per_parameter=True)),
    "optimizer-counter-late": ("adam", adam(ahead=1)),
    "optimizer-bias-compounded": ("adam", adam(compounded=True)),
    "optimizer-betas-swapped": ("adam", adam(0.999, 0.9)),
    "optimizer-weight-decay-coupled": ("adamw", adam(coupled=0.01)),
    "optimizer-weight-decay-sign": ("adamw", adam(decay=-0.01)),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("case", RIGHT)
def test_a_right_optimizer_is_silent(case: str, dtype: Any) -> None:
    name, step = RIGHT[case]
    net = Net(step, dtype)
    before = {key: value.copy() for key, value in net.theta.items()}
    assert judge_optimizer_step(net.parameters, net.gradients, net.step, name) == []
    assert all(np.array_equal(net.theta[key], before[key]) for key in before)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("code", WRONG)
def test_a_wrong_optimizer_gets_its_name(code: str, dtype: Any) -> None:
    name, step = WRONG[code]
    net = Net(step, dtype)
    assert [f.code for f in judge_optimizer_step(net.parameters, net.gradients, net.step, name)] == [
        code.partition(",")[0]
    ]


def test_nesterov_may_take_its_gradient_where_the_velocity_leads() -> None:
    net = Net(momentum(), np.float64, ahead=0.9)
    assert judge_optimizer_step(net.parameters, net.gradients, net.step, "nesterov") == []


def test_a_few_known_numbers_of_the_gradient_are_enough() -> None:
    net = Net(adam(corrected="none"), np.float64)
    rng = np.random.default_rng(0)
    known = {name: rng.random(value.shape) < 12 / value.size for name, value in net.theta.items()}

    def some(k: int) -> dict[str, Array]:
        return {name: np.where(known[name], g, np.nan) for name, g in net.gradients(k).items()}

    found = judge_optimizer_step(net.parameters, some, net.step, "adam")
    assert [f.code for f in found] == ["optimizer-bias-uncorrected"]
