"""The NumPy engine: what a step does, and how right answers are counted."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from handgrad.core.layers import Linear
from handgrad.core.losses import SoftmaxCrossEntropy
from handgrad.core.mlp import MLP
from handgrad.core.net import Sequential
from handgrad.core.optim import SGD
from handgrad.engines import NumpyEngine, StepResult
from handgrad.engines.numpy_engine import count_right

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (20, 4, 4), dtype=np.uint8)
LABELS = RNG.integers(0, 3, 20)


def engine_of(lr: float = 0.1, **settings: Any) -> NumpyEngine:
    net = MLP(16, 5, 3, rng=1, dtype=np.float64)
    return NumpyEngine(net, SoftmaxCrossEntropy(), SGD(net, lr=lr), **settings)


def test_a_step_shows_its_batch_before_the_update() -> None:
    engine = engine_of()
    rows = np.array([3, 1, 7])
    x = IMAGES[rows].reshape(3, 16) / 255
    prediction = engine.net(x)
    expected = SoftmaxCrossEntropy()(prediction, LABELS[rows])
    result = engine.step(IMAGES, LABELS, rows)
    assert result.loss == pytest.approx(expected, rel=1e-13)
    assert result.correct == int((prediction.argmax(axis=1) == LABELS[rows]).sum())
    assert result.samples == 3
    assert engine.criterion(engine.net(x), LABELS[rows]) < expected  # and the update went down


def test_an_epoch_takes_the_rows_in_order_and_a_rate_a_step() -> None:
    engine, by_hand = engine_of(), engine_of()
    order = RNG.permutation(20)
    results = list(engine.epoch(IMAGES, LABELS, order, 8, [0.5, 0.25, 0.125]))
    for start, lr in ((0, 0.5), (8, 0.25), (16, 0.125)):
        by_hand.optimizer.lr = lr
        assert by_hand.step(IMAGES, LABELS, order[start : start + 8]) == results[start // 8]
    np.testing.assert_array_equal(engine.net.theta, by_hand.net.theta)
    assert [result.samples for result in results] == [8, 8, 4]


def test_no_rate_leaves_the_optimizers_own_and_fewer_rates_mean_fewer_steps() -> None:
    engine = engine_of(lr=0.3)
    assert len(list(engine.epoch(IMAGES, LABELS, np.arange(20), 8, [None, None]))) == 2
    assert engine.optimizer.lr == 0.3


@pytest.mark.parametrize("parts", [1, 3])
def test_a_loss_that_is_not_finite_changes_nothing(parts: int) -> None:
    engine = engine_of(accumulate=parts)
    engine.step(IMAGES, LABELS, np.arange(6))
    engine.criterion = Endless()
    theta, grad = engine.net.theta.copy(), engine.net.grad.copy()
    result = engine.step(IMAGES, LABELS, np.arange(6))
    assert result == StepResult(math.inf, None, 6)
    np.testing.assert_array_equal(engine.net.theta, theta)
    np.testing.assert_array_equal(engine.net.grad, grad)


class Endless(SoftmaxCrossEntropy):
    def forward(self, prediction: Any, target: Any) -> float:
        super().forward(prediction, target)
        return math.inf


@pytest.mark.parametrize("rows", [5, 1])
def test_more_parts_than_rows(rows: int) -> None:
    one, two = engine_of(), engine_of(accumulate=7)
    a, b = (engine.step(IMAGES, LABELS, np.arange(rows)) for engine in (one, two))
    assert a.loss == pytest.approx(b.loss, rel=1e-13)
    np.testing.assert_allclose(one.net.theta, two.net.theta, rtol=0, atol=1e-14)


@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
def test_images_stay_as_they_are(dtype: type) -> None:
    class Centring:  # a layer of somebody's that writes into its input
        def forward(self, x: Any) -> Any:
            x -= x.mean()
            return x

        def backward(self, dy: Any) -> Any:
            return dy

    net = Sequential(Centring(), Linear(16, 3, rng=0, dtype=np.float64))
    images: Any = IMAGES.astype(dtype)
    NumpyEngine(net, SoftmaxCrossEntropy(), SGD(net)).step(images, LABELS, np.arange(20))
    np.testing.assert_array_equal(images, IMAGES)


def test_an_input_gradient_that_nobody_needs_is_not_worked_out() -> None:
    class Watching(Linear):
        asked = True

        def backward(self, dy: Any, *, input_gradient: bool = True) -> Any:
            self.asked = input_gradient
            return super().backward(dy, input_gradient=input_gradient)

    first = Watching(16, 3, rng=0)
    net = Sequential(first)
    NumpyEngine(net, SoftmaxCrossEntropy(), SGD(net)).step(IMAGES, LABELS, np.arange(4))
    assert not first.asked


HOT = np.eye(3)[[0, 2, 1]]


@pytest.mark.parametrize(
    ("prediction", "labels", "expected"),
    [
        ([[5, 1, 1], [0, 0, 1], [0, 9, 1]], [0, 2, 1], 3),
        ([[5, 1, 1], [0, 0, 1], [0, 9, 1]], [1, 2, 0], 1),
        ([[5, 1, 1], [0, 0, 1], [0, 9, 1]], HOT, 3),
        ([[5, 1, 1], [9, 0, 1], [0, 9, 1]], HOT.astype(np.float32), 2),
        ([[5, 1, 1], [9, 0, 1], [0, 9, 1]], HOT.astype(bool), 2),
        ([[5, 1, 1], [0, 0, 1], [0, 9, 1]], HOT * 2.5, None),  # numbers to hit, not classes
        ([[5], [0], [2]], [0, 2, 1], None),
        ([[5, 1, 1], [0, 0, 1], [0, 9, 1]], [0.0, 2.0, 1.0], None),
        ([5, 0, 2], [0, 2, 1], None),
    ],
)
def test_how_many_are_right(prediction: Any, labels: Any, expected: int | None) -> None:
    assert count_right(np.array(prediction, float), np.asarray(labels)) == expected
