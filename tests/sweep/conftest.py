"""A few images of MNIST, for trainings that take a blink."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("optuna")

from handgrad.data import load_data, write_idx
from handgrad.train import Recipe, load_recipe


@pytest.fixture(scope="session")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """400 images to train on, 100 to test on."""
    whole, folder = load_data("mnist"), tmp_path_factory.mktemp("few")
    for name, split, count in (("train", whole.train, 400), ("t10k", whole.test, 100)):
        write_idx(folder / f"{name}-images-idx3-ubyte", split.images[:count])
        write_idx(folder / f"{name}-labels-idx1-ubyte", split.labels[:count])
    return folder


@pytest.fixture
def recipe(few: Path) -> Recipe:
    """The default recipe on those."""
    return load_recipe("default").change(data=str(few), hidden=(8,), batch_size=50)
