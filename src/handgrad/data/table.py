"""CSV: one sample a line, one column of labels, all other columns numbers.

Read in blocks of lines, so that a file of 60,000 pictures does not stand in memory as text; a bad line is named.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from handgrad.core.arrays import Array
from handgrad.data.assemble import assemble
from handgrad.data.dataset import Dataset
from handgrad.errors import DataError

LABEL_NAMES = ("label", "class", "target", "y")
_BLOCK = 2048  # lines


def load_csv(path: Path, name: str) -> Dataset:
    """The data set in a CSV file; of `digits_train.csv` the test part is `digits_test.csv`, where that lies beside it.

    The labels are in the column headed label, class, target or y; without a header, in the first one.
    Raises: DataError that names the line, where one has another number of columns or something that is no number.
    """
    test = path.with_name(path.stem.removesuffix("train") + "test" + path.suffix)
    if path.stem.endswith("_train") and test.is_file():
        return assemble(name.removesuffix("_train"), str(path), read_csv(path), read_csv(test))
    return assemble(name, str(path), read_csv(path), None)


def read_csv(path: Path) -> tuple[Array, Array]:
    """(images, labels) as they stand: whole numbers up to 255 as uint8 (n, columns), other numbers as float32; text."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            first = next(csv.reader([file.readline()]), [])
            column, headed = _label_column(path, [cell.strip() for cell in first])
            if not headed:
                file.seek(0)
            blocks = list(_blocks(path, file, column, len(first), 2 if headed else 1))
    except UnicodeDecodeError:
        raise DataError("data.csv_not_text", path=str(path)) from None
    except OSError as error:
        raise DataError("data.file_unreadable", path=str(path), reason=error.strerror) from None
    if not blocks:
        raise DataError("data.empty", name=path.stem, part="train")
    return np.concatenate([numbers for numbers, _ in blocks]), np.concatenate([labels for _, labels in blocks])


def _label_column(path: Path, first: list[str]) -> tuple[int, bool]:
    """Where the labels are, and whether the first line is a header: names are text, though a label may be text, too."""
    named = [column for column, cell in enumerate(first) if cell.lower() in LABEL_NAMES]
    texts = [column for column, cell in enumerate(first) if not _is_number(cell)]
    if len(first) < 2:  # a label and a number
        raise DataError("data.csv_columns", path=str(path), got=first[0][:40] if first else "")
    if named:
        return named[0], True
    if len(texts) > 1 or texts not in ([], [0]):
        raise DataError("data.csv_header", path=str(path), got=", ".join(first[:5]), names=", ".join(LABEL_NAMES))
    return 0, False


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _blocks(path: Path, file: Iterator[str], column: int, columns: int, line: int) -> Iterator[tuple[Array, Array]]:
    """The file's lines, a block at a time, as (numbers, labels); `line` is the number of the first."""
    while lines := list(islice(file, _BLOCK)):
        filled = [text for text in lines if text.strip()]
        if filled:
            labels: dict[str, int] = {}

            def number(cell: str, labels: dict[str, int] = labels) -> int:
                return labels.setdefault(cell.strip(), len(labels))

            try:
                block = np.loadtxt(
                    filled,
                    np.float32,
                    delimiter=",",
                    ndmin=2,
                    comments=None,
                    quotechar='"',
                    converters={column: number},
                )
            except ValueError:
                raise _bad_line(path, lines, column, columns, line) from None
            if block.shape[1] != columns:
                raise _bad_line(path, lines, column, columns, line)
            names = np.array(list(labels))[block[:, column].astype(np.int64)]
            yield _small(np.delete(block, column, axis=1)), names
        line += len(lines)


def _small(numbers: Array) -> Array:
    """Pixels as uint8, a quarter of the memory; other numbers as they are."""
    with np.errstate(invalid="ignore"):
        is_byte = numbers.size and numbers.min() >= 0 and numbers.max() <= 255 and np.all(numbers == np.floor(numbers))
    return numbers.astype(np.uint8) if is_byte else numbers


def _bad_line(path: Path, lines: list[str], column: int, columns: int, line: int) -> DataError:
    """The error that names the first line of a block that is at fault, and what is wrong with it."""
    for offset, text in enumerate(lines):
        if not text.strip():
            continue
        cells = next(csv.reader([text]))
        if len(cells) != columns:
            return DataError(
                "data.csv_ragged", path=str(path), line=f"{line + offset:,}", got=len(cells), needs=columns
            )
        for index, cell in enumerate(cells):
            if index != column and not _is_number(cell):
                return DataError(
                    "data.csv_number", path=str(path), line=f"{line + offset:,}", column=index + 1, got=cell[:40]
                )
    return DataError("data.csv_ragged", path=str(path), line=f"{line:,}", got="?", needs=columns)
