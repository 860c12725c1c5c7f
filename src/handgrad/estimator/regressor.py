"""HandgradRegressor: one number or several from each row, behind scikit-learn's interface."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import column_or_1d

from handgrad.core.arrays import Array
from handgrad.core.losses import MSE, Loss
from handgrad.errors import InputError
from handgrad.estimator.base import Estimator
from handgrad.estimator.losses import Poisson, Scaled


@dataclass(eq=False, repr=False)
class _First:
    """The parameter that comes before all others, as in MLPRegressor."""

    loss: Any = "squared_error"


@dataclass(eq=False, repr=False)
class HandgradRegressor(RegressorMixin, Estimator, _First):
    """A multi-layer perceptron for numbers, in place of `sklearn.neural_network.MLPRegressor`.

    All that is said of `HandgradClassifier` holds here, too, but for the classes.

    Args beyond those:
        loss: "squared_error" (halved, summed over the outputs) or "poisson" (for counts: half the deviance, with the
            exponential as the output's activation).
    """

    _numeric = True

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """One epoch on these rows."""
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X: Any) -> Array:
        """(n,), or (n, outputs) where there are several."""
        y = self._decide(self._predict(X))
        return y.ravel() if y.shape[1] == 1 else y

    def _targets(self, y: Any, *, first: bool, incremental: bool) -> tuple[Array, str, int]:
        if self.loss not in ("squared_error", "poisson"):
            raise InputError("core.choice", what="loss", got=self.loss, choices="squared_error, poisson")
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        table = y.reshape(len(y), -1).astype(np.float64, copy=False)
        if not first and table.shape[1] != self.n_outputs_:
            raise InputError("estimator.outputs_changed", got=table.shape[1], has=self.n_outputs_)
        if self.loss == "poisson" and table.min() < 0:
            raise InputError("estimator.poisson", low=table.min())
        return table, "exp" if self.loss == "poisson" else "identity", table.shape[1]

    def _criterion(self) -> Loss:
        if self.loss == "poisson":
            return Scaled(Poisson(), self.n_outputs_)
        return Scaled(MSE(), self.n_outputs_ / 2)

    @property
    def _loss_scale(self) -> float:  # type: ignore[override]
        return 1.0 if self.loss == "poisson" else 1 / self.n_outputs_

    def _score_of(self, outputs: Array, targets: Array, weights: Array | None) -> float:
        return float(r2_score(targets, self._decide(outputs), sample_weight=weights))

    def _decide(self, z: Array) -> Array:
        return np.exp(z) if self.out_activation_ == "exp" else z

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
