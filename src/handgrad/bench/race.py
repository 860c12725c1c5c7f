"""A race: several contestants do one work in turn, round after round, each with the threads that suit it best.

Ratios are taken within a round, so that what slows the whole machine for a while slows all of them.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Self

from handgrad.bench.works import Work
from handgrad.errors import HandgradError
from handgrad.train.threads import available

# Every name by which the libraries of the contestants take their number of threads.
PINS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "HANDGRAD_THREADS")
BREAK = 0.1  # seconds between two turns: threads of some libraries keep a processor busy for a while after their work
TRIALS = 3  # runs with each number of threads, the median of which decides


class Result(NamedTuple):
    """What one contestant did: seconds of each round, at how many threads, how right it was in the end."""

    peer: str
    version: str
    threads: int
    prepared: float  # seconds from the data in memory to the first run, compiling included
    seconds: list[float]
    accuracy: float | None

    @property
    def median(self) -> float:
        """Seconds, in the median of the rounds."""
        return statistics.median(self.seconds)

    def ratio(self, other: Result) -> float:
        """How many times as long this one takes as the other, in the median of the rounds."""
        return statistics.median(a / b for a, b in zip(self.seconds, other.seconds, strict=True))


class Worker:
    """A contestant's process."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        pins = dict.fromkeys(PINS, str(threads))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "handgrad.bench.worker", str(threads)], text=True, encoding="utf-8",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=os.environ | pins,
        )  # fmt: skip

    def ask(self, **what: Any) -> dict[str, Any]:
        """One request, one answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps(what) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            _, errors = self.process.communicate()
            raise WorkerError("bench.worker_died", detail=(errors.strip().splitlines() or ["-"])[-1])
        answer: dict[str, Any] = json.loads(line)
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()


class WorkerError(HandgradError):
    """A contestant's process ended by itself."""

    exit_status = 1


def race(
    job: str,
    work: Work | str,
    peers: Iterable[str],
    *,
    rounds: int,
    samples: int | None = None,
    threads: int | None = None,
    told: Callable[[str, int], None] = lambda peer, done: None,
) -> list[Result]:
    """Let the contestants do one work in turn.

    Args:
        job: "train" (one epoch a round) or "predict" (one image, or 10,000, a call).
        work: a `Work` to train, or a key of `PREDICTIONS`.
        peers: names out of `PEERS`.
        rounds: how often each has its turn.
        samples: of the training set, the first so many; None: all.
        threads: for everybody; None: for each the better of one and as many as there are processors.
        told: called with a contestant and the number of rounds it has done, for a progress bar.

    Returns:
        A result for each contestant, in their order. All of them have trained equally many epochs at the end.
    """
    prepare = {"job": job, "work": work, "samples": samples}
    ready: list[tuple[str, Worker, dict[str, Any]]] = []
    try:
        for name in peers:
            told(name, 0)
            ready.append((name, *_with_best_threads({"peer": name} | prepare, thread_counts(threads))))
        seconds: dict[str, list[float]] = {name: [] for name, _, _ in ready}
        for i in range(rounds):
            for name, worker, _ in ready:
                time.sleep(BREAK)
                seconds[name].append(worker.ask(run=True)["seconds"])
                told(name, i + 1)
        return [
            Result(name, facts["version"], worker.threads, facts["seconds"], seconds[name], _accuracy(worker))
            for name, worker, facts in ready
        ]
    finally:
        for _, worker, _ in ready:
            worker.__exit__()


def thread_counts(threads: int | None) -> list[int]:
    """The numbers of threads that are tried."""
    return [threads] if threads else sorted({1, available()})


def _accuracy(worker: Worker) -> float | None:
    accuracy: float | None = worker.ask(check=True)["accuracy"]
    return accuracy


def _with_best_threads(prepare: dict[str, Any], counts: list[int]) -> tuple[Worker, dict[str, Any]]:
    """The worker that was fastest over a few runs, one run to warm up left out."""
    best: tuple[float, Worker, dict[str, Any]] | None = None
    for threads in counts:
        worker = Worker(threads)
        try:
            facts = worker.ask(prepare=prepare)
            facts["seconds"] += worker.ask(run=True)["seconds"]
            median = statistics.median(worker.ask(run=True)["seconds"] for _ in range(TRIALS))
        except BaseException:
            worker.__exit__()
            if best:
                best[1].__exit__()
            raise
        if best is None or median < best[0]:
            best, loser = (median, worker, facts), best
        else:
            loser = (median, worker, facts)
        if loser:
            loser[1].__exit__()
    assert best is not None
    return best[1], best[2]
