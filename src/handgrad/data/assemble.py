"""From raw arrays to a Dataset: which numbers are pictures, which labels make which classes, what is set aside to test.

Files know nothing of that, so every format that is read by path passes through here.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt, prod
from typing import Any

import numpy as np

from handgrad.core.arrays import Array
from handgrad.data.dataset import Dataset, Split
from handgrad.errors import DataError
from handgrad.words import say

_TEST_SHARE = 6  # one in so many
_SMALLEST_PICTURE = 8  # a row of 4 whole numbers is a table, not a picture of 2 x 2; scikit-learn's digits are 8 x 8
_BRIGHT = 127  # pictures use the range to 255; counts and grades usually do not
_RARE = 0.01  # of the usual class size
_AT_ONCE = 10_000  # rows that are looked through at a time: an array may be larger than the memory


def assemble(
    name: str, source: str, train: tuple[Any, Any], test: tuple[Any, Any] | None, classes: Sequence[str] | None = None
) -> Dataset:
    """A Dataset from (images, labels) to train on and, where there is one, a test part.

    Labels are whole numbers from 0 or names; they are numbered 0, 1, ... in ascending order. Where `classes` names
    them, they are so numbered already.
    Raises: DataError where they are neither, where a label does not belong, or as `Dataset` does.
    """
    parts = {"train": train} if test is None else {"train": train, "test": test}
    for part, (images, labels) in parts.items():
        if len(images) == 0 or len(labels) == 0:
            raise DataError("data.empty", name=name, part=part)
        if len(images) != len(labels):
            raise DataError("data.counts", name=name, part=part, images=f"{len(images):,}", labels=f"{len(labels):,}")
    targets = [whole_labels(name, part, labels) for part, (_, labels) in parts.items()]
    if classes is None:
        classes, targets = _number(name, targets)
    arrays = as_samples(name, [np.asarray(images) for images, _ in parts.values()])
    splits = [Split(images, labels) for images, labels in zip(arrays, targets, strict=True)]
    note = ""
    if test is None:
        splits = set_aside(name, splits[0])
        note = say("data.note_sixth", test=f"{len(splits[1]):,}", train=f"{len(splits[0]):,}")
    return Dataset(name, splits[0], splits[1], tuple(classes), source, note)


def as_samples(name: str, parts: Sequence[Array]) -> list[Array]:
    """Each part as uint8 pictures (n, height, width) where the numbers are grey pixels, else as float32 (n, features).

    Grey pixels are whole numbers from 0 to 255: in three axes (or four, the last of size 1) always, in two axes where
    they fill a square of at least 8 x 8 and at least one is bright.
    """
    if any(part.dtype.kind not in "uifb" for part in parts):
        raise DataError("data.not_numbers", name=name, dtype=", ".join(str(part.dtype) for part in parts))
    parts = [_one_channel(name, part) for part in parts]
    if all(_is_grey(part) for part in parts):
        side, flat = isqrt(prod(parts[0].shape[1:])), all(part.ndim == 2 for part in parts)  # (n, pixels)
        if flat and side >= _SMALLEST_PICTURE and max(part.max() for part in parts) > _BRIGHT:
            parts = [part.reshape(-1, side, side) if part.shape[1] == side * side else part for part in parts]
        if all(part.ndim == 3 for part in parts):  # (n, height, width)
            return [part.astype(np.uint8, copy=False) for part in parts]
    with np.errstate(over="ignore"):  # what is too large for float32 becomes infinite, and is reported as that
        return [part.reshape(len(part), -1).astype(np.float32, copy=False) for part in parts]


def _one_channel(name: str, part: Array) -> Array:
    """The array without an axis of one colour. DataError for pictures in colour, and for a mere list of numbers."""
    if part.ndim < 2:  # samples and features
        raise DataError("data.no_features", name=name, shape=str(part.shape))
    if part.ndim == 4:  # samples, height, width, colours; or the colours before the height
        for axis in (3, 1):
            if part.shape[axis] == 1:
                return np.squeeze(part, axis)
            if part.shape[axis] in (3, 4):
                raise DataError("data.colour", name=name, shape=str(part.shape))
    return part.astype(np.uint8) if part.dtype.kind == "b" else part


def _is_grey(part: Array) -> bool:
    """Whether all numbers are whole and from 0 to 255. NaN is neither, and is reported later, with its place."""
    if part.dtype == np.uint8:
        return True
    with np.errstate(invalid="ignore"):
        return all(
            bool(rows.min() >= 0 and rows.max() <= 255 and np.all(rows == np.floor(rows)))
            for rows in (part[start : start + _AT_ONCE] for start in range(0, len(part), _AT_ONCE))
        )


def whole_labels(name: str, part: str, labels: Any) -> Array:
    """Labels as whole numbers where they are numbers, else as names (str), one axis either way.

    Raises: DataError for a negative or a broken number, and for numbers mixed with names.
    """
    array = np.asarray(labels)
    if array.ndim == 2 and array.shape[1] == 1:  # a column
        array = array[:, 0]
    if array.ndim != 1:
        raise DataError("data.label_kind", name=name, part=part, dtype=str(array.dtype), shape=str(array.shape))
    if array.dtype.kind == "U":
        array = _numbers_in(name, part, array)
    if array.dtype.kind == "U":
        return array
    if array.dtype.kind not in "uifb":
        raise DataError("data.label_kind", name=name, part=part, dtype=str(array.dtype), shape=str(array.shape))
    with np.errstate(invalid="ignore"):
        wrong = np.flatnonzero(~((array >= 0) & (array == np.floor(array)) & (array < 2**31)))
    if len(wrong):
        row = int(wrong[0])
        raise DataError("data.label_value", name=name, part=part, row=f"{row:,}", label=str(array[row]))
    return array if array.dtype.kind in "ui" else array.astype(np.int64)


def _numbers_in(name: str, part: str, texts: Array) -> Array:
    """Texts as numbers if all of them are numbers, unchanged if none is; DataError at the first of the minority."""
    distinct, inverse = np.unique(texts, return_inverse=True)
    numeric = np.array([_is_number(text) for text in distinct])
    if numeric.all():
        return np.array([float(text) for text in distinct])[inverse]
    empty = np.flatnonzero(np.char.strip(texts) == "")
    if numeric.any() or len(empty):
        wrong = empty if len(empty) else np.flatnonzero(~numeric[inverse])
        row = int(wrong[0])
        raise DataError("data.label_value", name=name, part=part, row=f"{row:,}", label=str(texts[row]))
    return np.char.strip(texts)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _number(name: str, parts: list[Array]) -> tuple[list[str], list[Array]]:
    """The names of the distinct training labels, ascending, and every part's labels as their places among these."""
    if any(part.dtype.kind == "U" for part in parts):
        parts = [part.astype(str) for part in parts]
    values, counts = np.unique(parts[0], return_counts=True)
    if len(parts) > 1:
        unknown = np.flatnonzero(~np.isin(parts[1], values))
        if len(unknown):
            row = int(unknown[0])
            known = _list(values)
            raise DataError("data.label_only_in_test", name=name, row=f"{row:,}", label=str(parts[1][row]), known=known)
    _check_strays(name, values, counts, parts)
    if len(values) < 2:  # one class leaves nothing to tell apart
        raise DataError("data.one_class", name=name, label=str(values[0]))
    encoded = [np.searchsorted(values, part) for part in parts]
    small = np.uint8 if len(values) <= 256 else np.int64  # what a byte can number
    return [str(value) for value in values], [part.astype(small) for part in encoded]


def _check_strays(name: str, values: Array, counts: Array, parts: list[Array]) -> None:
    """Refuse labels that look like damage: hardly ever in the training part, and never in the test part.

    Hardly ever is under a hundredth as often as the usual class, or once where the numbering has a gap. Taking such a
    label for one class more would hide a broken file.
    """
    limit = _RARE * float(np.median(counts))
    if len(parts) == 1:
        limit = min(limit, 1.0)  # no test part to ask, so only what could not be divided between the two
    if values.dtype.kind != "U" and int(values[-1]) - int(values[0]) >= len(values):
        limit = max(limit, 1.0)
    stray = counts <= limit
    if len(parts) > 1:
        stray &= ~np.isin(values, parts[1])
    if stray.any():
        label = values[stray][0]
        row = int(np.flatnonzero(parts[0] == label)[0])
        raise DataError(
            "data.label_stray", name=name, label=str(label), count=int(counts[stray][0]), row=f"{row:,}",
            known=_list(values[~stray]),
        )  # fmt: skip


def _list(values: Array) -> str:
    """0, 1, 2, ..., 9: all of a few values, the ends of many."""
    texts = [str(value) for value in values]
    return ", ".join(texts if len(texts) <= 12 else [*texts[:3], "...", texts[-1]])  # fits a line


def set_aside(name: str, whole: Split) -> list[Split]:
    """Divide into train and test: of each class one sample in six, drawn with seed 0, both parts in their old order."""
    rng = np.random.default_rng(0)
    for_test = np.zeros(len(whole), bool)
    for label in np.unique(whole.labels):
        rows = np.flatnonzero(whole.labels == label)
        for_test[rng.permutation(rows)[: round(len(rows) / _TEST_SHARE)]] = True
    if not for_test.any():
        raise DataError("data.too_few", name=name, got=len(whole), classes=len(np.unique(whole.labels)))
    return [Split(whole.images[rows], whole.labels[rows]) for rows in (~for_test, for_test)]
