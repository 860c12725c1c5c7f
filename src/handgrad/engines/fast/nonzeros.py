"""Nonzeros: the rows of a data set with their zeros left out, indexed once for the whole training.

Four of five pixels of a handwritten digit are 0, and of a bag of words nearly all; a product with 0 adds nothing. Two
neighbouring numbers are taken together if either is not 0: strokes are wider than a pixel, and a pair costs a sum in
memory to be fetched and put back only once.
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
    """Compressed rows of pairs: those of row r are pairs[starts[r] : starts[r + 1]] and values likewise."""

    starts: Array  # (rows + 1,), int64
    pairs: Array  # pair j is the columns 2j and 2j + 1; uint16 where they are few enough, else int32
    values: Array  # (pairs, 2), as they lie in the data set
    scale: Array  # (1,), of the net's dtype: what they are multiplied with
    touched: Array  # (pairs of columns,), how many rows have each

    def arrays(self) -> tuple[Array, Array, Array, Array]:
        """What the kernels read."""
        return self.starts, self.pairs, self.values, self.scale


@kept
def count(images: Any, starts: Any) -> None:
    """starts[r + 1]: how many pairs of row r are not 0 and 0."""
    wide()
    for r in range(images.shape[0]):
        pairs = 0
        for j in range(images.shape[1] // 2):
            pairs += (images[r, 2 * j] != 0) | (images[r, 2 * j + 1] != 0)
        starts[r + 1] = pairs + (images.shape[1] % 2 and images[r, images.shape[1] - 1] != 0)


@kept
def fill(images: Any, pairs: Any, values: Any, touched: Any) -> None:
    """The pairs of all rows. Each is written, and written over if it is 0 and 0: cheaper than to ask first."""
    k, last = 0, images.shape[1] - 1
    for r in range(images.shape[0]):
        for j in range(images.shape[1] // 2):
            pairs[k], values[k, 0], values[k, 1] = j, images[r, 2 * j], images[r, 2 * j + 1]
            found = (images[r, 2 * j] != 0) | (images[r, 2 * j + 1] != 0)
            touched[j] += found
            k += found
        if last % 2 == 0:
            pairs[k], values[k, 0], values[k, 1] = last // 2, images[r, last], 0
            touched[last // 2] += images[r, last] != 0
            k += images[r, last] != 0


@kept
def pair_up(columns: Any, rows: Any, found: Any, starts: Any, pairs: Any, values: Any, touched: Any) -> int:
    """The same from compressed rows: columns[rows[r] : rows[r + 1]], in rising order, and what was `found` there."""
    k = -1
    for r in range(len(rows) - 1):
        before = -1
        for i in range(rows[r], rows[r + 1]):
            pair = columns[i] // 2
            if pair != before:
                k, before = k + 1, pair
                pairs[k] = pair
                touched[pair] += 1
            values[k, columns[i] % 2] = found[i]
        starts[r + 1] = k + 1
    return k + 1


def nonzeros(images: Array, dtype: Any) -> Nonzeros:
    """The nonzeros of images (n, ...), uint8 or floats, to be scaled as `to_input` would; or of sparse rows."""
    starts = np.zeros(len(images) + 1, np.int64)
    one, columns = np.ones(1, dtype), math.prod(images.shape[1:])
    kind, touched = _pairs_type(columns), np.zeros(-(-columns // 2), np.int64)
    if isinstance(images, SparseRows):
        rows = images.matrix.copy()
        rows.sum_duplicates()
        found = to_input(rows.data[:, None], dtype).ravel()
        pairs, values = np.empty(rows.nnz, kind), np.zeros((rows.nnz, 2), dtype)
        size = pair_up(rows.indices, rows.indptr, found, starts, pairs, values, touched)
        return Nonzeros(starts, pairs[:size], values[:size], one, touched)
    flat = images.reshape(len(images), -1) if len(images) else images
    if flat.dtype != np.uint8:
        flat = to_input(flat, dtype)
    count(flat, starts)
    np.cumsum(starts, out=starts)
    pairs, values = np.empty(starts[-1] + 1, kind), np.empty((starts[-1] + 1, 2), flat.dtype)
    fill(flat, pairs, values, touched)
    scale = one if images.dtype != np.uint8 else np.full(1, 1 / 255, dtype)
    return Nonzeros(starts, pairs[:-1], values[:-1], scale, touched)


def every_number(images: Array, dtype: Any) -> Nonzeros:
    """The same for data with few zeros, of which nothing is left out: `values` are all numbers, row by row."""
    flat = images.reshape(len(images), -1)
    is_pixels = flat.dtype == np.uint8
    values: Array = np.ascontiguousarray(flat if is_pixels else to_input(flat, dtype))
    scale = np.full(1, 1 / 255 if is_pixels else 1, dtype)
    none = np.zeros(0, _pairs_type(flat.shape[1]))
    return Nonzeros(np.zeros(1, np.int64), none, values, scale, np.zeros(-(-flat.shape[1] // 2), np.int64))


def _pairs_type(features: int) -> Any:
    """The smallest type for their numbers: they are read in every step."""
    return np.uint16 if features < 1 << 17 else np.int32
