"""Losses: one number that says how wrong a prediction is, and the gradient of that very number.

A loss is the last layer: `value = loss(prediction, target)`, then `dy = loss.backward()`. Every loss is a mean over
the batch, and the 1/B that this brings is the only one in the house.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from handgrad.core.arrays import Array
from handgrad.core.checks import in_range
from handgrad.core.layers.activations import sigmoid
from handgrad.core.layers.base import as_float
from handgrad.errors import InputError, StateError


class Loss:
    """Base of the losses that ship: a subclass writes `forward`, which sets `self._dy`, the gradient to hand out.

    A third argument of the call, `weights` (B,), makes the mean over the batch a weighted one: sum w_b l_b / sum w_b.
    """

    _dy: Array | None = None

    def __call__(self, prediction: Any, target: Any, weights: Any = None) -> float:
        """Forward, for anything that NumPy can make arrays of."""
        prediction, target = as_float(prediction), np.asarray(target)
        if weights is None:
            return self.forward(prediction, target)
        return self.forward(prediction, target, check_weights(self, prediction, weights))

    def forward(self, prediction: Array, target: Array, weights: Array | None = None) -> float:
        """The loss, a mean over the batch."""
        raise NotImplementedError

    def mean(self, values: Array, slopes: Array, weights: Array | None) -> float:
        """The mean of `values` (B, ...), each row counting by its weight; keeps `slopes`, changed to its gradient.

        slopes (B, ...) hold the derivative of each value by its own prediction. This is the one 1/B.
        """
        if weights is None:
            slopes /= values.size
            self._dy = slopes
            return float(values.sum()) / values.size
        share = weights * (len(values) / (weights.sum() * values.size))  # (B,), with the sum 1 over all values
        slopes *= share.reshape(-1, *[1] * (slopes.ndim - 1))
        self._dy = slopes
        return float((values * share.reshape(-1, *[1] * (values.ndim - 1))).sum())

    def backward(self) -> Array:
        """The gradient of the last value by its prediction, of the prediction's shape."""
        if self._dy is None:
            raise StateError("core.loss_first", loss=type(self).__name__)
        return self._dy

    def config(self) -> dict[str, Any]:
        """The arguments that build this loss again."""
        return {}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.config().items())})"


class SoftmaxCrossEntropy(Loss):
    """-log of the probability that softmax gives to the right class, from logits (scores before softmax).

    Labels are integers (B,), or rows of probabilities (B, classes) such as one-hot ones. Stable for any logits: with
    z = logits - max, log p_i = z_i - log(sum_k exp(z_k)), so no exponential overflows and no log sees a 0.

    Args:
        label_smoothing: s mixes the target with the uniform one, (1 - s) t + s/classes (Szegedy et al. 2016,
            section 7).
    """

    def __init__(self, label_smoothing: float = 0.0) -> None:
        self.label_smoothing = in_range(label_smoothing, "label_smoothing", 0, 1, open_top=True)

    def forward(self, prediction: Array, target: Array, weights: Array | None = None) -> float:
        """logits (B, classes), labels (B,) or (B, classes) -> mean over the batch of -sum_i t_i log p_i.

        The gradient of one row: d/dz_j of -sum_i t_i (z_i - log sum_k exp z_k) is -t_j + p_j sum_i t_i, and a target
        sums to 1, which leaves p - t; the mean over B rows divides it by B.
        """
        b = check_rows(self, prediction, target)
        # Worked out with the classes first, so that sums over them run along whole rows of memory: a fifth faster.
        z = np.ascontiguousarray(prediction.T)  # (B, classes) -> (classes, B)
        z = z - np.maximum.reduce(z, axis=0)  # at most 0
        e = np.exp(z)
        total = np.add.reduce(e, axis=0)  # (B,), at least 1
        dz = e / total  # p; becomes p - t
        s, classes = self.label_smoothing, len(z)
        if target.ndim == 1 and not s:
            right = (target, np.arange(b))
            values = np.log(total) - z[right]  # (B,)
            dz[right] -= 1
        else:
            t = one_hot(target, classes, z.dtype) if target.ndim == 1 else target.astype(z.dtype, copy=False)
            t = (1 - s) * t.T + s / classes  # (classes, B)
            surprise = np.log(total) - z
            surprise[t == 0] = 0  # a logit of -inf where nothing is expected costs nothing, and 0 * inf is no number
            values = (t * surprise).sum(axis=0)  # (B,)
            dz *= t.sum(axis=0)
            dz -= t
        return self.mean(values, dz.T, weights)  # (classes, B) -> (B, classes)

    def config(self) -> dict[str, Any]:
        """The arguments that build this loss again."""
        return {"label_smoothing": self.label_smoothing} if self.label_smoothing else {}


class CrossEntropy(Loss):
    """-log of the probability of the right class, from probabilities, such as those of a Softmax layer.

    Labels are integers (B,), or rows of probabilities (B, classes). A probability below the smallest normal number of
    its dtype counts as that number, in value and gradient, so that a saturated net meets no log of 0.
    """

    def forward(self, prediction: Array, target: Array, weights: Array | None = None) -> float:
        """p (B, classes), labels (B,) or (B, classes) -> mean of -sum_i t_i log p_i; the gradient is -t / p / B."""
        check_rows(self, prediction, target)
        if prediction.min() < -0.1 or prediction.max() > 1.1:  # logits, by mistake
            raise InputError("core.not_probabilities", low=prediction.min(), high=prediction.max())
        p = np.maximum(prediction, np.finfo(prediction.dtype).tiny)
        t = one_hot(target, p.shape[1], p.dtype) if target.ndim == 1 else target.astype(p.dtype, copy=False)
        return self.mean(-(t * np.log(p)).sum(axis=1), -t / p, weights)


class BinaryCrossEntropy(Loss):
    """For answers of yes or no, from logits: -t log s - (1 - t) log(1 - s), s = sigmoid(logit), averaged over all.

    Stable as max(z, 0) - z t + log(1 + exp(-|z|)). The target t, in [0, 1], has the logits' shape.
    """

    def forward(self, prediction: Array, target: Array, weights: Array | None = None) -> float:
        """logits z (B, ...), t of the same shape -> mean. The gradient: d/dz of log(1 + exp(z)) - z t is s - t."""
        z, t = same_shape(self, prediction, target)
        if not (t.min() >= 0 and t.max() <= 1):
            raise InputError("core.binary_target", low=t.min(), high=t.max())
        value = np.maximum(z, 0) - z * t + np.log1p(np.exp(-np.abs(z)))
        return self.mean(value, sigmoid(z) - t, weights)


class MSE(Loss):
    """Mean squared error: (y - t)^2 averaged over all numbers, batch and outputs, as in PyTorch; without a half."""

    def forward(self, prediction: Array, target: Array, weights: Array | None = None) -> float:
        """y (B, ...), t of the same shape -> mean. The gradient is 2 (y - t) / number of numbers."""
        y, t = same_shape(self, prediction, target)
        d = y - t
        return self.mean(d * d, 2 * d, weights)


class Huber(Loss):
    """Squared error near 0, absolute error far out, averaged over all numbers (Huber 1964).

    With d = y - t: d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2). Args:
        delta: where the parabola turns into a line, above 0.
    """

    def __init__(self, delta: float = 1.0) -> None:
        self.delta = in_range(delta, "Huber delta", 1e-12, 1e12)

    def forward(self, prediction: Array, target: Array, weights: Array | None = None) -> float:
        """y (B, ...), t of the same shape -> mean. The gradient is d, held within +-delta, / number of numbers."""
        y, t = same_shape(self, prediction, target)
        d = y - t
        inside = np.clip(d, -self.delta, self.delta)
        # 1/2 c^2 + c (d - c), c = clip(d): the parabola inside, the tangent line outside.
        return self.mean(inside * (d - 0.5 * inside), inside, weights)

    def config(self) -> dict[str, Any]:
        """The arguments that build this loss again."""
        return {"delta": self.delta}


def one_hot(labels: Array, classes: int, dtype: Any = np.float32) -> Array:
    """Integer labels (B,) -> rows (B, classes) with a single 1 each."""
    rows = np.zeros((len(labels), classes), dtype)
    rows[np.arange(len(labels)), labels] = 1
    return rows


def check_rows(loss: Loss, prediction: Array, target: Array) -> int:
    """The batch size, if prediction is (B, classes) and target fits it; InputError otherwise."""
    name = type(loss).__name__
    if prediction.ndim != 2 or not prediction.size:
        raise InputError("core.loss_prediction", loss=name, got=prediction.shape)
    b, classes = prediction.shape
    if target.shape == (b,) and target.dtype.kind in "iu":
        # A negative number, seen without its sign, is a huge one: one pass finds both ends.
        if target.view(target.dtype.str.replace("i", "u")).max() >= classes:
            raise InputError("core.label_range", loss=name, low=target.min(), high=target.max(), classes=classes)
    elif target.shape != (b, classes) or target.dtype.kind not in "biuf":
        raise InputError("core.loss_target", loss=name, got=target.shape, dtype=target.dtype, b=b, classes=classes)
    elif not (target.min() >= 0 and np.abs(target.sum(axis=1) - 1).max() < 1e-3):
        raise InputError("core.target_rows", loss=name, low=target.min(), sum=target.sum(axis=1).max())
    return int(b)


def same_shape(loss: Loss, prediction: Array, target: Array) -> tuple[Array, Array]:
    """Both as floats of the prediction's dtype, if the shapes agree; NumPy would broadcast (B, 1) against (B,)."""
    if prediction.shape != target.shape or not prediction.size:
        raise InputError("core.same_shape", loss=type(loss).__name__, got=target.shape, shape=prediction.shape)
    return prediction, as_float(target).astype(prediction.dtype, copy=False)


def check_weights(loss: Loss, prediction: Array, weights: Any) -> Array:
    """weights (B,) in the prediction's dtype, if there is one a row, none is below 0, and not all are 0."""
    array = as_float(weights)
    if array.shape != prediction.shape[:1] or not (array.min() >= 0 and 0 < array.sum() < np.inf):
        raise InputError("core.weights", loss=type(loss).__name__, got=array.shape, b=len(prediction))
    return array.astype(prediction.dtype, copy=False)


LOSSES: dict[str, type[Loss]] = {
    kind.__name__: kind for kind in (SoftmaxCrossEntropy, CrossEntropy, BinaryCrossEntropy, MSE, Huber)
}
