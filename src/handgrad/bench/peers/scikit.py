"""scikit-learn's MLPClassifier, one `partial_fit` an epoch: the same batches, the same optimizer, no penalty.

Its weights start by Glorot's rule, which cannot be changed; all else is as with the others.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from handgrad.bench.works import Samples, Work
from handgrad.core.arrays import Array

PACKAGE = "sklearn"


class Trainer:
    """The estimator, its data as float32."""

    def __init__(self, work: Work, samples: Samples) -> None:
        whole = len(samples.labels) // work.batch_size * work.batch_size
        self.x, self.y = samples.images[:whole], samples.labels[:whole]  # it would keep a partial batch
        self.net = _classifier(
            hidden_layer_sizes=work.sizes[1:-1], solver=work.optimizer, learning_rate_init=work.lr,
            batch_size=work.batch_size, momentum=0.0, alpha=0.0, random_state=0,
        )  # fmt: skip
        self.classes = np.unique(self.y)

    def epoch(self) -> None:
        """One pass over the samples in a new order."""
        self.net.partial_fit(self.x, self.y, classes=self.classes)

    def predict(self, x: Array) -> Array:
        """x (B, in) -> probabilities (B, out)."""
        return self.net.predict_proba(x)  # type: ignore[no-any-return]


def predictor(weights: list[tuple[Array, Array]]) -> Callable[[Array], Array]:
    """`predict_proba` of an estimator that holds these weights."""
    net = _classifier(hidden_layer_sizes=[b.size for _, b in weights[:-1]])
    inputs, outputs = weights[0][0].shape[0], weights[-1][1].size
    net.partial_fit(np.zeros((outputs, inputs), np.float32), np.arange(outputs), classes=np.arange(outputs))
    net.coefs_, net.intercepts_ = [w for w, _ in weights], [b for _, b in weights]
    return net.predict_proba  # type: ignore[no-any-return]


def _classifier(**settings: Any) -> Any:
    return importlib.import_module("sklearn.neural_network").MLPClassifier(**settings)  # it ships no types
