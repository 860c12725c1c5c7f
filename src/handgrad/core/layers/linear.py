"""Linear: every output is a weighted sum of all inputs, plus a bias.

The layer that does nearly all of a network's work, and the one whose gradients are most often averaged twice.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from handgrad.core.arrays import Array, RandomSource, random_source
from handgrad.core.checks import float_dtype, positive_int
from handgrad.core.init import Init, initializer
from handgrad.core.layers.base import Layer, need_columns
from handgrad.core.params import learned


class Linear(Layer):
    """y = x @ W + b, with W of shape (inputs, outputs) and b of shape (outputs,).

    Args:
        inputs: numbers that come in, a row.
        outputs: numbers that go out, a row.
        bias: False leaves b out.
        init: how W starts: "he" (default), "xavier", "lecun", "orthogonal", "zeros", or e.g. `normal(0.01)`;
            b starts at 0.
        rng: a numpy Generator, or a seed; None: a fresh one.
        dtype: of W and b; x is brought to it.
        name: for messages and parameter names; a net gives one where it is missing.
    """

    W, dW = learned("weight")  # (inputs, outputs)
    b, db = learned("bias")  # (outputs,)

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        bias: bool = True,
        init: str | Init = "he",
        rng: RandomSource | int | None = None,
        dtype: Any = np.float32,
        name: str | None = None,
    ) -> None:
        self.inputs = positive_int(inputs, "Linear inputs", 10_000_000)
        self.outputs = positive_int(outputs, "Linear outputs")
        self.has_bias = bias
        self.name = name
        dtype = float_dtype(dtype)
        self.W = initializer(init)(random_source(rng), self.inputs, self.outputs).astype(dtype)
        if bias:
            self.b = np.zeros(self.outputs, dtype)

    def forward(self, x: Array) -> Array:
        """x (B, in) -> y (B, out)."""
        need_columns(self, x, self.inputs)
        x = x.astype(self.W.dtype, copy=False)
        y: Array = x @ self.W  # (B, in) @ (in, out) -> (B, out)
        if self.has_bias:
            y += self.b
        self.keep(y, x)
        return y

    def backward(self, dy: Array, *, input_gradient: bool = True) -> Array | None:  # type: ignore[override]
        """dy (B, out) -> dx (B, in); assigns dW and db.

        From y_bj = sum_i x_bi W_ij + b_j and the chain rule, L being the loss:

            dL/dW_ij = sum_b dL/dy_bj x_bi    ->  dW = x^T dy
            dL/db_j  = sum_b dL/dy_bj         ->  db = dy summed over the batch
            dL/dx_bi = sum_j dL/dy_bj W_ij    ->  dx = dy W^T

        The sums run over the batch, and nothing is divided by B here: the loss has averaged once already, and its
        1/B is inside dy. `input_gradient=False` leaves dx out (None): a first layer has nobody to pass it to.
        """
        (x,) = self.kept(dy)
        dy = dy.astype(self.W.dtype, copy=False)
        np.matmul(x.T, dy, out=self.dW)  # (in, B) @ (B, out) -> (in, out)
        if self.has_bias:
            np.add.reduce(dy, axis=0, out=self.db)  # (B, out) -> (out,)
        return dy @ self.W.T if input_gradient else None  # (B, out) @ (out, in) -> (B, in)

    def config(self) -> dict[str, Any]:
        """The arguments that build this layer again."""
        settings: dict[str, Any] = {"inputs": self.inputs, "outputs": self.outputs}
        return settings if self.has_bias else settings | {"bias": False}
