"""Numeric derivatives against derivatives known from calculus, smooth and with kinks near and at the point."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from handgrad.audit.judging.numeric import Comparison, compare, slope, worst

SMOOTH: dict[str, tuple[Callable[[float], float], float]] = {
    "exp": (math.exp, 1.0),
    "a line": (lambda t: 3 * t + 1, 3.0),
    "quick sine": (lambda t: math.sin(5 * t + 1), 5 * math.cos(6 - 5)),
    "cube": (lambda t: (t + 2) ** 3, 12.0),
    "constant": (lambda t: 2.0, 0.0),
    "bottom of a parabola": (lambda t: t * t, 0.0),
    "on a large offset": (lambda t: 1e4 + math.sin(t), 1.0),
    "small": (lambda t: 1e-9 * math.exp(2 * t), 2e-9),
}


@pytest.mark.parametrize(("line", "derivative"), SMOOTH.values(), ids=SMOOTH)
def test_smooth(line: Callable[[float], float], derivative: float) -> None:
    found = slope(line)
    assert abs(found.value - derivative) <= 1e-9 * max(abs(derivative), found.size * 1e-1)
    assert abs(found.value - derivative) <= 3 * found.error  # the estimate is honest
    assert not found.kink


@pytest.mark.parametrize("distance", [3e-3, 1e-4, 5e-5, 2e-6])
@pytest.mark.parametrize("side", [-1, 1])
def test_a_kink_beside_the_point_is_stepped_around(distance: float, side: int) -> None:
    found = slope(lambda t: math.sin(t) + abs(t - side * distance))
    assert found.value == pytest.approx(1 - side, abs=1e-8)
    assert found.error < 1e-7
    assert not found.kink


@pytest.mark.parametrize("distance", [1e-6, 3e-7, 1e-7, 4e-8, 1e-8])
def test_a_kink_too_near_is_at_least_owned_up_to(distance: float) -> None:
    found = slope(lambda t: math.sin(t) + abs(t - distance))
    assert found.kink or abs(found.value) <= 3 * found.error


@pytest.mark.parametrize("jump", [1.0, 1e-3, 1e-5])
def test_a_kink_at_the_point_is_seen(jump: float) -> None:
    """The central difference of |t| at 0 is 0 at every step, as sure as can be: only the two sides tell."""
    found = slope(lambda t: math.sin(t) + jump * abs(t))
    assert found.kink
    assert found.right - found.left == pytest.approx(2 * jump, rel=0.01, abs=1e-6)


def test_nan_is_never_resolved() -> None:
    with np.errstate(all="ignore"):
        found = compare(lambda x: float("nan"), np.ones(3), np.ones(3), np.random.default_rng(0))
    assert not found.resolved
    assert found.relative == math.inf


def _relu_net() -> tuple[Callable[[np.ndarray], float], np.ndarray, np.ndarray]:
    """64 x 128 rectified numbers, so that any direction has a kink within every usual step."""
    rng = np.random.default_rng(0)
    w, x, r = 0.05 * rng.standard_normal((300, 128)), rng.standard_normal((64, 300)), rng.standard_normal((64, 128))
    return lambda w: float(np.vdot(np.maximum(x @ w, 0), r)), w, x.T @ (r * (x @ w > 0))


def test_eight_thousand_kinks() -> None:
    f, w, gradient = _relu_net()
    found = worst(f, w, gradient, np.random.default_rng(1))
    assert found.resolved
    assert found.relative < 1e-7


@pytest.mark.parametrize("factor", [0.0, -1.0, 1 / 64, 1 + 1e-5, 2.0])
def test_a_wrong_factor_is_seen(factor: float) -> None:
    f, w, gradient = _relu_net()
    found = worst(f, w, factor * gradient, np.random.default_rng(1))
    assert found.resolved
    assert found.relative > 5e-6


def test_one_wrong_number_among_many_is_seen() -> None:
    f, w, gradient = _relu_net()
    gradient[17, 5] += 1e-3 * np.abs(gradient).mean()
    assert worst(f, w, gradient, np.random.default_rng(1)).relative > 1e-7


def test_directions_are_random_and_not_ones() -> None:
    """A softmax summed over its outputs is constant: the all-ones direction sees nothing, a random one sees all."""
    x = np.random.default_rng(0).standard_normal((2, 5))

    def f(x: np.ndarray) -> float:
        e = np.exp(x)
        return float((e / e.sum(axis=1, keepdims=True))[:, 0].sum())

    assert compare(f, x, np.zeros_like(x), np.random.default_rng(0)).relative > 0.9


def test_all_directions_with_a_kink_leave_it_unresolved() -> None:
    found = compare(lambda x: float(np.abs(x).sum()), np.zeros(4), np.zeros(4), np.random.default_rng(0))
    assert found.kink
    assert not found.resolved


def test_worst_prefers_what_proves_nothing() -> None:
    good, blurred = Comparison(1.0, 1.0, 0.0, 0.0, False), Comparison(1.0, 1.0, 0.0, 1.0, False)
    assert good.resolved
    assert not blurred.resolved
