"""A folder of pictures by class: both layouts, every mode of PNG, and what such folders get wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from data_cases import Arrays, error_of
from PIL import Image

from handgrad.data import load_data

NAMES = ("0", "2", "10")


def write_pictures(root: Path, arrays: Arrays, part: str, names: tuple[str, ...] = NAMES) -> Path:
    for number, (image, label) in enumerate(zip(arrays[part, "images"], arrays[part, "labels"], strict=True)):
        folder = root / names[label]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{number:03}.png")
    return root


@pytest.mark.parametrize("parts", [("train", "test"), ("training", "testing")])
def test_train_and_test(tmp_path: Path, arrays: Arrays, parts: tuple[str, str]) -> None:
    write_pictures(tmp_path / parts[0], arrays, "train")
    write_pictures(tmp_path / parts[1], arrays, "test")
    (tmp_path / parts[0] / ".DS_Store").write_text("x")
    (tmp_path / parts[0] / "0" / "notes.txt").write_text("x")
    data = load_data(tmp_path)
    assert data.classes == NAMES  # by number: 10 after 2
    for part, split in (("train", data.train), ("test", data.test)):
        np.testing.assert_array_equal(split.images, arrays[part, "images"])
        np.testing.assert_array_equal(split.labels, arrays[part, "labels"])


def test_one_part_with_names_that_are_letters_and_digits(tmp_path: Path, arrays: Arrays) -> None:
    data = load_data(write_pictures(tmp_path, arrays, "train", ("A", "b", "7")))
    assert data.classes == ("7", "A", "b")
    assert (len(data.train), len(data.test)) == (24, 6)
    assert "seed 0" in data.note


@pytest.mark.parametrize("mode", ["RGB", "P", "LA", "I;16"])
def test_other_modes_come_out_as_grey(tmp_path: Path, arrays: Arrays, mode: str) -> None:
    write_pictures(tmp_path / "train", arrays, "train")
    write_pictures(tmp_path / "test", arrays, "test")
    for path in tmp_path.glob("*/*/*.png"):
        image = Image.open(path)
        wide = Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
        (wide if mode == "I;16" else image.convert(mode)).save(path)
    np.testing.assert_array_equal(load_data(tmp_path).train.images, arrays["train", "images"])


def test_broken_folders(tmp_path: Path, arrays: Arrays) -> None:
    def key() -> str:
        return error_of(lambda: load_data(tmp_path)).key.removeprefix("data.")

    write_pictures(tmp_path / "test", arrays, "test")
    assert key() == "folder_no_train"
    write_pictures(tmp_path / "train", arrays, "train", ("0", "2", "11"))
    assert key() == "folder_extra_class"
    (tmp_path / "train" / "11").rename(tmp_path / "train" / "10")
    load_data(tmp_path)
    odd = tmp_path / "train" / "2" / "odd.png"
    Image.new("L", (9, 11)).save(odd)
    assert key() == "picture_sizes"
    odd.write_bytes(b"no picture")
    error = error_of(lambda: load_data(tmp_path))
    assert error.key == "data.picture_unreadable"
    assert str(odd) in str(error)
    whole = next((tmp_path / "train" / "0").glob("*.png")).read_bytes()
    odd.write_bytes(whole[: len(whole) // 2])
    assert key() == "picture_unreadable"
    odd.unlink()
    (tmp_path / "train" / "5").mkdir()
    assert key() == "folder_empty_class"
