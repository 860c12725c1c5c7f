"""Totals: of the numbers that may be a loss, which are whole: of a loss, a penalty and their sum it is the sum."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations
from math import isclose

_SAME = 1e-9  # relative to the sum: what rounding leaves of two batches' penalties
_LEAST = 1e-7  # relative to the sum: what counts as a penalty at all


def without_parts(first: Mapping[str, float], second: Mapping[str, float], rows: tuple[int, int]) -> dict[str, float]:
    """The numbers of the first batch that are whole.

    What one has more than another is a penalty if it is the same for any batch, or goes with one over its rows; then
    neither that nor the other is the loss.

    Args:
        first: by place, the numbers of one batch.
        second: those of another.
        rows: of each batch.
    """
    parts: set[str] = set()
    for whole, part in permutations(first.keys() & second.keys(), 2):
        beside, other = first[whole] - first[part], second[whole] - second[part]
        sums = first[whole], second[whole]
        if min(beside, other) <= _LEAST * max(map(abs, sums)) or first[part] == second[part]:
            continue
        close = _SAME * max(map(abs, sums))
        if isclose(beside, other, rel_tol=0, abs_tol=close) or isclose(
            beside * rows[0], other * rows[1], rel_tol=0, abs_tol=close * max(rows)
        ):
            parts |= {part, *(name for name, value in first.items() if isclose(value, beside, abs_tol=close))}
    return {name: value for name, value in first.items() if name not in parts}
