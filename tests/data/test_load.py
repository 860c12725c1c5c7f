"""load_data by name: from the package, from HANDGRAD_DATA, and from mirrors, here a server on this machine."""

from __future__ import annotations

import dataclasses
import hashlib
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from data_cases import Arrays, error_of, write_folder

from handgrad.data import DATASETS, Source, load_data, write_idx
from handgrad.data.download import download
from handgrad.data.load import load_source


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder, counts what is asked for, and prints nothing."""

    asked: list[str]

    def __init__(self, *args: Any, asked: list[str], **named: Any) -> None:
        self.asked = asked
        super().__init__(*args, **named)

    def do_GET(self) -> None:
        self.asked.append(self.path)
        super().do_GET()

    def log_message(self, *_: Any) -> None:
        pass


@dataclasses.dataclass
class Mirror:
    """A server's folder, its address, and the paths that were asked for."""

    folder: Path
    url: str
    asked: list[str]


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    folder = tmp_path / "server"
    folder.mkdir()
    asked: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder), asked=asked))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield Mirror(folder, f"http://127.0.0.1:{server.server_port}/", asked)
    server.shutdown()
    thread.join()
    server.server_close()


def known(path: Path, kind: str = "sha256") -> str:
    return f"{kind}:{hashlib.new(kind, path.read_bytes()).hexdigest()}"


def usual(mirror: Mirror, arrays: Arrays, **changes: Any) -> Source:
    """A source of four files under their usual names, that the mirror has."""
    write_folder(mirror.folder, arrays)
    files = tuple((name, known(mirror.folder / name)) for name, _ in DATASETS["kmnist"].files)
    made = {"classes": ("a", "b", "c"), "mirrors": (mirror.url,), "files": files} | changes
    return dataclasses.replace(DATASETS["kmnist"], **made)


def test_mnist_comes_from_the_package() -> None:
    data = load_data("mnist")
    assert data.train.images.shape == (60000, 28, 28)
    assert data.test.labels[:5].tolist() == [7, 2, 1, 0, 4]  # as everybody knows them
    assert np.bincount(data.train.labels).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert data.classes == tuple("0123456789")
    assert load_data("MNIST").source == data.source


def test_importing_the_room_costs_numpy_alone() -> None:
    code = (
        "import sys, handgrad.data; print([m for m in ('pooch', 'PIL', 'matplotlib', 'requests') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_files_come_from_the_first_mirror_that_has_them_and_stay(mirror: Mirror, arrays: Arrays) -> None:
    source = usual(mirror, arrays, mirrors=("http://127.0.0.1:1/", mirror.url + "none/", mirror.url))
    data = load_source(source)
    np.testing.assert_array_equal(data.train.images, arrays["train", "images"])
    np.testing.assert_array_equal(data.test.labels, arrays["test", "labels"])
    assert data.classes == ("a", "b", "c")
    many = len(mirror.asked)
    assert many == 8  # four that were not there, four that were
    assert load_source(source).sums() == data.sums()
    assert len(mirror.asked) == many  # kept, so not asked for again


def test_without_any_mirror(mirror: Mirror, arrays: Arrays) -> None:
    source = usual(mirror, arrays, mirrors=("http://127.0.0.1:1/", mirror.url + "none/"))
    error = error_of(lambda: load_source(source))
    assert error.key == "data.download"
    for words in (
        "train-images-idx3-ubyte.gz",
        "http://127.0.0.1:1/ (not reached)",
        "none/ (HTTP 404)",
        "HANDGRAD_DATA",
    ):
        assert words in str(error)


def test_a_wrong_sum_is_said_and_leaves_nothing(mirror: Mirror, arrays: Arrays, tmp_path: Path) -> None:
    source = usual(mirror, arrays)
    (mirror.folder / "train-images-idx3-ubyte.gz").write_bytes(b"<html>please log in</html>")
    error = error_of(lambda: download(source, tmp_path / "cache"))
    assert error.key == "data.checksum"
    assert mirror.url in str(error)
    assert list((tmp_path / "cache").iterdir()) == []
    mixed = dataclasses.replace(source, mirrors=(mirror.url, mirror.url + "none/"))
    error = error_of(lambda: download(mixed, tmp_path / "cache"))
    assert error.key == "data.download"
    assert "wrong checksum" in str(error)
    assert "HTTP 404" in str(error)


def test_a_damaged_file_in_the_cache_is_fetched_again(mirror: Mirror, arrays: Arrays, tmp_path: Path) -> None:
    source = usual(mirror, arrays)
    download(source, tmp_path / "cache")
    (tmp_path / "cache" / "t10k-labels-idx1-ubyte.gz").write_bytes(b"x")
    download(source, tmp_path / "cache")
    assert known(tmp_path / "cache" / "t10k-labels-idx1-ubyte.gz") == dict(source.files)["t10k-labels-idx1-ubyte.gz"]


def test_a_cache_that_cannot_be_made(mirror: Mirror, arrays: Arrays, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert error_of(lambda: download(usual(mirror, arrays), tmp_path / "file" / "cache")).key == "data.unwritable"


def emnist(mirror: Mirror, arrays: Arrays) -> Source:
    """One zip of gzipped files, pictures lying on their side, labels from 1, as EMNIST letters has it."""
    source = DATASETS["emnist-letters"]
    with zipfile.ZipFile(mirror.folder / "gzip.zip", "w") as archive:
        for (name, _), ((_, what), array) in zip(source.files, arrays.items(), strict=True):
            stored = array.swapaxes(1, 2) if what == "images" else array + np.uint8(1)
            write_idx(mirror.folder / name, stored)
            archive.write(mirror.folder / name, f"gzip/{name}")
    return dataclasses.replace(source, mirrors=(mirror.url,), archive=("gzip.zip", known(mirror.folder / "gzip.zip")))


def test_emnist_is_stood_upright_and_numbered_from_0(mirror: Mirror, arrays: Arrays) -> None:
    data = load_source(emnist(mirror, arrays))
    np.testing.assert_array_equal(data.train.images, arrays["train", "images"])
    assert data.train.images.flags.c_contiguous
    np.testing.assert_array_equal(data.test.labels, arrays["test", "labels"])
    assert data.test.labels.dtype == np.uint8
    assert data.classes[0] == "a"


def test_a_label_below_the_first_one_is_an_error(mirror: Mirror, arrays: Arrays) -> None:
    arrays["train", "labels"] = arrays["train", "labels"] - np.uint8(1)
    error = error_of(lambda: load_source(emnist(mirror, arrays)))
    assert error.key == "data.label_outside"


def qmnist(folder: Path, arrays: Arrays) -> None:
    """Labels of eight columns, of which the first is the class."""
    folder.mkdir()
    for (name, _), ((_, what), array) in zip(DATASETS["qmnist"].files, arrays.items(), strict=True):
        extended = (
            np.column_stack([array, *[array.astype(np.int32) + 100] * 7]).astype(np.int32) if what == "labels" else 0
        )
        write_idx(folder / name, array if what == "images" else np.asarray(extended))


@pytest.fixture
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "shelf"
    folder.mkdir()
    monkeypatch.setenv("HANDGRAD_DATA", str(folder))
    return folder


def placed_usual(folder: Path, mirror: Mirror, arrays: Arrays) -> str:
    write_folder(folder / "mnist", arrays)
    return "mnist"


def placed_qmnist(folder: Path, mirror: Mirror, arrays: Arrays) -> str:
    qmnist(folder / "qmnist", arrays)
    return "qmnist"


def placed_zip(folder: Path, mirror: Mirror, arrays: Arrays) -> str:
    emnist(mirror, arrays)
    (folder / "emnist-letters").mkdir()
    (mirror.folder / "gzip.zip").rename(folder / "emnist-letters" / "gzip.zip")
    return "emnist-letters"


def placed_converted(folder: Path, mirror: Mirror, arrays: Arrays) -> str:
    write_folder(folder / "emnist-letters", arrays)
    return "emnist-letters"


def placed_npz(folder: Path, mirror: Mirror, arrays: Arrays) -> str:
    named = {f"{'xy'[what == 'labels']}_{part}": array for (part, what), array in arrays.items()}
    np.savez(folder / "fashion-mnist.npz", **named)
    return "fashion-mnist"


def placed_own(folder: Path, mirror: Mirror, arrays: Arrays) -> str:
    write_folder(folder / "My_digits", arrays)
    return "My_digits"


@pytest.mark.parametrize(
    "place",
    [placed_usual, placed_qmnist, placed_zip, placed_converted, placed_npz, placed_own],
    ids=lambda f: f.__name__,
)
def test_the_data_folder_goes_first(
    place: Callable[[Path, Mirror, Arrays], str], data_folder: Path, mirror: Mirror, arrays: Arrays
) -> None:
    data = load_data(place(data_folder, mirror, arrays))
    np.testing.assert_array_equal(data.train.images, arrays["train", "images"])
    np.testing.assert_array_equal(data.train.labels, arrays["train", "labels"])
    np.testing.assert_array_equal(data.test.images, arrays["test", "images"])
    assert data.source.startswith(str(data_folder))
    assert mirror.asked == []


def test_the_data_folder_may_be_that_of_the_set(
    tmp_path: Path, arrays: Arrays, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANDGRAD_DATA", str(write_folder(tmp_path / "mnist", arrays)))
    assert len(load_data("mnist").train) == 30
    monkeypatch.setenv("HANDGRAD_DATA", str(tmp_path / "none"))
    assert error_of(lambda: load_data("mnist")).key == "data.data_folder"


def test_labels_of_a_named_set_have_its_classes(data_folder: Path, arrays: Arrays) -> None:
    arrays["test", "labels"] = arrays["test", "labels"] + np.uint8(8)
    write_folder(data_folder / "mnist", arrays)
    error = error_of(lambda: load_data("mnist"))
    assert error.key == "data.label_outside"
    assert "is 10, but there are 10 classes" in str(error)


def test_broken_zips(data_folder: Path) -> None:
    path = data_folder / "emnist-digits" / "gzip.zip"
    path.parent.mkdir()
    path.write_bytes(b"no zip")
    assert error_of(lambda: load_data("emnist-digits")).key == "data.zip_damaged"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("gzip/other", b"")
    assert error_of(lambda: load_data("emnist-digits")).key == "data.zip_member"


def test_unknown_names() -> None:
    near = error_of(lambda: load_data("fashion"))
    assert near.key == "data.unknown_near"
    assert "Did you mean fashion-mnist" in str(near)
    far = error_of(lambda: load_data("xyz"))
    assert far.key == "data.unknown"
    assert "emnist-letters" in str(far)
    assert error_of(lambda: load_data("")).key == "data.unknown"
