"""Schedules: their values at the steps that one can work out in the head. PyTorch's are compared in parity/."""

from __future__ import annotations

import math
from typing import Any

import pytest

from handgrad import constant, cosine, one_cycle, step_decay, warm_up
from handgrad.core.schedules import schedule
from handgrad.errors import InputError


def test_constant() -> None:
    assert [constant()(step) for step in (0, 1, 10**6)] == [1, 1, 1]


def test_step_decay() -> None:
    factor = step_decay(3, 0.5)
    assert [factor(step) for step in range(8)] == [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25]


def test_cosine() -> None:
    factor = cosine(4, floor=0.2)
    half = math.sqrt(0.5)
    expected = [1, 0.6 + 0.4 * half, 0.6, 0.6 - 0.4 * half, 0.2, 0.2]  # past the end it stays at the floor
    assert [factor(step) for step in range(6)] == pytest.approx(expected)


def test_one_cycle() -> None:
    factor = one_cycle(11, rise=3 / 11 + 1e-12, start=0.1, end=0.01)  # up over steps 0, 1, 2 and down to 10
    assert factor(0) == pytest.approx(0.1)
    assert factor(1) == pytest.approx((0.1 + 1) / 2)
    assert factor(2) == pytest.approx(1)
    assert factor(6) == pytest.approx((1 + 0.01) / 2)
    assert factor(10) == pytest.approx(0.01)
    assert factor(50) == pytest.approx(0.01)


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 10, 1000])
@pytest.mark.parametrize("rise", [0.0, 0.1, 0.3, 1.0])
def test_one_cycle_of_any_length_stays_in_bounds(steps: int, rise: float) -> None:
    factors = [one_cycle(steps, rise=rise)(step) for step in range(steps + 1)]
    assert all(0 < factor <= 1 for factor in factors)


def test_warm_up() -> None:
    assert [warm_up(4)(step) for step in range(6)] == [0.25, 0.5, 0.75, 1, 1, 1]
    then = warm_up(2, cosine(4))
    assert [then(step) for step in (0, 1, 2, 4, 6)] == pytest.approx([0.5, 1, 1, 0.5, 0])


@pytest.mark.parametrize("name", ["constant", "step", "cosine", "one-cycle", "warm-up"])
def test_by_name(name: str) -> None:
    factors = [schedule(name, 100)(step) for step in range(100)]
    assert max(factors) == pytest.approx(1, abs=1e-3)
    assert min(factors) >= 0


def test_what_does_not_fit_is_refused() -> None:
    calls: list[Any] = [
        lambda: schedule("wavy", 10), lambda: cosine(0), lambda: step_decay(3, 2),
        lambda: one_cycle(1.5),  # type: ignore[arg-type]
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(InputError):
            call()
