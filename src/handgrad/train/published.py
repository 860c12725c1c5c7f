"""The published mistakes: what two widely copied notebooks do wrong, each as the right thing with one line changed.

A recipe switches them on by name (`quirks`). The layers are the library's own; only the method that carries the mistake
is replaced, so that a reader sees the mistake and nothing else. Forward is never touched, so a net trained with them
is saved and used as the plain net it is.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from handgrad.core.arrays import Array
from handgrad.core.layers import Linear, Sigmoid, Softmax
from handgrad.core.losses import Loss, check_rows, one_hot
from handgrad.core.net import Sequential


class AveragingLinear(Linear):
    """Divides its gradients by the batch size, which the loss has done already: they come out B times too small."""

    saved_as = "Linear"

    def backward(self, dy: Array, *, input_gradient: bool = True) -> Array | None:  # type: ignore[override]
        """As Linear, then dW and db divided by B once more."""
        dx = super().backward(dy, input_gradient=input_gradient)
        self.dW /= len(dy)
        self.db /= len(dy)
        return dx


class PassingSoftmax(Softmax):
    """Hands dy down unchanged. Right only if dy is already the gradient by the logits, which the loss below gives."""

    saved_as = "Softmax"

    def backward(self, dy: Array) -> Array:
        """dx = dy."""
        self.kept(dy)
        return dy


class ClippedSigmoid(Sigmoid):
    """Holds its input within +-30 before the exponential, as code does whose sigmoid overflows otherwise."""

    saved_as = "Sigmoid"

    def forward(self, x: Array) -> Array:
        """x -> sigmoid(x held within +-30)."""
        return super().forward(np.clip(x, -30, 30))


class PublishedCrossEntropy(Loss):
    """Reports -sum(t log(p + 1e-7)) / B, and hands back p - t, which is not its gradient.

    p - t is the gradient of softmax and cross-entropy together, by the logits. Args:
        average: whether p - t is divided by B.
    """

    def __init__(self, average: bool) -> None:
        self.average = average

    def forward(self, prediction: Array, target: Array) -> float:  # type: ignore[override]  # it knows no weights
        """p (B, classes), labels (B,) or one-hot -> the reported loss."""
        b = check_rows(self, prediction, target)
        t = one_hot(target, prediction.shape[1], prediction.dtype) if target.ndim == 1 else target
        self._dy = (prediction - t) / b if self.average else prediction - t
        return -float((t * np.log(prediction + 1e-7)).sum()) / b

    def config(self) -> dict[str, Any]:
        """The arguments that build this loss again."""
        return {"average": self.average}


QUIRKS: dict[str, tuple[type[Any], type[Any]]] = {
    "linear-averages-again": (Linear, AveragingLinear),
    "softmax-passes-gradient": (Softmax, PassingSoftmax),
    "sigmoid-clips": (Sigmoid, ClippedSigmoid),
}


def with_quirks(net: Sequential, quirks: tuple[str, ...]) -> Sequential:
    """The same net, with the named mistakes in each layer that can make them. Its weights stay where they are."""
    for quirk in quirks:
        right, wrong = QUIRKS[quirk]
        for layer in net.layers:
            if type(layer) is right:
                layer.__class__ = wrong  # the same object and the same weights, with one method replaced
    return net
