"""Dropout: in training, a random part of the numbers is left out, so that no unit can lean on one other.

Inverted: what remains is scaled up in training, so that evaluation needs no scaling at all.
"""

from __future__ import annotations

from typing import Any

from handgrad.core.arrays import Array, RandomSource, random_source
from handgrad.core.checks import in_range
from handgrad.core.layers.base import Layer


class Dropout(Layer):
    """y = x * mask / (1 - p), mask being 0 with probability p and 1 otherwise; in eval mode y = x.

    Where nothing is dropped, in eval mode or with p = 0, y is x itself and not a copy. Srivastava et al. 2014, in the
    inverted form. Args:
        p: the probability that a number is dropped, from 0 up to (not including) 1.
        rng: a numpy Generator, or a seed; None: a fresh one.
    """

    def __init__(self, p: float = 0.5, *, rng: RandomSource | int | None = None) -> None:
        self.p = in_range(p, "Dropout p", 0, 1, open_top=True)
        self.rng = random_source(rng)

    def forward(self, x: Array) -> Array:
        """x -> y, of one shape."""
        if not self.training or self.p == 0:
            self.keep(x, None)
            return x
        scale = (self.rng.random(x.shape) >= self.p).astype(x.dtype)
        scale /= 1 - self.p  # 0, or 1/(1 - p): the mean of y stays that of x
        y: Array = x * scale
        self.keep(y, scale)
        return y

    def backward(self, dy: Array) -> Array:
        """dx = dy * mask / (1 - p): y is x times a constant, the same mask as forward drew, so that is its slope."""
        (scale,) = self.kept(dy)
        return dy if scale is None else dy * scale

    def config(self) -> dict[str, Any]:
        """The arguments that build this layer again."""
        return {"p": self.p}
