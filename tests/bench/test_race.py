"""A race: processes of their own, in turn, as many epochs for each, ratios within a round."""

from __future__ import annotations

import pytest

from handgrad.bench.race import Result, Worker, WorkerError, race
from handgrad.bench.works import Work


def result(seconds: list[float]) -> Result:
    return Result("torch", "2", 1, 0.0, seconds, None)


def test_ratio_is_the_median_of_the_rounds() -> None:
    slow, fast = result([4.0, 4.0, 90.0]), result([2.0, 1.0, 30.0])  # 2, 4 and 3 times
    assert slow.ratio(fast) == 3.0
    assert slow.median == 4.0


@pytest.mark.slow
def test_everybody_has_the_same_turns() -> None:
    told: list[tuple[str, int]] = []
    work = Work((784, 16, 10), "sgd", 0.1, 64)
    results = race(
        "train",
        work,
        ["products", "numpy", "handgrad"],
        rounds=2,
        samples=1280,
        threads=1,
        told=lambda *what: told.append(what),
    )
    assert told[3:] == [(name, i) for i in (1, 2) for name in ("products", "numpy", "handgrad")]
    assert [r.peer for r in results] == ["products", "numpy", "handgrad"]
    assert all(len(r.seconds) == 2 and min(r.seconds) > 0 for r in results)
    products, by_hand, ours = results
    assert products.accuracy is None
    assert by_hand.accuracy is not None
    assert ours.accuracy == pytest.approx(by_hand.accuracy, abs=0.05)


def test_a_worker_that_ends_by_itself_is_told_of() -> None:
    with Worker(1) as worker, pytest.raises(WorkerError, match="nobody"):
        worker.ask(prepare={"peer": "nobody", "job": "train", "work": [[4, 2], "sgd", 0.1, 4], "samples": 1})
