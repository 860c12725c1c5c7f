"""Nonzeros: the rows of a data set with their zeros left out, indexed once for the whole training.

Four of five pixels of a handwritten digit are 0, and of a bag of words nearly all; a product with 0 adds nothing.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from handgrad.core.arrays import Array
from handgrad.data.batches import to_input
from handgrad.data.sparse import SparseRows
from handgrad.engines.fast.compiling import kept
from handgrad.engines.fast.lanes import wide


class Nonzeros(NamedTuple):
    """Compressed rows: those of row r are columns[starts[r] : starts[r + 1]] and values likewise."""

    starts: Array  # (rows + 1,), int64
    columns: Array  # uint16 where they are few enough, else int32
    values: Array  # of the net's dtype


@kept
def count(images: Any, starts: Any) -> None:
    """starts[1:] = cumsum(count_nonzero(images, axis=1))."""
    wide()
    starts[0] = 0
    for r in range(images.shape[0]):
        nonzero = 0
        for i in range(images.shape[1]):
            nonzero += images[r, i] != 0
        starts[r + 1] = starts[r] + nonzero


@kept
def fill(images: Any, starts: Any, columns: Any, values: Any, scale: Any) -> None:
    """columns, values = nonzero(images), images[nonzero] * scale, row by row."""
    for r in range(images.shape[0]):
        k = starts[r]
        for i in range(images.shape[1]):
            if images[r, i] != 0:
                columns[k], values[k] = i, images[r, i] * scale
                k += 1


def nonzeros(images: Array, dtype: Any) -> Nonzeros:
    """The nonzeros of images (n, ...), uint8 or floats, as `to_input` gives them; or of sparse rows."""
    if isinstance(images, SparseRows):
        rows = images.matrix.copy()
        rows.sum_duplicates()
        values = to_input(rows.data[:, None], dtype).ravel()
        return Nonzeros(rows.indptr.astype(np.int64), rows.indices.astype(_columns_type(images.shape[1])), values)
    flat = images.reshape(len(images), math.prod(images.shape[1:]))
    if flat.dtype != np.uint8:
        flat = to_input(flat, dtype)
    starts = np.empty(len(flat) + 1, np.int64)
    count(flat, starts)
    columns = np.empty(starts[-1], _columns_type(flat.shape[1]))
    values = np.empty(starts[-1], dtype)
    fill(flat, starts, columns, values, values.dtype.type(1 / 255 if images.dtype == np.uint8 else 1))
    return Nonzeros(starts, columns, values)


def _columns_type(features: int) -> Any:
    """The smallest type for their numbers; half the memory of the usual one, which is read in every step."""
    return np.uint16 if features < 1 << 16 else np.int32
