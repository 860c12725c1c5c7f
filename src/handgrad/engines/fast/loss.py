"""The loss, compiled: softmax and cross-entropy of a block of rows."""

from __future__ import annotations

import math
from typing import Any

from handgrad.engines.fast.compiling import compiled
from handgrad.engines.fast.lanes import FEW_BYTES, first_few, fma, inside, keep_where, load_few, store, two_to
from handgrad.engines.fast.memory import item, put_item
from handgrad.engines.fast.updates import ONE, SMOOTHING, ZERO

# For float32 and float64: ln 2 as a short number and what is left of it, 1.5 times 2 to the bits of
# the fraction, the terms of the series that matter, and below what exp is taken for 0.
SINGLE = (0.693359375, -2.1219444005469058277e-4, 1.5 * 2**23, 7, -87.0)
DOUBLE = (6.93147180369123816490e-1, 1.90821492927058770002e-10, 1.5 * 2**52, 13, -708.0)


@compiled
def exp(x: Any, size: int) -> Any:
    """e ** x for x <= 0: 2 ** n * e ** r, where n is whole and |r| <= ln(2) / 2, by its series; nan stays."""
    inside()
    high, low, shift, terms, least = SINGLE if size == 4 else DOUBLE
    shifted = x * (1 / math.log(2)) + shift
    n = shifted - shift
    r = fma(-low, n, fma(-high, n, x))
    power = r * 0.0 + 1.0
    for k in range(terms, 0, -1):
        power = fma(1.0 / k, r * power, r * 0.0 + 1.0)
    return keep_where(power * two_to(shifted), x - least, 0)


@compiled
def softmax_cross_entropy(
    work: Any, z: int, dz: int, stride: int, n: int, labels: Any, rows: Any, first: int, batch: int, rates: Any,
    seen: Any,
) -> None:  # fmt: skip
    """`SoftmaxCrossEntropy` on some rows: dz = (softmax(z) - t) / batch; their losses and rights are left in seen.

    t is (1 - smoothing) at the label, and smoothing / n everywhere.
    """
    loss, right, lanes = 0.0, 0, FEW_BYTES // work.itemsize
    share, rest = rates[SMOOTHING] / n, rates[ONE] - rates[SMOOTHING]
    for r in range(len(rows)):
        at, out, label = z + (first + r) * stride, dz + (first + r) * stride, labels[rows[r]]
        best = 0
        for j in range(1, n):
            if item(work, at + j) > item(work, at + best):
                best = j
        right += best == label
        top, total, above = item(work, at + best), rates[ZERO], rates[ZERO]
        for c in range(0, n, lanes):
            powers = exp(load_few(work, at + c, None) - top, work.itemsize)
            store(work, out + c, powers, first_few(n - c, work))
        for j in range(n):
            total += item(work, out + j)
            above += top - item(work, at + j)
        norm, scale, smooth = math.log(total), rates[ONE] / (total * batch), share / batch
        loss += rest * (norm + (top - item(work, at + label)))
        if share:
            loss += share * (n * norm + above)
        for j in range(n):
            put_item(work, out + j, item(work, out + j) * scale - smooth)
        put_item(work, out + label, item(work, out + label) - rest / batch)
    seen[0], seen[1] = loss, right
