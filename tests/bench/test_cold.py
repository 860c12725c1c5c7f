"""Cold starts: the line with the test accuracy stops the clock, whoever prints it."""

from __future__ import annotations

import sys

import pytest

from handgrad.bench.cold import _run, cold_starts
from handgrad.bench.peers import installed
from handgrad.bench.race import WorkerError


def test_clock_stops_at_the_accuracy() -> None:
    program = "import time; print('Test accuracy: 98.25 %, loss 0.1', flush=True); time.sleep(1)"
    seconds, accuracy = _run([sys.executable, "-c", program], 1)
    assert accuracy == 0.9825
    assert 0 < seconds < 0.9


def test_without_an_accuracy_there_is_no_time() -> None:
    with pytest.raises(WorkerError, match="no such thing"):
        _run([sys.executable, "-c", "import sys; sys.exit('no such thing')"], 1)


@pytest.mark.slow
def test_ours_and_theirs_reach_97_percent() -> None:
    names = ["handgrad", *(["torch"] if installed("torch") else [])]
    for r in cold_starts(1, names, rounds=1, threads=1):
        assert r.accuracy is not None
        assert r.accuracy > 0.965, r.peer
