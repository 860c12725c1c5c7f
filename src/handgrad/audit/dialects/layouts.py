"""Layouts: how a network wants its batch. A `Subject` gets rows and whole numbers; code takes many other forms.

Code that goes through its samples one by one is given them so: its loss and its steps are then means over the samples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from handgrad.core.arrays import Array


@dataclass(frozen=True)
class Layout:
    """One form of a batch.

    Attributes:
        told: in words, for people.
        data: rows (B, features) in this form.
        target: one-hot labels (B, C) and whole numbers (B,) in this form.
        split: whether the code takes one sample a call.
        columns: whether samples are columns.
    """

    told: str
    data: Callable[[Array], Any]
    target: Callable[[Array, Array], Any]
    split: bool = False
    columns: bool = False

    def make(self, x: Array, y: Array, classes: int) -> tuple[Any, Any]:
        """Fresh arrays, which the code may change. With one output the labels 0 and 1 are themselves the targets."""
        t = np.eye(classes)[y] if classes > 1 else y.reshape(-1, 1).astype(np.float64)
        return np.array(self.data(x), order="C"), np.array(self.target(t, y), order="C")


def _rows(x: Array) -> Array:
    return x


LAYOUTS = (
    Layout("one-hot rows", _rows, lambda t, y: t),
    Layout("whole numbers", _rows, lambda t, y: y),
    Layout("one-hot, samples as columns", lambda x: x.T, lambda t, y: t.T, columns=True),
    Layout("whole numbers, samples as columns", lambda x: x.T, lambda t, y: y, columns=True),
    Layout("a column of whole numbers", _rows, lambda t, y: y[:, None]),
    Layout("a row of whole numbers, samples as columns", lambda x: x.T, lambda t, y: y[None, :], columns=True),
    Layout("one-hot, one column a sample", lambda x: x[:, :, None], lambda t, y: t[:, :, None], split=True),
    Layout("one-hot, one row a sample", lambda x: x[:, None, :], lambda t, y: t[:, None, :], split=True),
    Layout("one-hot, one vector a sample", lambda x: x[0], lambda t, y: t[0], split=True),
    Layout("one-hot, one row a call", _rows, lambda t, y: t, split=True),
    Layout("one-hot, one column a call", lambda x: x.T, lambda t, y: t.T, split=True, columns=True),
    Layout("a whole number, one vector a call", lambda x: x[0], lambda t, y: y[0], split=True),
    Layout("a whole number, one row a call", _rows, lambda t, y: y[0], split=True),
)
