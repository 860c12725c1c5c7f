"""Dataset: images and labels to train on, images and labels to test on, and the names of the classes.

Every way of loading ends here, and here is checked once what training relies on: counts, sizes, labels, finite numbers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from math import prod

import numpy as np

from handgrad.core.arrays import Array
from handgrad.errors import DataError
from handgrad.words import say

_AT_ONCE = 10_000  # rows that are looked through at a time: an array may be larger than the memory


@dataclass(frozen=True, eq=False, repr=False)
class Split:
    """One part of a data set.

    Attributes:
        images: (n, height, width) uint8 for pictures, or (n, features) float32 for a table of numbers.
        labels: (n,) whole numbers, the class of each image, from 0.
    """

    images: Array
    labels: Array

    def __len__(self) -> int:
        return len(self.images)

    def __iter__(self) -> Iterator[Array]:
        """`images, labels = data.train`."""
        yield self.images
        yield self.labels

    def __repr__(self) -> str:
        return f"Split(images={self.images.dtype} {self.images.shape}, labels={self.labels.dtype} {self.labels.shape})"


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """A data set, complete and checked.

    Attributes:
        name: what it is called, in errors, plots and the run's manifest.
        train: to learn from.
        test: to be judged on.
        classes: the name of each class; label k means classes[k].
        source: where it was read from; empty where it was made in memory.
        note: what a reader should know of how it came about, such as a test part that was set aside.

    Raises: DataError where a part is empty, images and labels differ in number, train and test differ in size, a label
        is none of the classes, or a number is NaN or infinite.
    """

    name: str
    train: Split
    test: Split
    classes: tuple[str, ...]
    source: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        for part, split in (("train", self.train), ("test", self.test)):
            _check_counts(self.name, part, split)
            _check_labels(self.name, part, split.labels, self.classes)
            _check_finite(self.name, part, split.images)
        train, test = self.train.images.shape[1:], self.test.images.shape[1:]
        if train != test:
            raise DataError("data.sizes_differ", name=self.name, train=size_text(train), test=size_text(test))

    @property
    def features(self) -> int:
        """Numbers a sample: 784 for a picture of 28 x 28."""
        return prod(self.train.images.shape[1:])

    @property
    def picture_shape(self) -> tuple[int, int] | None:
        """(height, width) of each picture; None where the samples are rows of a table."""
        shape = self.train.images.shape[1:]
        return (shape[0], shape[1]) if len(shape) == 2 else None  # height and width

    def sums(self) -> dict[str, str]:
        """The SHA-256 of each of the four arrays' bytes, so that a run can say on which numbers it was trained."""
        return {
            f"{part}_{what}": hashlib.sha256(np.ascontiguousarray(array).reshape(-1).data).hexdigest()
            for part, split in (("train", self.train), ("test", self.test))
            for what, array in (("images", split.images), ("labels", split.labels))
        }

    def __repr__(self) -> str:
        kind = "pictures" if self.picture_shape else "rows"
        return (
            f"Dataset({self.name!r}: train {len(self.train):,}, test {len(self.test):,} {kind} of "
            f"{size_text(self.train.images.shape[1:])}, {len(self.classes)} classes)"
        )

    def _repr_html_(self) -> str:
        rows = {
            say("data.show_train"): f"{len(self.train):,}",
            say("data.show_test"): f"{len(self.test):,}",
            say("data.show_sample"): f"{size_text(self.train.images.shape[1:])} {self.train.images.dtype}",
            say("data.show_classes"): ", ".join(self.classes),
            say("data.show_source"): self.source,
            say("data.show_note"): self.note,
        }
        cells = "".join(f"<tr><th>{escape(k)}</th><td>{escape(v)}</td></tr>" for k, v in rows.items() if v)
        return f"<table><caption>{escape(self.name)}</caption>{cells}</table>"


def size_text(shape: tuple[int, ...]) -> str:
    """28 x 28 for (28, 28)."""
    return " x ".join(map(str, shape))


def _check_counts(name: str, part: str, split: Split) -> None:
    if len(split.images) != len(split.labels):
        raise DataError(
            "data.counts", name=name, part=part, images=f"{len(split.images):,}", labels=f"{len(split.labels):,}"
        )
    if split.images.size == 0:
        raise DataError("data.empty", name=name, part=part)


def _check_labels(name: str, part: str, labels: Array, classes: tuple[str, ...]) -> None:
    if labels.dtype.kind not in "iu" or labels.ndim != 1:
        raise DataError("data.label_kind", name=name, part=part, dtype=str(labels.dtype), shape=str(labels.shape))
    outside = np.flatnonzero((labels < 0) | (labels >= len(classes)))
    if len(outside):
        row = int(outside[0])
        raise DataError(
            "data.label_outside", name=name, part=part, row=f"{row:,}", label=int(labels[row]), classes=len(classes),
            last=len(classes) - 1,
        )  # fmt: skip


def _check_finite(name: str, part_name: str, images: Array) -> None:
    if images.dtype.kind != "f":
        return
    rows = images.reshape(len(images), -1)
    parts = [slice(start, start + _AT_ONCE) for start in range(0, len(rows), _AT_ONCE)]
    count = sum(int(np.count_nonzero(~np.isfinite(rows[part]))) for part in parts)
    if count:
        first = next(part for part in parts if not np.isfinite(rows[part]).all())
        row, column = (int(index) for index in np.argwhere(~np.isfinite(rows[first]))[0])
        row += first.start
        raise DataError(
            "data.not_finite", name=name, part=part_name, row=f"{row:,}", column=f"{column:,}",
            value=str(rows[row, column]), count=f"{count:,}",
        )  # fmt: skip
