"""A small part of MNIST, as a folder of IDX files, for trainings that take a blink."""

from __future__ import annotations

from pathlib import Path

import pytest

from handgrad.data import Dataset, load_data, write_idx


def write_part(folder: Path, train: int, test: int) -> Path:
    """The first images of MNIST under the usual four names."""
    whole = load_data("mnist")
    folder.mkdir(parents=True)
    for name, split, count in (("train", whole.train, train), ("t10k", whole.test, test)):
        write_idx(folder / f"{name}-images-idx3-ubyte", split.images[:count])
        write_idx(folder / f"{name}-labels-idx1-ubyte", split.labels[:count])
    return folder


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """2,000 images to train on, 500 to test on."""
    return write_part(tmp_path_factory.mktemp("data") / "digits", 2000, 500)


@pytest.fixture(scope="session")
def few_digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 images to train on, 100 to test on."""
    return write_part(tmp_path_factory.mktemp("data") / "few", 300, 100)


@pytest.fixture(scope="session")
def mnist() -> Dataset:
    return load_data("mnist")
