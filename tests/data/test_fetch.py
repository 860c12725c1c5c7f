"""fetch: the four files of a data set in a folder, and nothing of anyone's overwritten."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from data_cases import Arrays, error_of, write_folder

from handgrad.data import load_data, read_idx, write_idx
from handgrad.data.fetch import fetch
from handgrad.data.load import SHIPPED

NAMES = [
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
]


def test_mnist_is_copied_byte_for_byte(tmp_path: Path) -> None:
    files = fetch("mnist", tmp_path / "new" / "folder")
    assert [file.path.name for file in files] == NAMES
    for file in files:
        assert file.written
        assert file.path.read_bytes() == (SHIPPED / file.path.name).read_bytes()
        assert file.size == file.path.stat().st_size
    assert load_data(tmp_path / "new" / "folder").sums() == load_data("mnist").sums()
    assert [file.written for file in fetch("MNIST", tmp_path / "new" / "folder")] == [False] * 4


@pytest.fixture
def shelf(tmp_path: Path, arrays: Arrays, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HANDGRAD_DATA", str(tmp_path / "shelf"))
    return write_folder(tmp_path / "shelf" / "kmnist", arrays, ending="", spelling=1).parent


def test_another_set_is_written_as_usual(shelf: Path, arrays: Arrays, tmp_path: Path) -> None:
    fetch("kmnist", tmp_path / "out")
    for name, array in zip(NAMES, arrays.values(), strict=True):
        assert (tmp_path / "out" / name).read_bytes()[:2] == b"\x1f\x8b"
        np.testing.assert_array_equal(read_idx(tmp_path / "out" / name), array)


def test_the_same_stays_and_other_things_stop_it(shelf: Path, arrays: Arrays, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    same = out / NAMES[1]
    write_idx(out / "labels", arrays["train", "labels"])
    same.write_bytes(gzip.compress((out / "labels").read_bytes(), 1, mtime=5))  # packed in another way
    before = same.read_bytes()
    assert [file.written for file in fetch("kmnist", out)] == [True, False, True, True]
    assert same.read_bytes() == before
    for name in NAMES[:3]:
        (out / name).unlink()
    for other in (b"my notes", gzip.compress(b"my notes")):
        (out / NAMES[3]).write_bytes(other)
        error = error_of(lambda: fetch("kmnist", out))
        assert error.key == "data.would_overwrite"
        assert NAMES[3] in str(error)
        assert (out / NAMES[3]).read_bytes() == other
        assert sorted(path.name for path in out.iterdir()) == ["labels", NAMES[3]]  # nothing was written


def test_folders_that_cannot_be_written(shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("x")
    assert error_of(lambda: fetch("kmnist", tmp_path / "file")).key == "data.unwritable"
    assert error_of(lambda: fetch("kmnist", tmp_path / "file" / "below")).key == "data.unwritable"
    assert error_of(lambda: fetch("nothing", tmp_path / "out")).key == "data.unknown"
    assert not (tmp_path / "out").exists()
