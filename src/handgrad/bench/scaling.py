"""How the cost of a step grows with width, depth, batch and data, beside the bare products."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from handgrad.bench.race import Result, race
from handgrad.bench.works import Work

SAMPLES = 6_400
CONTESTANTS = ("products", "handgrad", "handgrad-fast", "torch")


class Point(NamedTuple):
    """One place on an axis, and what everybody took there."""

    axis: str
    value: int
    results: list[Result]


def _width(n: int) -> tuple[Work, int]:
    return Work((784, n, 10), "sgd", 0.1, 64), SAMPLES


def _depth(n: int) -> tuple[Work, int]:
    return Work((784, *[256] * n, 10), "sgd", 0.05, 64), SAMPLES


def _batch(n: int) -> tuple[Work, int]:
    return Work((784, 256, 10), "sgd", 0.1, n), SAMPLES


def _data(n: int) -> tuple[Work, int]:
    return Work((784, 256, 10), "sgd", 0.1, 64), n


# Each axis: from a value to the work and the number of samples; and the values, each about 2 or 4 times the last.
AXES: dict[str, tuple[Callable[[int], tuple[Work, int]], tuple[int, ...]]] = {
    "width": (_width, (32, 64, 128, 256, 512, 1024)),
    "depth": (_depth, (1, 2, 4, 8)),
    "batch": (_batch, (8, 32, 128, 512, 2048)),
    "data": (_data, (1_000, 4_000, 16_000, 60_000)),
}


def scaling(
    axis: str,
    peers: Iterable[str],
    *,
    rounds: int,
    threads: int | None = None,
    told: Callable[[str, int], None] = lambda peer, done: None,
) -> list[Point]:
    """An epoch at each value of one axis.

    Args:
        axis: a key of `AXES`.
        peers: names out of `CONTESTANTS`.
        rounds: how often each has its turn at each value.
        threads: for everybody; None: for each the better of one and as many as there are processors.
        told: called with a contestant and the number of rounds it has done.
    """
    work_of, values = AXES[axis]
    points = []
    for value in values:
        work, samples = work_of(value)
        results = race("train", work, peers, rounds=rounds, samples=samples, threads=threads, told=told)
        points.append(Point(axis, value, results))
    return points
