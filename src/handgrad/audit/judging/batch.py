"""Batch: some rows and labels, in the form that the audited code wants and in the one that our own layers want.

Images, columns and one-hot labels are brought to rows and whole numbers where that can be done without guessing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from handgrad.audit.subject import Subject
from handgrad.core.arrays import Array


@dataclass(frozen=True)
class Batch:
    """A batch.

    Attributes:
        x: as the code wants it.
        y: as the code wants them.
        rows: how many samples.
        flat: x as (B, features) in float64 and y as whole numbers (B,); None where they have no such form.
    """

    x: Any
    y: Any
    rows: int
    flat: tuple[Array, Array] | None


def batch(subject: Subject, rows: int, seed: int) -> Batch:
    """So many rows: the subject's own data, else random rows with labels that name as many classes as they can."""
    if subject.data is not None:
        x, y = subject.data(rows, seed)
        return Batch(x, y, rows, _flat(x, y, rows))
    rng = np.random.default_rng(seed)
    many = max(subject.classes, 2)  # a single output is 0 or 1
    x, y = rng.random((rows, subject.features)), (many - 1 - rng.permutation(rows)) % many  # the last one always
    return Batch(x, y, rows, (x, y))


def _flat(x: Any, y: Any, rows: int) -> tuple[Array, Array] | None:
    x, y = np.asarray(x), np.asarray(y)
    columns = x.ndim == 2 and x.shape[0] != rows and x.shape[1] == rows
    x, y = (x.T, y.T) if columns else (x, y)
    if x.dtype.kind not in "fiu" or y.dtype.kind not in "fiub" or len(x) != rows or len(y) != rows:
        return None
    y = y.reshape(rows, -1).astype(np.float64)
    if y.shape[1] > 1:
        if not (np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all()):
            return None
        return x.reshape(rows, -1).astype(np.float64), y.argmax(axis=1)
    whole = y[:, 0]
    if not (whole == np.round(whole)).all() or whole.min() < 0:
        return None
    return x.reshape(rows, -1).astype(np.float64), whole.astype(np.int64)
