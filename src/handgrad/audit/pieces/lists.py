"""Lists: layers that work on lists of numbers, one sample a call, and not on arrays."""

from __future__ import annotations

from typing import Any

import numpy as np


def as_array(value: Any) -> Any:
    """A list of floats, or of lists of floats, as an array; anything else as it is."""
    if not isinstance(value, list) or not value or not isinstance(_first(value), float):
        return value
    try:
        found = np.array(value)
    except ValueError:  # of several lengths
        return value
    return found if found.dtype == np.float64 else value


def lists_to_arrays(thing: Any) -> None:
    """Give a thing that holds no arrays its lists of floats as arrays: weights are found by that."""
    held = vars(thing)
    if any(isinstance(value, np.ndarray) for value in held.values()):
        return
    for name, value in list(held.items()):
        if (found := as_array(value)) is not value:
            held[name] = found


def _first(value: Any) -> Any:
    while isinstance(value, list) and value:
        value = value[0]
    return value
