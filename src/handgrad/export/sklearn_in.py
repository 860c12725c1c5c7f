"""A fitted scikit-learn MLPClassifier or MLPRegressor as a net that gives the very numbers it predicts.

Nothing of scikit-learn is imported: the estimator is there already, and its arrays are all that is needed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from handgrad.core.layers import LAYERS, Linear, ReLU, Sigmoid, Softmax, Tanh
from handgrad.core.layers.base import Layer
from handgrad.core.net import Sequential
from handgrad.errors import InputError
from handgrad.export.plain import check_finite

_ACTIVATIONS: dict[str, list[type[Layer]]] = {
    "relu": [ReLU], "tanh": [Tanh], "logistic": [Sigmoid], "identity": [], "softmax": [Softmax],
}  # fmt: skip


def from_sklearn(estimator: Any) -> Sequential:
    """The net of a fitted MLPClassifier or MLPRegressor, in eval mode, of the estimator's own dtype.

    `net(x)` is what `predict_proba(x)` gives, or `predict(x)` of a regressor. A binary classifier has one output, z;
    the net has two, 0 and z, whose softmax is its two probabilities. The classes are in `estimator.classes_`.

    Raises: InputError for anything else, or one that is not fitted.
    """
    if not hasattr(estimator, "hidden_layer_sizes") or isinstance(estimator, type):
        raise InputError("export.not_mlp", got=type(estimator).__name__)
    if hasattr(estimator, "net_"):  # ours, whose layers are more than these arrays
        raise InputError("export.has_net", got=type(estimator).__name__)
    if not hasattr(estimator, "coefs_"):
        raise InputError("export.not_fitted", got=type(estimator).__name__)
    pairs = list(zip(estimator.coefs_, estimator.intercepts_, strict=True))
    last = estimator.out_activation_
    for name in (last, estimator.activation):
        if name not in _ACTIVATIONS:
            raise InputError("export.no_counterpart", got=name, known=", ".join(LAYERS))
    if last == "logistic" and pairs[-1][1].size == 1:  # with more than one output it has several labels, each alone
        weight, bias = pairs[-1]
        pairs[-1] = (np.hstack([np.zeros_like(weight), weight]), np.hstack([np.zeros_like(bias), bias]))
        last = "softmax"
    layers: list[Layer] = []
    for i, (weight, bias) in enumerate(pairs):
        linear = Linear(*weight.shape, init="zeros", dtype=weight.dtype)
        linear.W, linear.b = weight, bias
        layers += [linear, *(kind() for kind in _ACTIVATIONS[last if i == len(pairs) - 1 else estimator.activation])]
    net = Sequential(*layers)
    check_finite(net)
    return net.eval()
