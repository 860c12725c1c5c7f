"""Softmax: turns a row of scores into a row of probabilities, and says truly how they hang together.

It has its full Jacobian. The short form p - t belongs to softmax and cross-entropy taken as one, which is the loss
`SoftmaxCrossEntropy`; a Softmax layer whose backward passes dy through unchanged would be a lie.
"""

from __future__ import annotations

import numpy as np

from handgrad.core.arrays import Array
from handgrad.core.layers.base import Layer


def softmax(z: Array) -> Array:
    """exp(z) / sum(exp(z)) over the last axis; the row's largest score is taken off first, which changes nothing."""
    e = np.exp(z - z.max(axis=-1, keepdims=True))  # never above exp(0) = 1
    return e / e.sum(axis=-1, keepdims=True)  # type: ignore[no-any-return]


class Softmax(Layer):
    """p_i = exp(z_i) / sum_k exp(z_k), row by row."""

    def forward(self, x: Array) -> Array:
        """x (B, classes) -> probabilities (B, classes), each row with the sum 1."""
        p = softmax(x)
        self.keep(p, p)
        return p

    def backward(self, dy: Array) -> Array:
        """dx_j = p_j (dy_j - sum_i dy_i p_i), row by row.

        By the quotient rule dp_i/dz_j = p_i (1[i = j] - p_j): every score moves every probability. Summed with dy,

            dx_j = sum_i dy_i p_i (1[i = j] - p_j) = p_j (dy_j - sum_i dy_i p_i).
        """
        (p,) = self.kept(dy)
        return p * (dy - (dy * p).sum(axis=-1, keepdims=True))  # type: ignore[no-any-return]
