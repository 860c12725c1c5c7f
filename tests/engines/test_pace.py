"""How many threads share a step is measured, settled, and looked at again."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("numba")
from handgrad.engines.fast.pace import LASTS, ROUND, ROUNDS, Pace


def settle(pace: Pace, seconds: Any) -> None:
    for _ in range(2 * ROUND * ROUNDS):
        pace.took(seconds[pace.threads])


@pytest.mark.parametrize(("alone", "together", "expected"), [(2.0, 1.0, 2), (1.0, 2.0, 1), (1.0, 0.95, 1)])
def test_the_faster_is_kept_and_two_must_gain_a_tenth(alone: float, together: float, expected: int) -> None:
    pace = Pace(2)
    settle(pace, {1: alone, 2: together})
    assert pace.threads == expected
    assert pace.report() == {"threads": expected, "seconds_a_step": {"1": alone, "2": together}}


def test_it_is_looked_at_again() -> None:
    pace = Pace(2)
    settle(pace, {1: 2.0, 2: 1.0})
    for _ in range(LASTS):
        pace.took(1.0)
    settle(pace, {1: 1.0, 2: 5.0})
    assert pace.threads == 1


def test_one_thread_needs_no_measuring() -> None:
    pace = Pace(1)
    settle(pace, {1: 1.0})
    assert (pace.threads, pace.seconds) == (1, {})
