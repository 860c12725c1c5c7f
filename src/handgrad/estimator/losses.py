"""The two losses that scikit-learn's estimators train by and the core does not have."""

from __future__ import annotations

import numpy as np

from handgrad.core.arrays import Array
from handgrad.core.losses import Loss, same_shape
from handgrad.errors import InputError


class Scaled(Loss):
    """Another loss times a factor: scikit-learn halves squares, and sums over outputs where the core averages."""

    def __init__(self, loss: Loss, factor: float) -> None:
        self.loss, self.factor = loss, factor

    def forward(self, prediction: Array, target: Array, weights: Array | None = None) -> float:
        """factor * loss; so is the gradient."""
        value = self.loss.forward(prediction, target, weights)
        self._dy = self.loss.backward() * self.factor
        return value * self.factor


class Poisson(Loss):
    """Half the Poisson deviance of counts t >= 0, from the log z of the rate: t log t - t z - t + exp(z), averaged."""

    def forward(self, prediction: Array, target: Array, weights: Array | None = None) -> float:
        """z (B, ...), t of the same shape -> mean over all numbers; d/dz of exp(z) - t z is exp(z) - t."""
        z, t = same_shape(self, prediction, target)
        if t.min() < 0:
            raise InputError("estimator.poisson", low=t.min())
        rate = np.exp(z)
        constant = t * np.log(np.where(t > 0, t, 1)) - t  # of the target alone; t log t is 0 at 0
        return self.mean(constant - t * z + rate, rate - t, weights)
