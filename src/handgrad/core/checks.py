"""Checks that nearly every constructor makes: a size, a number within its range, a dtype of floats."""

from __future__ import annotations

from typing import Any

import numpy as np

from handgrad.errors import InputError


def positive_int(value: Any, what: str, at_most: int = 100_000) -> int:
    """`value` as an int from 1 to at_most; InputError otherwise. (More units than that fit no memory.)"""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not 1 <= value <= at_most:
        raise InputError("core.size", what=what, got=repr(value), most=f"{at_most:,}")
    return int(value)


def in_range(value: Any, what: str, low: float, high: float, *, open_top: bool = False) -> float:
    """`value` as a float in [low, high], or in [low, high) with open_top; InputError otherwise, nan included."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not (low <= number < high if open_top else low <= number <= high):
        key = "core.range_below" if open_top else "core.range" if high <= 1 else "core.at_least"
        raise InputError(key, what=what, got=repr(value), low=f"{low:g}", high=f"{high:g}")
    return number


def float_dtype(value: Any) -> np.dtype[Any]:
    """`value` as a dtype of floating-point numbers; InputError otherwise."""
    try:
        dtype = np.dtype(value)
    except TypeError:
        dtype = np.dtype(object)
    if dtype.kind != "f":
        raise InputError("core.dtype", got=value)
    return dtype  # type: ignore[no-any-return]
