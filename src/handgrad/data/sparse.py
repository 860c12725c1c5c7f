"""Sparse rows: a SciPy matrix of mostly zeros, read a batch at a time, so that it is never in memory as a whole.

SciPy itself is not imported: whoever brings such a matrix has it already.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from handgrad.core.arrays import Array


def is_sparse(values: Any) -> bool:
    """Whether this is one of SciPy's sparse matrices or arrays."""
    return hasattr(values, "tocsr") and hasattr(values, "nnz")


class SparseRows:
    """As much of an array (n, features) as a training asks for: its shape, its dtype, and some of its rows.

    `take` gives them as a dense array; a slice or a list of rows gives sparse rows again.
    """

    ndim = 2

    def __init__(self, matrix: Any) -> None:
        self.matrix = matrix.tocsr()
        self.shape: tuple[int, int] = self.matrix.shape
        self.dtype: np.dtype[Any] = self.matrix.dtype

    def take(self, rows: Array, axis: int = 0) -> Array:
        """The rows of these numbers, dense: (len(rows), features)."""
        dense: Array = self.matrix[rows].toarray()
        return dense

    def __getitem__(self, rows: Any) -> SparseRows:
        return SparseRows(self.matrix[rows])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        dense: Array = self.matrix.toarray()
        return dense if dtype is None else dense.astype(dtype)

    def __len__(self) -> int:
        return self.shape[0]
