"""Forms: how a network wants its batch. Samples as rows, as columns or one by one, labels as numbers or one-hot.

A `Subject` always gets rows and whole numbers; a form turns them into what the code takes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from handgrad.core.arrays import Array


@dataclass(frozen=True)
class Form:
    """One way to hand over a batch.

    Attributes:
        labels: "numbers" (B,), "one-hot" (B, C), "column of numbers" (B, 1).
        columns: samples are columns: x (features, B), one-hot labels (C, B), numbers (1, B) for a column of numbers.
        each: one sample a call: x (features,), or (features, 1) as a column, labels alike.
        across: data are rows all the same, which the code turns itself, and only the labels columns.
    """

    labels: str
    columns: bool = False
    each: bool = False
    across: bool = False

    @property
    def told(self) -> str:
        """In words, for people."""
        way = "one sample at a time" if self.each else "batch"
        samples = "rows, labels as columns" if self.across else "columns" if self.columns else "rows"
        return f"{self.labels}, samples as {samples}, {way}"

    def data(self, x: Array) -> Any:
        """A batch of rows in this form."""
        if self.each:
            return x.reshape(-1, 1).copy() if self.columns else x.reshape(-1).copy()
        return np.ascontiguousarray(x.T) if self.columns and not self.across else x.copy()

    def target(self, y: Array, classes: int, labels: str = "") -> Any:
        """Whole-number labels in this form. With one output, the labels are the targets 0.0 and 1.0 themselves."""
        if (labels or self.labels) == "numbers":
            plain = y.astype(np.float64) if classes == 1 else y.copy()
            return plain[0] if self.each else plain
        if classes == 1 or self.labels == "column of numbers":
            t = y.reshape(-1, 1).astype(np.float64 if classes == 1 else y.dtype)
        else:
            t = np.eye(classes)[y]
        if self.each:
            return t.reshape(-1, 1) if self.columns else t.reshape(-1)
        return np.ascontiguousarray(t.T) if self.columns else t


BATCH = (
    Form("one-hot"),
    Form("numbers"),
    Form("one-hot", columns=True),
    Form("numbers", columns=True),
    Form("column of numbers"),
    Form("column of numbers", columns=True),
    Form("one-hot", columns=True, across=True),
)
COLUMNS = (BATCH[2], BATCH[3], BATCH[5])
EACH = (
    Form("one-hot", columns=True, each=True),
    Form("one-hot", each=True),
    Form("numbers", each=True),
    Form("numbers", columns=True, each=True),
)


def mean_of_rows(value: Any, rows: int) -> float | None:
    """The mean of a loss that is left as one number for each of several rows; None of anything else."""
    if not isinstance(value, np.ndarray) or value.shape != (rows,) or rows < 2 or value.dtype.kind != "f":
        return None
    return float(value.mean()) if np.isfinite(value).all() and (value >= 0).all() else None
