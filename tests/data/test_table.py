"""CSV: with and without a header, pixels and fractions, names and numbers; a bad line is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from data_cases import Arrays, error_of

from handgrad.data import Dataset, load_data, table


def load(tmp_path: Path, text: str, name: str = "t.csv") -> Dataset:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return load_data(path)


BODY = "\n".join(f"{i % 2},{i}.5,{-i}" for i in range(12))


@pytest.mark.parametrize(
    "text",
    [
        BODY,
        BODY + "\n\n",
        "label,a,b\n" + BODY,
        "\ufeffY,a,b\r\n" + BODY.replace("\n", "\r\n"),
        '"class","a","b"\n' + BODY.replace(",1.5", ',"1.5"'),
        "label,1,2\n" + BODY,
    ],
)
def test_a_table(tmp_path: Path, text: str) -> None:
    data = load(tmp_path, text)
    assert (data.name, data.classes, data.features, data.picture_shape) == ("t", ("0", "1"), 2, None)
    both = np.concatenate([data.train.images, data.test.images])
    assert both.dtype == np.float32
    assert sorted(map(tuple, both.tolist())) == sorted((i + 0.5, float(-i)) for i in range(12))
    for split in (data.train, data.test):
        np.testing.assert_array_equal(np.floor(split.images[:, 0]) % 2, split.labels)


def test_the_label_column_may_be_anywhere_and_hold_names(tmp_path: Path) -> None:
    rows = "\n".join(f"{i},{'cat' if i % 2 else 'dog'},{i + 100}" for i in range(12))
    data = load(tmp_path, "a,target,b\n" + rows)
    assert data.classes == ("cat", "dog")
    np.testing.assert_array_equal(data.train.images[:, 1] - data.train.images[:, 0], 100)
    np.testing.assert_array_equal(data.train.images[:, 0] % 2 == 0, data.train.labels == 1)


def test_pictures_with_their_test_part_beside_them(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (40, 8, 8), np.uint8), np.arange(40) % 4
    for part, rows in (("train", slice(0, 28)), ("test", slice(28, 40))):
        flat = np.column_stack([labels[rows], images[rows].reshape(-1, 64)])
        np.savetxt(tmp_path / f"digits_{part}.csv", flat, fmt="%d", delimiter=",")
    data = load_data(tmp_path / "digits_train.csv")
    assert (data.name, data.note, data.picture_shape) == ("digits", "", (8, 8))
    np.testing.assert_array_equal(data.train.images, images[:28])
    np.testing.assert_array_equal(data.test.images, images[28:])
    np.testing.assert_array_equal(data.test.labels, labels[28:])


def test_blocks_of_lines_make_one_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = load(tmp_path, BODY)
    monkeypatch.setattr(table, "_BLOCK", 5)
    assert load(tmp_path, BODY).sums() == whole.sums()
    error = error_of(lambda: load(tmp_path, BODY.replace("\n1,7.5", "\n\n1,x")))
    assert "line 9, column 2: 'x'" in str(error)


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        (BODY.replace("5.5", "five"), "csv_number", "line 6, column 2: 'five'"),
        ("label,a,b\n" + BODY.replace("5.5", ""), "csv_number", "line 7, column 2: ''"),
        (BODY.replace(",-5", ""), "csv_ragged", "line 6: 2 columns, where the first line has 3"),
        (BODY + "\n1,2,3,4", "csv_ragged", "line 13: 4 columns"),
        ("label,a,b,c\n" + BODY, "csv_ragged", "line 2: 3 columns"),
        (BODY.replace("5.5", "nan"), "not_finite", "nan"),
        (BODY.replace("5.5", "1e99"), "not_finite", "inf"),
        (BODY.replace("1,5.5", "-1,5.5"), "label_value", "-1"),
        (BODY.replace("1,5.5", "1.5,5.5"), "label_value", "1.5"),
        (BODY.replace("1,5.5", ",5.5"), "label_value", "''"),
        (BODY.replace("1,5.5", "cat,5.5"), "label_value", "cat"),
        ("kind,a,b\n" + BODY, "csv_header", "kind, a, b"),
        ("1\n0\n1\n", "csv_columns", "'1'"),
        ("1;2;3\n", "csv_columns", "1;2;3"),
        ("", "csv_columns", ""),
        ("label,a,b\n", "empty", "t"),
        ("\n".join(f"1,{i},2" for i in range(9)), "one_class", "'1'"),
    ],
)
def test_a_bad_table_is_told_with_its_line(tmp_path: Path, text: str, key: str, words: str) -> None:
    error = error_of(lambda: load(tmp_path, text))
    assert error.key == f"data.{key}"
    assert words in str(error)


def test_bytes_that_are_no_text(tmp_path: Path, arrays: Arrays) -> None:
    (tmp_path / "t.csv").write_bytes(b"1,2,3\n" + arrays["train", "images"].tobytes())
    assert error_of(lambda: load_data(tmp_path / "t.csv")).key == "data.csv_not_text"
