"""Normalisation: bring numbers to mean 0 and variance 1, then let the net choose a scale and a shift of its own.

BatchNorm takes the statistics of each feature over the batch, LayerNorm those of each sample over its features.
Both have one backward, because both are the same formula along another axis.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from handgrad.core.arrays import Array
from handgrad.core.checks import float_dtype, in_range, positive_int
from handgrad.core.layers.base import Layer, need_columns
from handgrad.core.params import learned
from handgrad.errors import InputError


def normalise_backward(dxhat: Array, xhat: Array, inverse_std: Array, axis: int) -> Array:
    """dx for xhat = (x - mean) / sqrt(var + eps), mean and var taken along `axis`.

    Each x moves its own xhat directly, and all others through the mean and the variance. With n numbers along the
    axis, s = 1/sqrt(var + eps), d mean/dx_i = 1/n and d var/dx_i = 2 (x_i - mean)/n:

        dx_i = s (dxhat_i - 1/n sum_k dxhat_k - xhat_i 1/n sum_k dxhat_k xhat_k)

    (Ioffe and Szegedy 2015, section 3, the three chain-rule lines gathered into one.)
    """
    mean_of_d = dxhat.mean(axis=axis, keepdims=True)
    mean_of_dx = (dxhat * xhat).mean(axis=axis, keepdims=True)
    return inverse_std * (dxhat - mean_of_d - xhat * mean_of_dx)  # type: ignore[no-any-return]


class BatchNorm(Layer):
    """y = scale * xhat + shift, xhat being x with mean 0 and variance 1 over the batch (Ioffe and Szegedy 2015).

    In eval mode the running mean and variance of training are used, so that a sample's result does not hang on its
    neighbours. As in PyTorch, the batch is normalised by its biased variance (1/B), and the running variance is the
    unbiased one (1/(B - 1)).

    Args:
        features: numbers a row.
        momentum: the share of the newest batch in the running statistics.
        eps: added to the variance.
        dtype: of scale, shift and the running statistics.
        name: for messages and parameter names.
    """

    scale, dscale = learned("scale")  # (features,)
    shift, dshift = learned("shift")  # (features,)

    def __init__(
        self,
        features: int,
        *,
        momentum: float = 0.1,
        eps: float = 1e-5,
        dtype: Any = np.float32,
        name: str | None = None,
    ) -> None:
        self.features = positive_int(features, "BatchNorm features")
        self.momentum = in_range(momentum, "BatchNorm momentum", 0, 1)
        self.eps = in_range(eps, "BatchNorm eps", 0, 1)
        self.name = name
        dtype = float_dtype(dtype)
        self.scale = np.ones(self.features, dtype)
        self.shift = np.zeros(self.features, dtype)
        self.running_mean = np.zeros(self.features, dtype)
        self.running_var = np.ones(self.features, dtype)

    def forward(self, x: Array) -> Array:
        """x (B, features) -> y (B, features). In training B must be 2 or more."""
        need_columns(self, x, self.features)
        x = x.astype(self.scale.dtype, copy=False)
        if self.training:
            if len(x) < 2:
                raise InputError("core.batch_of_one", layer=self.label)
            mean, var = x.mean(axis=0), x.var(axis=0)  # (features,)
            self._remember(mean, var, len(x))
        else:
            mean, var = self.running_mean, self.running_var
        inverse_std = 1 / np.sqrt(var + self.eps)
        xhat = (x - mean) * inverse_std
        y: Array = self.scale * xhat + self.shift
        self.keep(y, xhat, inverse_std)
        return y

    def backward(self, dy: Array) -> Array:
        """dscale = sum_b dy xhat, dshift = sum_b dy, and dx by `normalise_backward` along the batch."""
        xhat, inverse_std = self.kept(dy)
        self.dscale = (dy * xhat).sum(axis=0)  # (B, features) -> (features,)
        self.dshift = dy.sum(axis=0)
        return normalise_backward(dy * self.scale, xhat, inverse_std, axis=0)

    def _remember(self, mean: Array, var: Array, n: int) -> None:
        self.running_mean += self.momentum * (mean - self.running_mean)
        self.running_var += self.momentum * (var * (n / (n - 1)) - self.running_var)

    def buffers(self) -> dict[str, Array]:
        """The running statistics."""
        return {"running_mean": self.running_mean, "running_var": self.running_var}

    def config(self) -> dict[str, Any]:
        """The arguments that build this layer again."""
        return {"features": self.features, "momentum": self.momentum, "eps": self.eps}


class LayerNorm(Layer):
    """y = scale * xhat + shift, xhat being each row with mean 0 and variance 1 (Ba, Kiros and Hinton 2016).

    The same in training and evaluation. Args:
        features: numbers a row.
        eps: added to the variance.
        dtype: of scale and shift.
        name: for messages and parameter names.
    """

    scale, dscale = learned("scale")  # (features,)
    shift, dshift = learned("shift")  # (features,)

    def __init__(self, features: int, *, eps: float = 1e-5, dtype: Any = np.float32, name: str | None = None) -> None:
        self.features = positive_int(features, "LayerNorm features")
        self.eps = in_range(eps, "LayerNorm eps", 0, 1)
        self.name = name
        dtype = float_dtype(dtype)
        self.scale = np.ones(self.features, dtype)
        self.shift = np.zeros(self.features, dtype)

    def forward(self, x: Array) -> Array:
        """x (B, features) -> y (B, features)."""
        need_columns(self, x, self.features)
        x = x.astype(self.scale.dtype, copy=False)
        mean, var = x.mean(axis=1, keepdims=True), x.var(axis=1, keepdims=True)  # (B, 1)
        inverse_std = 1 / np.sqrt(var + self.eps)
        xhat = (x - mean) * inverse_std
        y: Array = self.scale * xhat + self.shift
        self.keep(y, xhat, inverse_std)
        return y

    def backward(self, dy: Array) -> Array:
        """dscale = sum_b dy xhat, dshift = sum_b dy, and dx by `normalise_backward` along the features."""
        xhat, inverse_std = self.kept(dy)
        self.dscale = (dy * xhat).sum(axis=0)  # (B, features) -> (features,)
        self.dshift = dy.sum(axis=0)
        return normalise_backward(dy * self.scale, xhat, inverse_std, axis=1)

    def config(self) -> dict[str, Any]:
        """The arguments that build this layer again."""
        return {"features": self.features, "eps": self.eps}
