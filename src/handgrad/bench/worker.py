"""One contestant in a process of its own: told by JSON lines what to do, it answers in JSON lines.

{"prepare": {"peer": "torch", "job": "train", "work": [[784, 256, 10], "sgd", 0.1, 64], "samples": null}}
{"run": true}      -> {"seconds": 0.5}
{"check": true}    -> {"accuracy": 0.97}
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from importlib import metadata
from typing import Any

import numpy as np

from handgrad.bench.peers import by_hand, peer
from handgrad.bench.works import PREDICTED_SIZES, PREDICTIONS, Work, samples, start_weights
from handgrad.core.arrays import Array

CALLS = 2_000  # predictions of one image that are timed together


def main(threads: int) -> None:
    """Answer until the input ends."""
    if hasattr(os, "sched_setaffinity"):  # JAX has no setting: it takes as many threads as it may use processors
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])
    # Whatever a library prints goes to stderr: stdout belongs to the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    run: Callable[[], float] = float
    check: Callable[[], float | None] = float
    for line in sys.stdin:
        asked = json.loads(line)
        answer: dict[str, Any] = {}
        if "prepare" in asked:
            began = time.perf_counter()
            run, check = _prepare(**asked["prepare"])
            answer = {"seconds": time.perf_counter() - began, "version": version(asked["prepare"]["peer"])}
        elif "run" in asked:
            answer = {"seconds": run()}
        else:
            answer = {"accuracy": check()}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def version(name: str) -> str:
    """Of the package that a contestant stands for."""
    package = peer(name).PACKAGE
    return metadata.version({"sklearn": "scikit-learn"}.get(package, package))


def _prepare(peer: str, job: str, **what: Any) -> tuple[Callable[[], float], Callable[[], float | None]]:
    return _training(peer, **what) if job == "train" else _prediction(peer, **what)


def _training(
    name: str, work: list[Any], samples: int | None
) -> tuple[Callable[[], float], Callable[[], float | None]]:
    data = _samples(samples)
    trainer = peer(name).Trainer(Work(tuple(work[0]), *work[1:]), data)

    def accuracy() -> float | None:
        outputs = trainer.predict(data.test_images)
        return None if outputs is None else float((outputs.argmax(axis=1) == data.test_labels).mean())

    return lambda: _seconds(trainer.epoch), accuracy


def _prediction(name: str, work: str, samples: int | None) -> tuple[Callable[[], float], Callable[[], float | None]]:
    x = _samples(samples).test_images
    weights = start_weights(PREDICTED_SIZES)
    predict = peer(name).predictor(weights)
    rows = PREDICTIONS[work]

    def one_after_another() -> None:
        for i in range(CALLS):
            predict(x[i : i + 1])

    def agreement() -> float:
        """Share of the test images in which the largest output is that of the network written by hand."""
        right: Array = by_hand.predictor(weights)(x).argmax(axis=1)
        return float(np.mean(predict(x).argmax(axis=1) == right))

    if rows == 1:
        return lambda: _seconds(one_after_another) / CALLS, agreement
    return lambda: _seconds(lambda: predict(x[:rows])), agreement


_samples = samples  # `samples` is also what the requests call their number


def _seconds(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main(int(sys.argv[1]))
