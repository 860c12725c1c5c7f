"""Order: in which order a piece of code took the rows that it was given; many shuffle what they get."""

from __future__ import annotations

import numpy as np

from handgrad.audit.place.observe import Noted
from handgrad.audit.place.right_numbers import views
from handgrad.core.arrays import Array


def rows_taken(notes: list[Noted], x: Array) -> Array:
    """The numbers of the rows that the code took, in its order; some may be drawn more than once, or left out."""
    keys: Array = x @ np.linspace(1, 2, x.shape[1])
    for note in notes:
        value = np.asarray(note.value)
        for view in (value, value.T) if value.ndim == 2 and value.dtype.kind == "f" else ():
            if view.shape[1] == x.shape[1] and len(view) > 1:
                order: Array = np.abs(keys - (view @ np.linspace(1, 2, x.shape[1]))[:, None]).argmin(axis=1)
                if np.array_equal(view, x[order]):
                    return order
    return np.arange(len(x))


def order_taken(notes: list[Noted], x: Array) -> Array:
    """The order in which the code took the rows: many shuffle what they get."""
    keys = np.linspace(1, 2, x.shape[1])
    sorted_rows = np.argsort(x @ keys)
    for note in notes:
        for view in views(note.value, x.shape) if note.value.size == x.size else ():
            order = sorted_rows[np.argsort(np.argsort(view @ keys))]
            if np.array_equal(view, x[order]) and (order != np.arange(len(x))).any():
                return order
    return np.arange(len(x))
