"""Data that stay on the disk: the same numbers as read ones, and errors for folders that are not whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from handgrad import MLP, SGD, SoftmaxCrossEntropy, Training, load_data
from handgrad.data import Dataset, Split, read_idx, write_idx
from handgrad.data import idx as idx_format
from handgrad.data.mapped import FILES, PickedRows, is_mapped, load_npy_folder, store_npy_folder
from handgrad.errors import DataError
from handgrad.train.samples import split_off

RNG = np.random.default_rng(0)


def pictures(kind: type = np.uint8) -> Dataset:
    images = RNG.integers(0, 256, (40, 8, 8)).astype(np.uint8)
    rows = images if kind is np.uint8 else RNG.normal(0, 1, (40, 6)).astype(np.float32)
    labels = (np.arange(40) % 4).astype(np.uint8)
    return Dataset("mine", Split(rows[:30], labels[:30]), Split(rows[30:], labels[30:]), ("a", "b", "c", "d"), "x", "y")


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_stored_and_mapped_it_is_the_same_data_set(tmp_path: Path, kind: type) -> None:
    data = pictures(kind)
    store_npy_folder(data, tmp_path / "cache" / "mine")
    again = load_data(tmp_path / "cache" / "mine")
    assert again.sums() == data.sums()
    assert (again.name, again.classes, again.source) == (data.name, data.classes, data.source)
    assert is_mapped(again.train.images)
    assert not is_mapped(data.train.images)
    store_npy_folder(pictures(), tmp_path / "cache" / "mine")  # one that is there stays
    assert load_npy_folder(tmp_path / "cache" / "mine", "mine").sums() == data.sums()
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["mine"]


def test_a_folder_of_your_own_arrays(tmp_path: Path) -> None:
    data = pictures(np.float32)
    for (part, what), file in FILES.items():
        np.save(tmp_path / file, getattr(getattr(data, part), what))
    loaded = load_data(tmp_path)
    assert loaded.name == tmp_path.name
    assert loaded.classes == ("0", "1", "2", "3")
    assert is_mapped(loaded.train.images)
    (tmp_path / "test_labels.npy").unlink()
    with pytest.raises(DataError, match=r"has no test_labels\.npy"):
        load_data(tmp_path)
    (tmp_path / "test_labels.npy").write_bytes((tmp_path / "train_images.npy").read_bytes()[:200])
    with pytest.raises(DataError, match=r"cannot be read as an \.npy file"):
        load_data(tmp_path)


def test_a_number_that_is_none_is_found_in_any_part(tmp_path: Path) -> None:
    data = pictures(np.float32)
    images = np.concatenate([data.train.images] * 700)  # more than are looked through at once
    images[20_503, 4] = np.nan
    labels = np.tile(data.train.labels, 700)
    for file, array in zip(FILES.values(), (images, labels, *data.test), strict=True):
        np.save(tmp_path / file, array)
    with pytest.raises(DataError, match=r"20,503.*4"):
        load_data(tmp_path)


def test_a_large_plain_idx_file_is_mapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = pictures().train.images
    write_idx(tmp_path / "plain", images)
    write_idx(tmp_path / "zipped.gz", images)
    assert not is_mapped(read_idx(tmp_path / "plain"))
    monkeypatch.setattr(idx_format, "MAP_FROM", 1)
    assert is_mapped(read_idx(tmp_path / "plain"))
    np.testing.assert_array_equal(read_idx(tmp_path / "plain"), images)
    np.testing.assert_array_equal(read_idx(tmp_path / "zipped.gz"), images)
    (tmp_path / "short").write_bytes((tmp_path / "plain").read_bytes()[:-1])
    with pytest.raises(DataError):
        read_idx(tmp_path / "short")


def test_picked_rows_train_as_copied_ones_do() -> None:
    data = pictures()
    kept = RNG.permutation(30)[:21]

    def weights(images: object) -> np.ndarray:
        net = MLP(64, 5, 4, rng=0)
        settings = {"epochs": 2, "batch_size": 8, "rng": 1, "validation": (images, data.train.labels[kept])}
        training = Training(net, images, data.train.labels[kept], SoftmaxCrossEntropy(), SGD(net), **settings)
        assert list(training.records())[-1].val_loss is not None
        return net.theta

    picked = PickedRows(data.train.images, kept)
    np.testing.assert_array_equal(np.asarray(picked[3:9]), data.train.images[kept][3:9])
    np.testing.assert_array_equal(weights(picked), weights(data.train.images[kept]))


def test_the_split_for_validation_is_the_same_without_copies() -> None:
    from handgrad.parallel.host_data import split_mapped

    data = pictures()
    for share in (0.2, 7, 0):
        for ours, theirs in zip(split_mapped(data, share, 3), split_off(data.train, share, 3), strict=True):
            if theirs is None:
                assert ours is None
            else:
                np.testing.assert_array_equal(np.asarray(ours.images), theirs.images)
                np.testing.assert_array_equal(ours.labels, theirs.labels)


LARGER = """
import resource, sys
from handgrad.cli import main
from handgrad.data import idx
idx.MAP_FROM = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_DATA, (300 << 20, 300 << 20))  # memory of its own; mapped files do not count
main(["train", "--data", sys.argv[1], "--epochs", "1", "--batch-size", "20000", "--hidden", "4", "--no-plots",
      "--threads", "1", "--out", f"{sys.argv[1]}/run{sys.argv[2]}"])
"""


@pytest.mark.slow
def test_a_data_set_larger_than_the_memory_streams_from_the_disk(tmp_path: Path) -> None:
    """400 MB of pictures, in a process that may have 300 MB for itself; read and not mapped, they do not fit."""
    n = 500_000
    (tmp_path / "train-images-idx3-ubyte").write_bytes(bytes([0, 0, 8, 3, *n.to_bytes(4), 0, 0, 0, 28, 0, 0, 0, 28]))
    with open(tmp_path / "train-images-idx3-ubyte", "r+b") as file:
        file.truncate(16 + n * 784)  # zeros that take no room on the disk
    write_idx(tmp_path / "train-labels-idx1-ubyte", (np.arange(n) % 10).astype(np.uint8))
    write_idx(tmp_path / "t10k-images-idx3-ubyte", np.zeros((50, 28, 28), np.uint8))
    write_idx(tmp_path / "t10k-labels-idx1-ubyte", (np.arange(50) % 10).astype(np.uint8))
    for map_from, status in ((1 << 20, 0), (1 << 30, 1)):
        command = [sys.executable, "-c", LARGER, str(tmp_path), str(map_from)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
        assert done.returncode == status, done.stderr
        assert ("500,000 images" in done.stdout) is (status == 0)
