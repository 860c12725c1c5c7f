"""How many threads the matrix products get: one, unless more are clearly faster."""

from __future__ import annotations

from typing import Any

import pytest

from handgrad.train import threads


@pytest.mark.parametrize(
    ("many", "chosen"), [(0.5, 2), (2 / 3 - 0.01, 2), (2 / 3 + 0.01, 1), (0.9, 1), (1.0, 1), (40.0, 1)]
)
def test_more_threads_must_be_half_as_fast_again(monkeypatch: pytest.MonkeyPatch, many: float, chosen: int) -> None:
    now = {"threads": 0}

    class Limited:
        def __init__(self, count: int) -> None:
            now["threads"] = count

        def __enter__(self) -> None: ...

        def __exit__(self, *error: Any) -> None: ...

    # One lucky measurement of many must not decide.
    lucky = iter([1e-9])
    monkeypatch.setattr(threads, "limited_to", Limited)
    monkeypatch.setattr(threads, "available", lambda: 2)
    monkeypatch.setattr(threads, "_time", lambda *_: 1.0 if now["threads"] == 1 else next(lucky, many))
    assert threads.fastest([8, 4, 2], 3, "float32") == (chosen, {1: 1.0, 2: many})


def test_one_processor_means_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "available", lambda: 1)
    count, seconds = threads.fastest([8, 4, 2], 3, "float32")
    assert (count, list(seconds)) == (1, [1])


def test_a_short_step_stays_on_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "available", lambda: 2)
    monkeypatch.setattr(threads, "_time", lambda *_: threads.LONG * 0.9)
    assert threads.fastest([8, 4, 2], 3, "float32") == (1, {1: threads.LONG * 0.9})
