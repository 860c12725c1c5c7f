"""Flatten: lays the axes of each sample end to end, so that an image can meet a Linear layer."""

from __future__ import annotations

import math

from handgrad.core.arrays import Array
from handgrad.core.layers.base import Layer


class Flatten(Layer):
    """(B, anything...) -> (B, product of anything). No number changes."""

    def forward(self, x: Array) -> Array:
        """x (B, ...) -> (B, n)."""
        y = x.reshape(len(x), math.prod(x.shape[1:]))  # (B, 28, 28) -> (B, 784)
        self.keep(y, x.shape)
        return y

    def backward(self, dy: Array) -> Array:
        """dy (B, n) -> (B, ...): each number goes back to the place it came from."""
        (shape,) = self.kept(dy)
        return dy.reshape(shape)
