"""A small finished run, to be explained at any of its steps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from handgrad.data import write_idx
from handgrad.train import Run, load_recipe


@pytest.fixture(scope="session")
def run_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """3 epochs of 6 steps on 320 random pictures of 28 x 28, 20 of them kept apart, with BatchNorm and dropout."""
    home = tmp_path_factory.mktemp("explained")
    rng = np.random.default_rng(0)
    (home / "data").mkdir()
    for name, count in (("train", 320), ("t10k", 40)):
        labels = rng.integers(0, 10, count)
        images = rng.integers(0, 40, (count, 28, 28))
        images[np.arange(count), 2 * labels + 3] += 150
        write_idx(home / f"data/{name}-images-idx3-ubyte", images.astype(np.uint8))
        write_idx(home / f"data/{name}-labels-idx1-ubyte", labels.astype(np.uint8))
    recipe = load_recipe("default").change(
        data=str(home / "data"), hidden=(16,), batch_size=50, epochs=3, validation=20, batch_norm=True, dropout=0.2,
        clip_norm=1.0,
    )  # fmt: skip
    run = Run.start(home / "run", recipe, thread_count=1)
    for _ in run.train():
        pass
    run.finish()
    return home / "run"
