"""Limits of time: work is counted by the processor's time, so that a busy machine finds what a quiet one finds."""

from __future__ import annotations

import signal
import time
from contextlib import suppress

import pytest

from handgrad.audit.reading.fence import OutOfTime, no_limit, work_limit


def work() -> None:
    """Goes on for ever."""
    while True:
        pass


def test_work_ends() -> None:
    with pytest.raises(OutOfTime), work_limit(0.05):
        work()


def test_waiting_is_no_work_but_has_its_end() -> None:
    with work_limit(0.05):
        time.sleep(0.1)
    began = time.perf_counter()
    with pytest.raises(OutOfTime), work_limit(0.05):
        time.sleep(5)
    assert time.perf_counter() - began < 2


def within() -> None:
    """Runs out of a limit of its own, and then of the one around."""
    with suppress(OutOfTime), work_limit(0.05):
        work()
    work()


def test_an_inner_limit_leaves_the_outer_one() -> None:
    with pytest.raises(OutOfTime), work_limit(0.2):
        within()


def in_short_pieces() -> None:
    """Goes on for two seconds, in pieces with limits of their own that are caught."""
    began = time.process_time()
    while time.process_time() - began < 2:
        with suppress(OutOfTime), work_limit(1.0):
            sum(range(1000))
        sum(range(1000))


def test_many_short_limits_do_not_keep_the_one_around_from_its_end() -> None:
    began = time.process_time()
    with pytest.raises(OutOfTime), work_limit(0.05):
        in_short_pieces()
    assert time.process_time() - began < 1.5


def test_a_limit_that_is_left_late_sets_no_alarm_any_more() -> None:
    outer, inner = work_limit(5.0), work_limit(1.0)
    outer.__enter__()
    inner.__enter__()
    outer.__exit__(None, None, None)
    inner.__exit__(None, None, None)  # as of a frame that is thrown away later
    assert signal.getitimer(signal.ITIMER_PROF)[0] == 0
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


def busy(seconds: float) -> None:
    """Works for so many seconds."""
    began = time.process_time()
    while time.process_time() - began < seconds:
        pass


def for_ever_after_an_import() -> None:
    with no_limit():
        busy(0.3)
    work()


def test_an_import_does_not_count() -> None:
    with work_limit(0.4):
        with work_limit(0.2), no_limit():
            busy(0.6)
        busy(0.1)
        with pytest.raises(OutOfTime), work_limit(0.2):
            for_ever_after_an_import()
    assert signal.getitimer(signal.ITIMER_PROF)[0] == 0
