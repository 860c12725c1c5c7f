"""A small data set, and a way to start `handgrad train` under the mpiexec of this environment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

PROGRAM = Path(__file__).parent / "rank_program.py"
RECIPE = """
hidden = [8]
epochs = 3
batch_size = 25
validation = 45
dtype = "float64"
optimizer = {name = "sgd", lr = 0.05, momentum = 0.9}
seed = 5
"""


class Done(NamedTuple):
    """How a command ended."""

    status: int
    out: str
    err: str
    seconds: float


Train = Callable[..., Done]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With data.npz (295 rows to train on, 250 without the validation rows: 10 steps an epoch) and recipe.toml."""
    rng = np.random.default_rng(0)
    labels = np.arange(355) % 3
    rows = (labels[:, None] + rng.normal(0, 0.8, (355, 6))).astype(np.float32)
    np.savez(
        tmp_path / "data.npz", x_train=rows[:295], y_train=labels[:295], x_test=rows[295:], y_test=labels[295:]
    )  # fmt: skip
    (tmp_path / "recipe.toml").write_text(RECIPE)
    return tmp_path


@pytest.fixture
def train(folder: Path) -> Train:
    """train(ranks, *options): run it to its end. Ranks 0: without mpiexec."""

    def run(
        ranks: int, *options: str, accident: str = "", rank: int = 1, also: str = "", env: dict[str, str] | None = None
    ) -> Done:
        program = [str(PROGRAM)] if accident else ["-m", "handgrad"]
        command = [sys.executable, *program, "train", "--no-plots", *options]
        if "--resume" not in options:
            command += ["--recipe", "recipe.toml", "--data", "data.npz"] if "--data" not in options else []
        if ranks:
            command = [mpiexec(), "-n", str(ranks), *command]
        if also:  # one more rank, with other options
            command += [":", "-n", "1", *command[3:], *also.split()]
        environment = os.environ | {"ACCIDENT": accident, "ACCIDENT_RANK": str(rank), "OPENBLAS_NUM_THREADS": "1"}
        environment |= {"XDG_CACHE_HOME": str(folder / "cache"), "HANDGRAD_LANG": "en"} | (env or {})
        began = time.monotonic()
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=40, check=False
        )
        return Done(done.returncode, done.stdout, done.stderr, time.monotonic() - began)

    return run


def mpiexec() -> str:
    """The launcher beside this Python: it belongs to the library that mpi4py finds there."""
    beside = Path(sys.executable).with_name("mpiexec")
    found = str(beside) if beside.exists() else shutil.which("mpiexec")
    assert found, "pip install 'handgrad[mpi]' brings mpiexec"
    return found
