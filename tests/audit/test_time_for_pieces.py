"""The pieces of a file get as much processor time as the clock leaves, also where others keep the machine busy."""

from __future__ import annotations

import time

import pytest

from handgrad.audit import session


@pytest.mark.parametrize(("processor", "left"), [(8.0, 9.0), (2.0, 2.25), (20.0, 9.0)])
def test_a_busy_machine_leaves_less(processor: float, left: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "perf_counter", lambda: 108.0)
    monkeypatch.setattr(time, "process_time", lambda: processor)
    assert session._left(100.0) == pytest.approx(left)
