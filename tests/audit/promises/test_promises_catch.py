"""Checks must be able to fail: layers, losses and optimizers with one planted mistake, and the promise it breaks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from handgrad import (
    MSE,
    SGD,
    Adam,
    BatchNorm,
    Dropout,
    LayerNorm,
    Linear,
    Loss,
    ReLU,
    Sequential,
    Sigmoid,
    Softmax,
    SoftmaxCrossEntropy,
    Tanh,
)
from handgrad.audit.promises.layers import PROMISES, Trial, parameters_of
from handgrad.audit.promises.losses import LOSS_PROMISES, LossTrial
from handgrad.audit.promises.optimizers import OPTIMIZER_PROMISES, OptimizerTrial
from handgrad.audit.promises.verdict import broken, examine

X = np.random.default_rng(7).standard_normal((4, 5))
BY_INPUT, BY_WEIGHTS = "derivative_by_input", "derivative_by_parameters"


class ZeroSoftmax(Softmax):
    """A projection on ones would not see it."""

    def backward(self, dy: Any) -> Any:
        return np.zeros_like(super().backward(dy))


class FusedSoftmax(Softmax):
    """Hands dy through, as if the loss had been fused."""

    def backward(self, dy: Any) -> Any:
        return np.array(dy)


class DiagonalSoftmax(Softmax):
    def backward(self, dy: Any) -> Any:
        (p,) = self.kept(dy)
        return dy * p * (1 - p)


class AveragedLinear(Linear):
    """Divides by the batch once more."""

    def backward(self, dy: Any, **options: Any) -> Any:
        dx = super().backward(dy, **options)
        self.dW /= len(dy)
        self.db /= len(dy)
        return dx


class BiasAveragedLinear(Linear):
    def backward(self, dy: Any, **options: Any) -> Any:
        dx = super().backward(dy, **options)
        self.db /= len(dy)
        return dx


class ForgetsBias(Linear):
    """Its bias gradient stays 0."""

    def backward(self, dy: Any, **options: Any) -> Any:
        dx = super().backward(dy, **options)
        self.db[...] = 0
        return dx


class NotTransposed(Linear):
    def backward(self, dy: Any, **options: Any) -> Any:
        super().backward(dy)
        return dy @ self.W


class Adds(Linear):
    """Adds to its gradients without anyone asking for it."""

    def backward(self, dy: Any, **options: Any) -> Any:
        old = self.dW.copy()
        dx = super().backward(dy)
        self.dW += old
        return dx


class UpdatesItself(Linear):
    """Moves its weights before the error is passed down."""

    def backward(self, dy: Any, **options: Any) -> Any:
        super().backward(dy)
        self.W -= 0.1 * self.dW
        return dy @ self.W.T


class Stale(Linear):
    """Keeps its first input for ever."""

    def forward(self, x: Any) -> Any:
        before, y = self._kept, super().forward(x)
        if before is not None and self._kept is not None:
            self._kept = (self._kept[0], before[1])
        return y


class Upcasts(Linear):
    def forward(self, x: Any) -> Any:
        y = x.astype(np.float64) @ self.W.astype(np.float64)
        self.keep(y, x)
        return y


class KeepsInEval(Tanh):
    def keep(self, y: Any, *arrays: Any) -> None:
        self._kept = (y.shape, arrays)


class SlopeOfInput(Sigmoid):
    """The derivative is written for the output, and fed the input: x (1 - x)."""

    def forward(self, x: Any) -> Any:
        y = super().forward(x)
        self.keep(y, x)
        return y


class SlopeTwice(Tanh):
    def backward(self, dy: Any) -> Any:
        (y,) = self.kept(dy)
        return dy * (1 - y * y) ** 2


class EditsDy(ReLU):
    def backward(self, dy: Any) -> Any:
        (y,) = self.kept(dy)
        dy[y <= 0] = 0
        return dy


class EditsX(ReLU):
    def forward(self, x: Any) -> Any:
        np.maximum(x, 0, out=x)
        self.keep(x, x)
        return x


class IgnoresDy(Tanh):
    """Whatever comes from above, it hands down its own slope."""

    def backward(self, dy: Any) -> Any:
        (y,) = self.kept(dy)
        return 1 - y * y


class ClipsDy(Tanh):
    def backward(self, dy: Any) -> Any:
        return super().backward(np.clip(dy, -0.5, 0.5))


class SimpleBatchNorm(BatchNorm):
    """Takes mean and variance for constants."""

    def backward(self, dy: Any) -> Any:
        super().backward(dy)
        _, inverse_std = self.kept(dy)
        return dy * self.scale * inverse_std


class NoScaleLayerNorm(LayerNorm):
    """Forgets the scale on the way down."""

    def backward(self, dy: Any) -> Any:
        super().backward(dy)
        xhat, inverse_std = self.kept(dy)
        return inverse_std * (dy - dy.mean(1, keepdims=True) - xhat * (dy * xhat).mean(1, keepdims=True))


class BatchStatistics(LayerNorm):
    """Normalises over the batch under the name of LayerNorm."""

    def forward(self, x: Any) -> Any:
        xhat = x - x.mean(axis=0)
        self.keep(x, xhat, np.ones((len(x), 1)))
        return self.scale * xhat + self.shift


class NewMaskBackward(Dropout):
    def backward(self, dy: Any) -> Any:
        self.kept(dy)
        return dy * (self.rng.random(dy.shape) >= self.p) / (1 - self.p)


class MaskNotScaled(Dropout):
    def backward(self, dy: Any) -> Any:
        (scale,) = self.kept(dy)
        return dy * (scale > 0)


class HandsOutCopies(Linear):
    """An optimizer would update arrays that the layer never looks at."""

    def named_parameters(self) -> list[tuple[str, Any]]:
        return [(name, (value.copy(), grad)) for name, (value, grad) in super().named_parameters()]


class WrongShape(Linear):
    def named_parameters(self) -> list[tuple[str, Any]]:
        return [(name, (value, grad[None])) for name, (value, grad) in super().named_parameters()]


class Breaks(Tanh):
    def backward(self, dy: Any) -> Any:
        raise ZeroDivisionError


def _with_weights(layer: Any) -> Any:
    """A scale of 1 and a shift of 0 would hide some of these."""
    for _, value, _ in parameters_of(layer):
        value[...] += 0.3 * np.random.default_rng(0).standard_normal(value.shape)
    return layer


LAYERS: dict[str, tuple[Any, set[str]]] = {
    "zero softmax": (ZeroSoftmax(), {BY_INPUT}),
    "fused softmax": (FusedSoftmax(), {BY_INPUT}),
    "diagonal softmax": (DiagonalSoftmax(), {BY_INPUT}),
    "averaged twice": (AveragedLinear(5, 3, rng=0, dtype="f8"), {BY_WEIGHTS, "sums_over_batch", "rows_alone"}),
    "bias averaged": (BiasAveragedLinear(5, 3, rng=0, dtype="f8"), {BY_WEIGHTS, "sums_over_batch", "rows_alone"}),
    "bias forgotten": (ForgetsBias(5, 3, rng=0, dtype="f8"), {BY_WEIGHTS}),
    "not transposed": (NotTransposed(5, 5, rng=0, dtype="f8"), {BY_INPUT}),
    "adds": (Adds(5, 3, rng=0, dtype="f8"), {"repeatable"}),
    "updates itself": (UpdatesItself(5, 3, rng=0, dtype="f8"), {BY_INPUT, "pure", "linear_in_dy"}),
    "stale": (Stale(5, 3, rng=0, dtype="f8"), {"fresh"}),
    "upcasts": (Upcasts(5, 3, bias=False, rng=0, dtype="f4"), {"shape_and_dtype"}),
    "keeps in eval": (KeepsInEval(), {"eval_keeps_nothing"}),
    "slope of input": (SlopeOfInput(), {BY_INPUT}),
    "slope twice": (SlopeTwice(), {BY_INPUT}),
    "edits dy": (EditsDy(), {"pure"}),
    "edits x": (EditsX(), {"pure"}),
    "ignores dy": (IgnoresDy(), {BY_INPUT, "linear_in_dy"}),
    "clips dy": (ClipsDy(), {BY_INPUT, "linear_in_dy"}),
    "simple batch norm": (SimpleBatchNorm(5, dtype="f8"), {BY_INPUT}),
    "layer norm without scale": (NoScaleLayerNorm(5, dtype="f8"), {BY_INPUT}),
    "statistics of the batch": (BatchStatistics(5, dtype="f8"), {BY_INPUT, "rows_alone"}),
    "new mask": (NewMaskBackward(0.5, rng=0), {BY_INPUT}),
    "mask not scaled": (MaskNotScaled(0.5, rng=0), {BY_INPUT}),
    "hands out copies": (HandsOutCopies(5, 3, rng=0, dtype="f8"), {"alive"}),
    "wrong shape": (WrongShape(5, 3, rng=0, dtype="f8"), {"shape_and_dtype"}),
    "breaks": (Breaks(), {BY_INPUT, "pure", "repeatable"}),
    "deep in a net": (
        Sequential(Linear(5, 4, rng=0, dtype="f8"), DiagonalSoftmax(), Linear(4, 3, rng=1, dtype="f8")),
        {BY_INPUT, BY_WEIGHTS},
    ),
}


@pytest.mark.parametrize(("layer", "promises"), LAYERS.values(), ids=LAYERS)
def test_a_wrong_layer_is_caught(layer: Any, promises: set[str]) -> None:
    x = X.astype(np.float32) if isinstance(layer, Upcasts) else X.copy()
    found = broken(examine(Trial(_with_weights(layer), x, coupled=isinstance(layer, BatchNorm)), PROMISES))
    assert promises <= set(found)


def test_a_promise_broken_alone_is_named_alone() -> None:
    """A stale cache is no wrong formula: nothing but `fresh` and what calls one object twice may complain."""
    assert broken(examine(Trial(KeepsInEval(), X), PROMISES)) == ["eval_keeps_nothing"]
    assert broken(examine(Trial(ZeroSoftmax(), X), PROMISES)) == [BY_INPUT, "fresh"]
    assert broken(examine(Trial(Adds(5, 3, rng=0, dtype="f8"), X), PROMISES)) == ["repeatable"]


# -- losses


class SumsLoss(MSE):
    """Reports a mean, and hands out the gradient of the sum."""

    def forward(self, prediction: Any, target: Any) -> float:
        value = super().forward(prediction, target)
        self._dy = 2 * (prediction - target)
        return value


class SumsBoth(Loss):
    """Value and gradient agree, and neither is a mean."""

    def forward(self, prediction: Any, target: Any) -> float:
        self._dy = 2 * (prediction - target)
        return float(((prediction - target) ** 2).sum())


class SquaredGradient(SoftmaxCrossEntropy):
    """The gradient of a squared error under the value of a cross-entropy."""

    def forward(self, prediction: Any, target: Any) -> float:
        value = super().forward(prediction, target)
        p = np.exp(prediction) / np.exp(prediction).sum(1, keepdims=True)
        d = (p - np.eye(p.shape[1])[target]) / len(p)
        self._dy = 2 * p * (d - (d * p).sum(1, keepdims=True))
        return value


class HalfLoss(MSE):
    def forward(self, prediction: Any, target: Any) -> float:
        return super().forward(prediction, target) / 2


class FirstGradient(MSE):
    """Its gradient is that of the first call for ever."""

    def forward(self, prediction: Any, target: Any) -> float:
        before = self._dy
        value = super().forward(prediction, target)
        self._dy = self._dy if before is None else before
        return value


class EditsPrediction(MSE):
    def forward(self, prediction: Any, target: Any) -> float:
        value = super().forward(prediction, target)
        prediction -= target
        return value


class GivesAnArray(MSE):
    def forward(self, prediction: Any, target: Any) -> Any:
        return np.array([super().forward(prediction, target)])


class NeedsNoCall(MSE):
    def backward(self) -> Any:
        return np.zeros(3) if self._dy is None else self._dy


LOSSES: dict[str, tuple[Any, set[str]]] = {
    "sum for mean": (SumsLoss(), {"gradient_agrees", "means_over_batch"}),
    "sums both": (SumsBoth(), {"means_over_batch"}),
    "squared gradient": (SquaredGradient(), {"gradient_agrees"}),
    "half": (HalfLoss(), {"gradient_agrees"}),
    "first gradient": (FirstGradient(), {"loss_is_fresh"}),
    "edits the prediction": (EditsPrediction(), {"loss_is_pure"}),
    "gives an array": (GivesAnArray(), {"value_is_number"}),
    "needs no call": (NeedsNoCall(), {"loss_comes_first"}),
}


@pytest.mark.parametrize(("loss", "promises"), LOSSES.values(), ids=LOSSES)
def test_a_wrong_loss_is_caught(loss: Any, promises: set[str]) -> None:
    labels = isinstance(loss, SoftmaxCrossEntropy)
    target = np.array([0, 4, 2, 2]) if labels else np.random.default_rng(8).standard_normal((4, 5))
    assert promises <= set(broken(examine(LossTrial(loss, X.copy(), target), LOSS_PROMISES)))


# -- optimizers


class Uncorrected(Adam):
    """Without bias correction the first steps are far too small, or in this case too large."""

    def update(self, theta: Any, grad: Any, decay: float, *state: Any) -> None:
        m, v = state
        m[...] = 0.9 * m + 0.1 * grad
        v[...] = 0.999 * v + 0.001 * grad * grad
        theta -= self.lr * m / (np.sqrt(v) + self.eps)


class Climbs(SGD):
    def update(self, theta: Any, grad: Any, decay: float, *state: Any) -> None:
        theta += self.lr * grad


class Rebinds:
    """Its new weights are arrays of its own, which the net never sees."""

    def __init__(self, pairs: Any, lr: float) -> None:
        self.values, self.grads, self.lr = [w for w, _ in pairs], [g for _, g in pairs], lr

    def step(self) -> None:
        self.values = [w - self.lr * g for w, g in zip(self.values, self.grads, strict=True)]


class ClipsSilently(SGD):
    def update(self, theta: Any, grad: Any, decay: float, *state: Any) -> None:
        theta -= self.lr * grad / max(1.0, float(np.linalg.norm(grad)))


class LosesVelocity(SGD):
    def load_state(self, state: dict[str, Any]) -> None:
        super().load_state(state)
        self._state["velocity"][...] = 0


class EditsGradient(SGD):
    def update(self, theta: Any, grad: Any, decay: float, *state: Any) -> None:
        grad *= self.lr
        theta -= grad


class FixedRate(SGD):
    def update(self, theta: Any, grad: Any, decay: float, *state: Any) -> None:
        theta -= 0.01 * grad


class StepAPiece(Adam):
    """Counts a step for each piece that it updates."""

    def update(self, theta: Any, grad: Any, decay: float, *state: Any) -> None:
        super().update(theta, grad, decay, *state)
        self.steps += 1


OPTIMIZERS: dict[str, tuple[Any, str]] = {
    "climbs": (Climbs, "in_place"),
    "re-binds": (Rebinds, "in_place"),
    "clips": (ClipsSilently, "each_number_alone"),
    "loses velocity": (lambda pairs, lr: LosesVelocity(pairs, lr, momentum=0.9), "resumes"),
    "edits the gradient": (EditsGradient, "in_place"),
    "fixed rate": (FixedRate, "linear_in_lr"),
    "a step a piece": (StepAPiece, "each_number_alone"),
}


@pytest.mark.parametrize(("make", "promise"), OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_a_wrong_optimizer_is_caught(make: Any, promise: str) -> None:
    assert promise in broken(examine(OptimizerTrial(make), OPTIMIZER_PROMISES))


def test_missing_bias_correction_needs_the_definition() -> None:
    """It breaks no promise that all optimizers share; the hand-worked first step of Adam is what sees it."""
    assert broken(examine(OptimizerTrial(Uncorrected), OPTIMIZER_PROMISES)) == []
    theta, right = np.zeros(3), np.zeros(3)
    grad = np.array([1.0, -2.0, 0.5])
    Uncorrected([(theta, grad)], lr=0.1).step()
    Adam([(right, grad)], lr=0.1).step()
    np.testing.assert_allclose(right, [-0.1, 0.1, -0.1], rtol=1e-7)  # lr against the sign, whatever the size
    np.testing.assert_allclose(theta, right * 0.1 / 0.001**0.5, rtol=1e-5)  # 3.16 times that
