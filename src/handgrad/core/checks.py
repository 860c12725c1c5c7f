"""Two checks that nearly every constructor makes: a whole number that is a size, and a number within its range."""

from __future__ import annotations

from typing import Any

import numpy as np

from handgrad.errors import InputError


def positive_int(value: Any, what: str, at_most: int = 100_000) -> int:
    """`value` as an int from 1 to at_most; InputError otherwise. (More units than that fit no memory.)"""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not 1 <= value <= at_most:
        raise InputError("core.size", what=what, got=value, most=at_most)
    return int(value)


def in_range(value: Any, what: str, low: float, high: float, *, open_top: bool = False) -> float:
    """`value` as a float in [low, high], or in [low, high) with open_top; InputError otherwise, nan included."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not (low <= number < high if open_top else low <= number <= high):
        raise InputError("core.range", what=what, got=value, low=low, high=high)
    return number
