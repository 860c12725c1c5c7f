"""Data by path: every format gives the same arrays back, and every way to be broken has its sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_cases import Arrays, error_of, write_folder

from handgrad.data import Dataset, load_data, write_idx


def same(data: Dataset, arrays: Arrays) -> None:
    for part, split in (("train", data.train), ("test", data.test)):
        np.testing.assert_array_equal(split.images, arrays[part, "images"])
        np.testing.assert_array_equal(split.labels, arrays[part, "labels"])
        assert split.images.dtype == np.uint8


@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("spelling", [0, 1])
def test_a_folder_of_idx_files(tmp_path: Path, arrays: Arrays, ending: str, spelling: int) -> None:
    data = load_data(write_folder(tmp_path / "mine", arrays, ending, spelling))
    same(data, arrays)
    assert (data.name, data.classes, data.note) == ("mine", ("0", "1", "2"), "")
    assert data.source == str(tmp_path / "mine")


def test_the_path_may_be_relative_or_end_in_a_slash(
    tmp_path: Path, arrays: Arrays, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_folder(tmp_path / "mine", arrays)
    monkeypatch.chdir(tmp_path)
    for spelled in ("mine", "./mine", "mine/"):
        assert load_data(spelled).name == "mine"
    monkeypatch.chdir(tmp_path / "mine")
    assert load_data(".").name == "mine"


@pytest.mark.parametrize("file", ["train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"])
def test_one_of_the_four_is_missing(tmp_path: Path, arrays: Arrays, file: str) -> None:
    (write_folder(tmp_path, arrays) / f"{file}.gz").unlink()
    error = error_of(lambda: load_data(tmp_path))
    assert error.key == "data.idx_one_missing"
    assert file in str(error)


def test_broken_idx_folders(tmp_path: Path, arrays: Arrays) -> None:
    def key(name: str, **changes: Any) -> str:
        changed = {tuple(k.split("_")): v for k, v in changes.items()}
        folder = write_folder(tmp_path / name, arrays | changed)  # type: ignore[arg-type]
        return error_of(lambda: load_data(folder)).key.removeprefix("data.")

    labels = arrays["train", "labels"]
    assert key("counts", train_labels=labels[:-1]) == "counts"
    assert key("exchanged", train_labels=arrays["train", "images"]) == "idx_not_labels"
    assert key("exchanged2", train_images=labels) == "idx_not_images"
    assert key("negative", train_labels=labels.astype(np.int8) - 1) == "label_value"
    assert key("unknown", test_labels=arrays["test", "labels"] + 1) == "label_only_in_test"
    assert key("size", test_images=arrays["test", "images"][:, :-1]) == "sizes_differ"
    assert key("empty", train_images=arrays["train", "images"][:0], train_labels=labels[:0]) == "empty"
    wild = labels.copy()
    wild[3] = 200
    assert key("wild", train_labels=wild) == "label_stray"
    dirty = arrays["train", "images"].astype(np.float32)
    dirty[2, 1, 1] = np.nan
    assert key("nan", train_images=dirty) == "not_finite"


def test_a_truncated_gz_in_a_folder(tmp_path: Path, arrays: Arrays) -> None:
    path = write_folder(tmp_path, arrays) / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-20])
    error = error_of(lambda: load_data(tmp_path))
    assert error.key == "data.gz_truncated"
    assert str(path) in str(error)


def test_npz_as_keras_has_it(tmp_path: Path, arrays: Arrays) -> None:
    named = {f"{'xy'[what == 'labels']}_{part}": array for (part, what), array in arrays.items()}
    np.savez_compressed(tmp_path / "k.npz", **named)
    data = load_data(tmp_path / "k.npz")
    same(data, arrays)
    assert (data.name, data.note) == ("k", "")


@pytest.mark.parametrize("names", [("images", "labels"), ("X", "y"), ("x", "y"), ("data", "target")])
def test_npz_with_one_pair(tmp_path: Path, arrays: Arrays, names: tuple[str, str]) -> None:
    pair = {names[0]: arrays["train", "images"], names[1]: arrays["train", "labels"], "other": np.zeros(1)}
    np.savez(tmp_path / "pair.npz", **pair)
    data = load_data(tmp_path / "pair.npz")
    assert (len(data.train), len(data.test)) == (24, 6)  # of 10 a class, a sixth is 2
    assert np.bincount(data.test.labels).tolist() == [2, 2, 2]
    assert "seed 0" in data.note


def test_broken_npz(tmp_path: Path) -> None:
    path = tmp_path / "b.npz"
    labels = np.array([0, 1] * 6)

    def key(**arrays: Any) -> str:
        np.savez(path, **arrays)
        return error_of(lambda: load_data(path)).key.removeprefix("data.")

    assert key(first=labels) == "npz_keys"
    assert key(X=np.array([None, "a"] * 6, object), y=labels) == "npz_objects"
    assert key(X=np.float32(3), y=labels) == "no_features"
    assert key(X=np.full((12, 2), np.nan), y=labels) == "not_finite"
    assert key(X=np.zeros((11, 2)), y=labels) == "counts"
    assert key(X=np.zeros((12, 2)), y=labels + 0.5) == "label_value"
    whole = path.read_bytes()
    for broken in (b"", b"PK\3\4 no zip", whole[:100], whole[:-30]):
        path.write_bytes(broken)
        assert error_of(lambda: load_data(path)).key == "data.npz_damaged"
    with open(path, "wb") as file:
        np.save(file, labels)
    assert error_of(lambda: load_data(path)).key == "data.npz_damaged"


def test_pickles_are_not_run(tmp_path: Path) -> None:
    """A plain pickle under the name .npz, which numpy.load would run if it were let."""

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "run",)

    np.array([Evil()], object).dump(tmp_path / "evil.npz")
    assert error_of(lambda: load_data(tmp_path / "evil.npz")).key == "data.npz_damaged"
    assert not (tmp_path / "run").exists()


def test_paths_that_are_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    (tmp_path / "empty").mkdir()
    assert error_of(lambda: load_data(tmp_path / "none")).key == "data.path_missing"
    assert error_of(lambda: load_data("none.csv")).key == "data.path_missing"
    assert error_of(lambda: load_data(tmp_path / "a.txt")).key == "data.path_kind"
    assert error_of(lambda: load_data(tmp_path / "empty")).key == "data.folder_kind"


def test_plain_files_go_before_packed_ones(tmp_path: Path, arrays: Arrays) -> None:
    write_folder(tmp_path, arrays)
    write_idx(tmp_path / "train-labels-idx1-ubyte", arrays["train", "labels"][::-1].copy())
    assert load_data(tmp_path).train.labels[0] == 2
