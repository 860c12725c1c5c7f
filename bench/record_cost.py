"""What records cost: an epoch's steps as the engine runs them, beside the same with a record each, and with a bar.

Work A on the compiled engine (784-256-10, SGD, batch 64). The three take turns, an epoch each, in one process; printed
are medians and the ratios to the bare steps, in the median of the rounds. The bar is drawn twenty times a second to
a terminal that forgets everything, and each loss is looked at as early stopping does.

    env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE python bench/record_cost.py
"""

from __future__ import annotations

import io
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

from rich.console import Console
from rich.progress import Progress

from handgrad import MLP, SGD, SoftmaxCrossEntropy
from handgrad.data import load_data
from handgrad.records import EpochRecord
from handgrad.train import Training

ROUNDS, BATCH = 15, 64


def training() -> Training:
    """A training that never ends."""
    data, net = load_data("mnist").train, MLP(784, 256, 10, rng=0)
    return Training(
        net, data.images, data.labels, SoftmaxCrossEntropy(), SGD(net, lr=0.1), epochs=10_000, batch_size=BATCH, rng=0,
        engine="fast",
    )  # fmt: skip


def bare(training: Training) -> Callable[[], None]:
    """The engine's steps alone, on rows in the order of the data."""

    def epoch() -> None:
        rows = training.rng.permutation(len(training.images))
        for _ in training.engine.epoch(
            training.images, training.labels, rows, BATCH, [None] * training.steps_per_epoch
        ):
            pass

    return epoch


def recorded(records: Iterator[Any]) -> Callable[[], None]:
    """All records up to the end of an epoch."""

    def epoch() -> None:
        next(record for record in records if isinstance(record, EpochRecord))

    return epoch


def drawn(training: Training, bar: Progress) -> Callable[[], None]:
    """The same with a bar, twenty times a second, and a look at each loss."""
    records, task = training.records(), bar.add_task("", total=10_000 * training.steps_per_epoch)

    def epoch() -> None:
        shown, lowest = 0.0, float("inf")
        for record in records:
            lowest = min(lowest, record.loss)
            if isinstance(record, EpochRecord):
                return
            if time.perf_counter() - shown > 0.05:
                shown = time.perf_counter()
                bar.update(task, completed=record.step)

    return epoch


def main() -> None:
    """Print the table."""
    terminal = Console(file=io.StringIO(), force_terminal=True, width=100)
    bar = Progress(console=terminal, auto_refresh=True, redirect_stdout=False)
    works = {
        "steps": bare(training()),
        "with records": recorded(training().records()),
        "with a bar": drawn(training(), bar),
    }
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for i in range(ROUNDS + 1):
        for name, epoch in works.items():
            if name == "with a bar":
                bar.start()
            began = time.perf_counter()
            epoch()
            if i:  # the first loads the compiled code
                seconds[name].append(time.perf_counter() - began)
            bar.stop()
    for name, times in seconds.items():
        ratio = statistics.median(a / b for a, b in zip(times, seconds["steps"], strict=True))
        print(f"{name:14} {statistics.median(times) * 1e3:7.1f} ms  {ratio:.3f}")


if __name__ == "__main__":
    main()
