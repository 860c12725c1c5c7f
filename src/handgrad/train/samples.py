"""Samples: the images and labels of a training, and those that are kept apart to be watched and never learned from.

They know which rows of the caller's own arrays they are, so that an error can name a row as the caller counts it.
"""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

import numpy as np

from handgrad.core.arrays import Array
from handgrad.data import Split
from handgrad.data.mapped import PickedRows
from handgrad.data.sparse import SparseRows, is_sparse
from handgrad.errors import InputError

AT_ONCE = 1000  # rows that are looked through at a time, which bounds the memory


class Samples(NamedTuple):
    """Images and labels; `rows` are their numbers in the caller's arrays, which `names` calls by name."""

    images: Array
    labels: Array
    rows: Array
    names: tuple[str, str]

    def not_finite(self, rows: Array) -> tuple[str, float] | None:
        """The first number among these rows that is nan or infinite, and where it stands: ("images[17]", nan)."""
        for start in range(0, len(rows), AT_ONCE):
            part = rows[start : start + AT_ONCE]
            for name, array in zip(self.names, (self.images, self.labels), strict=True):
                if array.dtype.kind != "f":
                    continue
                numbers = array.take(part, axis=0).reshape(len(part), -1)
                found = np.argwhere(~np.isfinite(numbers))
                if len(found):
                    row, column = found[0]
                    return f"{name}[{self.rows[part[row]]}]", float(numbers[row, column])
        return None


def gather_samples(images: Any, labels: Any, validation: Any, rng: Any) -> tuple[Samples, Samples | None]:
    """(to learn from, to watch): validation is a pair of images and labels, a share or number of rows, or None.

    A share is drawn by the seed `rng`, or by the seed 0 where that is a generator or None.
    """
    images, labels = _paired(images, labels)
    names = ("images", "labels")
    if isinstance(validation, (int, float, np.integer, np.floating)) and not isinstance(validation, bool):
        seed = rng if isinstance(rng, (int, np.integer)) else 0
        kept, apart = rows_apart(len(images), float(validation), int(seed))
        watched = Samples(images[apart], labels[apart], apart, names) if len(apart) else None
        return (Samples(images[kept], labels[kept], kept, names) if watched else _all(images, labels, names)), watched
    samples = _all(images, labels, names)
    if validation is None:
        return samples, None
    try:
        if isinstance(validation, np.ndarray):  # of two rows it would come apart as well, into no images and labels
            raise TypeError
        val_images, val_labels = validation
    except (TypeError, ValueError):
        raise InputError("train.validation_kind", got=type(validation).__name__) from None
    val_images, val_labels = _paired(val_images, val_labels)
    if prod(val_images.shape[1:]) != prod(images.shape[1:]):
        raise InputError("train.validation_shape", got=val_images.shape[1:], needs=images.shape[1:])
    return samples, _all(val_images, val_labels, ("validation[0]", "validation[1]"))


def weights_of(values: Any, samples: Samples, watched: Samples | None, total: int) -> tuple[Array | None, Array | None]:
    """(of the samples to learn from, of those to watch), of weights for all `total` samples that were given.

    A validation split of its own has none. InputError unless there is a number above 0 for each sample.
    """
    if values is None:
        return None, None
    weights = as_numbers(values).astype(np.float64)
    if weights.shape != (total,) or not (weights.min() > 0 and np.isfinite(weights).all()):
        raise InputError("train.weights", got=weights.shape, samples=total)
    apart = watched is not None and watched.names == samples.names
    return weights[samples.rows], weights[watched.rows] if watched is not None and apart else None


def split_off(split: Split, share: float, seed: int) -> tuple[Split, Split | None]:
    """(training, validation): a share below 1, or a number of rows, drawn at random and taken out of a split."""
    kept, apart = rows_apart(len(split.labels), share, seed)
    if not len(apart):
        return split, None
    return Split(split.images[kept], split.labels[kept]), Split(split.images[apart], split.labels[apart])


def rows_apart(total: int, share: float, seed: int) -> tuple[Array, Array]:
    """(kept, apart): of so many rows the numbers of a share below 1, or of a number of rows, drawn at random.

    The draw has a generator of its own, so that weights and orders are the same with validation and without.
    """
    if not 0 <= share < total or (share > 1 and share != int(share)):
        raise InputError("train.validation", got=share, samples=total)
    count = round(share * total) if share < 1 else int(share)
    if share > 0 and not 0 < count < total:
        raise InputError("train.validation", got=share, samples=total)
    if not count:
        return np.arange(total), np.arange(0)
    order = np.random.default_rng([seed, 1]).permutation(total)
    return np.sort(order[count:]), np.sort(order[:count])


def as_numbers(values: Any) -> Array:
    """values as an array of numbers with one row a sample; whole numbers stay whole. InputError for anything else.

    A sparse matrix of SciPy's becomes rows that are made dense a batch at a time.
    """
    if isinstance(values, PickedRows):
        return values  # type: ignore[return-value]  # it has what the loop asks of an array
    if is_sparse(values):
        return SparseRows(values)  # type: ignore[return-value]  # it has what the loop asks of an array
    try:
        array = np.asarray(values)
        if array.ndim == 0 or array.dtype.kind not in "biuf":
            raise TypeError
    except (TypeError, ValueError):
        got = f"ndarray[{values.dtype}]" if isinstance(values, np.ndarray) else type(values).__name__
        raise InputError("core.no_numbers", got=got) from None
    return array


def _paired(images: Any, labels: Any) -> tuple[Array, Array]:
    """Both as arrays, if there is a label for each image, and an image at all."""
    images, labels = as_numbers(images), as_numbers(labels)
    if len(images) == 0:
        raise InputError("train.empty")
    if len(labels) != len(images):
        raise InputError("train.counts", images=len(images), labels=len(labels))
    return images, labels


def _all(images: Array, labels: Array, names: tuple[str, str]) -> Samples:
    return Samples(images, labels, np.arange(len(images)), names)
