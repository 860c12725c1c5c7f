"""The loss, compiled: softmax and cross-entropy of a block of rows."""

from __future__ import annotations

import math
from typing import Any

from handgrad.engines.fast.compiling import compiled
from handgrad.engines.fast.lanes import item, put_item
from handgrad.engines.fast.updates import ONE, SMOOTHING, ZERO


@compiled
def softmax_cross_entropy(
    work: Any, z: int, dz: int, stride: int, n: int, labels: Any, rows: Any, first: int, batch: int, rates: Any,
    seen: Any,
) -> None:  # fmt: skip
    """`SoftmaxCrossEntropy` on some rows: dz = (softmax(z) - t) / batch; their losses and rights are left in seen.

    t is (1 - smoothing) at the label, and smoothing / n everywhere.
    """
    loss, right = 0.0, 0
    share, rest = rates[SMOOTHING] / n, rates[ONE] - rates[SMOOTHING]
    for r in range(len(rows)):
        at, out, label = z + (first + r) * stride, dz + (first + r) * stride, labels[rows[r]]
        best = 0
        for j in range(1, n):
            if item(work, at + j) > item(work, at + best):
                best = j
        right += best == label
        top, total, above = item(work, at + best), rates[ZERO], rates[ZERO]
        for j in range(n):
            power = math.exp(item(work, at + j) - top)
            total += power
            above += top - item(work, at + j)
            put_item(work, out + j, power)
        norm, scale, smooth = math.log(total), rates[ONE] / (total * batch), share / batch
        loss += rest * (norm + (top - item(work, at + label)))
        if share:
            loss += share * (n * norm + above)
        for j in range(n):
            put_item(work, out + j, item(work, out + j) * scale - smooth)
        put_item(work, out + label, item(work, out + label) - rest / batch)
    seen[0], seen[1] = loss, right
