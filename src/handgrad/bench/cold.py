"""Cold starts: whole processes, from the command to the test accuracy on the screen.

Ours is the command that users type. PyTorch's is a script that does the same training as well as PyTorch can.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from handgrad.bench.race import PINS, Result, WorkerError, thread_counts
from handgrad.bench.worker import version

ACCURACY = re.compile(r"(\d\d(?:\.\d+)?) ?%")
OURS = ("handgrad", "handgrad-fast")
CONTESTANTS = (*OURS, "torch")
EPOCHS = {"cold98": 3, "cold97": 1}  # of the `default` recipe: what it takes to 98 % and to 97 %


def command(name: str, epochs: int, seed: int, folder: Path, threads: int) -> list[str]:
    """What a user would type."""
    if name in OURS:
        engine = "fast" if name == "handgrad-fast" else "numpy"
        return [
            sys.executable, "-m", "handgrad", "train", "--no-plots", "--engine", engine, "--epochs", str(epochs),
            "--seed", str(seed), "--out", str(folder / f"{name}-{seed}"),
        ]  # fmt: skip
    script = Path(__file__).parent / "cold_pytorch.py"
    return [sys.executable, str(script), str(epochs), str(seed), str(threads)]


def cold_starts(
    epochs: int,
    peers: list[str],
    *,
    rounds: int,
    threads: int | None = None,
    told: Callable[[str, int], None] = lambda peer, done: None,
) -> list[Result]:
    """Start each contestant once a round, with a new seed, and time it until its test accuracy is printed.

    Args:
        epochs: of the `default` recipe.
        peers: out of "handgrad", "handgrad-fast" and "torch".
        rounds: how often each has its turn.
        threads: for everybody; None: for each the better of one and as many as there are processors.
        told: called with a contestant and the number of rounds it has done.
    """
    seconds: dict[str, list[float]] = {name: [] for name in peers}
    accuracy: dict[str, list[float]] = {name: [] for name in peers}
    best = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in peers:
            told(name, 0)
            counts = thread_counts(threads)
            starts = 2 if len(counts) > 1 else 1  # the first start of each also fills the disk's cache
            times = {
                n: min(_run(command(name, epochs, 1000 * n + i, Path(folder), n), n)[0] for i in range(starts))
                for n in counts
            }
            best[name] = min(times, key=times.__getitem__)
        for i in range(rounds):
            for name in peers:
                n = best[name]
                took, reached = _run(command(name, epochs, i, Path(folder), n), n)
                seconds[name].append(took)
                accuracy[name].append(reached)
                told(name, i + 1)
    return [Result(name, version(name), best[name], 0.0, seconds[name], sum(accuracy[name]) / rounds) for name in peers]


def _run(arguments: list[str], threads: int) -> tuple[float, float]:
    """(seconds to the line with the last accuracy, that accuracy)."""
    environment = os.environ | dict.fromkeys(PINS, str(threads)) | {"HANDGRAD_LANG": "en", "PYTHONUNBUFFERED": "1"}
    began = time.perf_counter()
    process = subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8", env=environment
    )
    assert process.stdout is not None
    took, reached = 0.0, 0.0
    for line in process.stdout:
        if line.lower().startswith("test accuracy") and (found := ACCURACY.search(line)):
            took, reached = time.perf_counter() - began, float(found[1]) / 100
    _, errors = process.communicate()
    if process.returncode or not took:
        raise WorkerError("bench.worker_died", detail=(errors.strip().splitlines() or ["-"])[-1])
    return took, reached
