"""Penalty: what a loss charges for the size of the weights, found in its value; and weight decay, found in gradients.

L2 in the loss and weight decay in the step are two ways to write one thing. Only a loss that charges for weights while
its gradient does not know of it, or the other way round with the sign lost, is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from handgrad.core.arrays import Array

KINDS = ("squares", "sizes")  # L2 and L1
_CLOSE = 1e-5  # relative: two estimates of one factor


@dataclass(frozen=True)
class Penalty:
    """factor * sum of squares (or sizes) of some parameters, divided by the batch size or not.

    Attributes:
        kind: "squares" for sum w^2, "sizes" for sum |w|.
        names: the parameters that are charged for.
        factor: what the sum is multiplied by.
        by_rows: whether it is divided by the batch size, with all else in the loss.
    """

    kind: str
    names: tuple[str, ...]
    factor: float
    by_rows: bool

    def value(self, parameters: Mapping[str, Array], rows: int) -> float:
        """What it adds to the loss of a batch."""
        return self.factor * _sum(self.kind, self.names, parameters) / (rows if self.by_rows else 1)

    def slope(self, name: str, parameters: Mapping[str, Array], rows: int) -> Array:
        """Its derivative by a parameter."""
        value = np.asarray(parameters[name], np.float64)
        if name not in self.names:
            return np.zeros_like(value)
        scale = self.factor / (rows if self.by_rows else 1)
        return scale * (2 * value if self.kind == "squares" else np.sign(value))


@dataclass(frozen=True)
class Charges:
    """The sums that a penalty may be made of, at each of several points: (kind, names) -> one sum a point."""

    sums: dict[tuple[str, tuple[str, ...]], list[float]]

    @classmethod
    def at(cls, points: Sequence[Mapping[str, Array]], weights: tuple[str, ...], biases: tuple[str, ...]) -> Self:
        """Of the weights alone, of weights and biases, of all weights but the last, and of one layer's, alone or with
        its bias.
        """
        layers = zip(weights, biases, strict=True) if len(biases) == len(weights) else ()
        some = (weights, weights + biases, weights[:-1], *((name,) for name in weights), *layers)
        kinds = [(kind, names) for kind in KINDS for names in dict.fromkeys(some) if names]
        return cls({(kind, names): [_sum(kind, names, point) for point in points] for kind, names in kinds})

    def explain(self, rest: Sequence[Sequence[float]], rows: Sequence[int], close: float = _CLOSE) -> Penalty | None:
        """The penalty that makes up the rest of the loss, rest[point][batch], for batches of so many rows."""
        for (kind, names), sums in self.sums.items():
            for by_rows in (False, True):
                found = [
                    left * (count if by_rows else 1) / total
                    for lefts, total in zip(rest, sums, strict=True)
                    for left, count in zip(lefts, rows, strict=True)
                ]
                if max(found) - min(found) <= close * abs(found[0]):
                    return Penalty(kind, names, sum(found) / len(found), by_rows)
        return None


def _sum(kind: str, names: tuple[str, ...], parameters: Mapping[str, Array]) -> float:
    arrays = (np.asarray(parameters[name], np.float64) for name in names)
    return float(sum((a * a).sum() if kind == "squares" else np.abs(a).sum() for a in arrays))
