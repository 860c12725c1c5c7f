"""The `handgrad` command with an accident built in, for the tests to start under mpiexec.

ACCIDENT names it, ACCIDENT_RANK the rank that meets it.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Any

import handgrad
from handgrad.cli import main
from handgrad.core.layers import Linear
from handgrad.parallel import ParallelEngine
from handgrad.parallel.world import launched_rank
from handgrad.train import checkpoint

STEP = 12  # of 10 an epoch: one checkpoint has been written by then
kind = os.environ["ACCIDENT"] if launched_rank() == int(os.environ["ACCIDENT_RANK"]) else ""


def at_step(accident: Any) -> None:
    """Have the accident in the middle of a step: after backward, before the gradients are added up."""
    count = 0
    update = ParallelEngine._update

    def changed(engine: ParallelEngine) -> None:
        nonlocal count
        count += 1
        if count == STEP:
            accident()
        update(engine)

    ParallelEngine._update = changed  # type: ignore[method-assign]


def in_second_checkpoint() -> None:
    """Die while the second checkpoint is being moved into its place; others come before it, such as the manifest's."""
    count = 0
    replace = os.replace

    def changed(source: Any, target: Any) -> None:
        nonlocal count
        count += str(target).endswith("checkpoint.safetensors")
        if count == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        replace(source, target)

    checkpoint.os.replace = changed  # type: ignore[attr-defined]


def broken_forward() -> None:
    def forward(layer: Linear, x: Any) -> Any:
        raise RuntimeError("a mistake of ours")

    Linear.forward = forward  # type: ignore[method-assign]


match kind:
    case "killed in a step":
        at_step(lambda: os.kill(os.getpid(), signal.SIGKILL))
    case "killed in a checkpoint":
        in_second_checkpoint()
    case "stopped":
        at_step(lambda: os.kill(os.getpid(), signal.SIGSTOP))
    case "endless":
        at_step(lambda: time.sleep(60))
    case "guardian killed":
        at_step(lambda: (os.kill(os.getppid(), signal.SIGKILL), time.sleep(60)))
    case "ctrl-c":
        at_step(lambda: os.kill(os.getppid(), signal.SIGINT))
    case "other version":
        handgrad.__version__ = "0.0.7"
    case "no mpi4py":
        sys.modules["mpi4py"] = None  # type: ignore[assignment]
    case "bug":
        broken_forward()

main()
