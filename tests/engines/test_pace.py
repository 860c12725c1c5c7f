"""How many threads share a step is measured, settled, and looked at again."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("numba")
from handgrad.engines.fast.pace import GAIN, LATE, ROUND, ROUNDS, SLOWER, SOON, Pace


def settle(pace: Pace, seconds: Any) -> None:
    for _ in range(2 * ROUND * ROUNDS):
        pace.took(seconds[pace.threads])


@pytest.mark.parametrize(("alone", "together", "expected"), [(2.0, 1.0, 2), (1.0, 2.0, 1), (1.0, 0.95, 1)])
def test_the_faster_is_kept_and_two_must_gain_a_tenth(alone: float, together: float, expected: int) -> None:
    pace = Pace(2)
    settle(pace, {1: alone, 2: together})
    assert pace.threads == expected
    assert pace.report() == {"threads": expected, "seconds_a_step": {"1": alone, "2": together}}


def steps_until_it_looks(pace: Pace, seconds: float) -> int:
    """How many steps of so many seconds it takes before other numbers of threads are tried."""
    for steps in range(1, 2 * LATE):
        pace.took(seconds)
        if pace._step == 0:
            return steps
    raise AssertionError("it never looks again")


def test_a_first_look_is_repeated_soon_and_a_confirmed_one_ever_later() -> None:
    pace, waits = Pace(2), []
    for _ in range(7):
        settle(pace, {1: 1.0, 2: 2.0})
        waits.append(steps_until_it_looks(pace, 1.0))
    assert waits == [SOON, 2 * SOON, 4 * SOON, 8 * SOON, LATE, LATE, LATE]
    settle(pace, {1: 2.0, 2: 1.0})
    assert (pace.threads, steps_until_it_looks(pace, 1.0)) == (2, SOON)


def test_steps_that_become_slower_are_a_reason_to_look() -> None:
    pace = Pace(2)
    for _ in range(5):
        settle(pace, {1: GAIN * 1.01, 2: 1.0})
        steps_until_it_looks(pace, 1.0)
    settle(pace, {1: GAIN * 1.01, 2: 1.0})
    assert steps_until_it_looks(pace, SLOWER * 1.01) == SOON


def test_one_thread_needs_no_measuring() -> None:
    pace = Pace(1)
    settle(pace, {1: 1.0})
    assert (pace.threads, pace.seconds) == (1, {})
