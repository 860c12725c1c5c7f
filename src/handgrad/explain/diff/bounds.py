"""Rounding: how far two right computations of one number can lie apart, carried along from the input to the gradients.

Two programs that add up the same products in another order get other last digits. What is more than these bounds is no
rounding. The model is the standard one, each operation being exact but for a relative error of at most u (Higham 2002,
Accuracy and Stability of Numerical Algorithms, sections 2.2 and 3.1), errors of errors left out.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from handgrad.audit.judging.walk import Stage
from handgrad.audit.place.right_numbers import Quantity, RightNumbers
from handgrad.core.arrays import Array

OURS = 2.0**-53  # unit roundoff of float64, in which our side computes
FEW = 8  # roundings in an activation or a loss, at most


class Bounds:
    """The largest difference that rounding can make, for each number of one step, in arrays of their shapes.

    Args:
        right: the numbers of the step.
        u: unit roundoff of the other side's arithmetic: 2^-53 for float64, 2^-24 for float32.
    """

    def __init__(self, right: RightNumbers, u: float) -> None:
        self.right, self.u, self.both = right, u, u + OURS
        self.found: dict[str, Array] = {}
        self._forward()
        self._back()

    def __getitem__(self, name: str) -> Array:
        return self.found[name]

    def sum_of(self, n: int) -> float:
        """The relative error of a sum of n products, on both sides together: each product and each sum is rounded."""
        return (n + 1) * self.both

    def _forward(self) -> None:
        """z = x @ W + b carries the errors of x through |W|, and adds those of its own sum."""
        stages = self.right.case.walk.stages
        error = (self.u if self.u > OURS else 0.0) * np.abs(stages[0].x)
        for i, stage in enumerate(stages, 1):
            size = np.abs(stage.x) @ np.abs(stage.W)
            error = error @ np.abs(stage.W) + self.sum_of(len(stage.W)) * (size + np.abs(stage.z))
            self.found[f"z{i}"] = error
            error = self.found[f"a{i}"] = self._bent(stage, error)

    def _bent(self, stage: Stage, error: Array) -> Any:
        """y = f(z): the error of z times the steepest slope nearby, and a few roundings in f itself."""
        own = FEW * self.both
        if stage.bend is None:
            return error
        if _is_softmax(stage):  # p = e^z / sum e^z: relative errors of the exponentials, and of their sum
            return stage.y * (2 * error.max(axis=1, keepdims=True) + (stage.y.shape[1] + FEW) * self.both)
        return self._steepest(stage, error) * error + own * (np.abs(stage.y) + np.abs(stage.z))

    def _steepest(self, stage: Stage, error: Array) -> Any:
        slopes = [np.abs(_slope(stage, stage.z + side * error)) for side in (-1, 0, 1)]
        return np.maximum.reduce(slopes)

    def _back(self) -> None:
        """The chain rule backwards: dz = f'(z) da, dW = x.T @ dz, db = sum of dz, da below = dz @ W.T."""
        walk, back = self.right.case.walk, self.right.back
        error = self._by_output()
        for layer in range(self.right.last, 0, -1):
            stage = walk.stages[layer - 1]
            self.found[Quantity("da", layer).name] = error
            da, dz = back[Quantity("da", layer)], back[Quantity("dz", layer)]
            error = self.found[Quantity("dz", layer).name] = self._through(stage, layer, da, dz, error)
            x, rows = np.abs(stage.x), len(dz)
            into = self.found[f"a{layer - 1}"] if layer > 1 else np.zeros_like(x)
            self.found[Quantity("dW", layer).name] = (
                self.sum_of(rows) * (x.T @ np.abs(dz)) + into.T @ np.abs(dz) + x.T @ error
            )
            self.found[Quantity("db", layer).name] = self.sum_of(rows) * np.abs(dz).sum(axis=0) + error.sum(axis=0)
            error = error @ np.abs(stage.W.T) + self.sum_of(dz.shape[1]) * (np.abs(dz) @ np.abs(stage.W.T))

    def _by_output(self) -> Any:
        """dL/dy of the output y: how steeply it depends on y, times the error of y, and a few roundings."""
        walk = self.right.case.walk
        y, t, error = walk.output, walk.t, self.found[f"a{self.right.last}"]
        if walk.identity.loss == "cross-entropy":
            steep = t / y**2
        elif walk.identity.loss == "binary cross-entropy":
            steep = t / y**2 + (1 - t) / (1 - y) ** 2
        else:
            steep = np.full_like(y, 2.0)
        return steep / walk.divisor * error + FEW * self.both * np.abs(walk.by_output)

    def _through(self, stage: Stage, layer: int, da: Array, dz: Array, error: Array) -> Any:
        """dz = f'(z) da; for softmax dz = p (da - sum of p da), row by row."""
        of_z, own = self.found[f"z{layer}"], FEW * self.both
        if stage.bend is None:
            return error
        if _is_softmax(stage):
            p, of_p = stage.y, self.found[f"a{layer}"]
            inner = (p * da).sum(axis=1, keepdims=True)
            of_inner = (p * error + of_p * np.abs(da)).sum(axis=1, keepdims=True)
            of_inner += self.sum_of(p.shape[1]) * (p * np.abs(da)).sum(axis=1, keepdims=True)
            return of_p * np.abs(da - inner) + p * (error + of_inner) + own * p * (np.abs(da) + np.abs(inner))
        slope = _slope(stage, stage.z)
        bent = np.maximum(*(np.abs(_slope(stage, stage.z + side * of_z) - slope) for side in (-1, 1)))
        return np.abs(slope) * error + np.abs(da) * bent + own * np.abs(dz)


def _slope(stage: Stage, at: Array) -> Array:
    return stage.back(np.ones_like(stage.z), at)


def _is_softmax(stage: Stage) -> bool:
    return type(stage.bend).__name__ == "Softmax"
