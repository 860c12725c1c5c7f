"""Losses with a weight for each row, held against what such a weight means: a row of weight 3 is there three times."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from core_cases import LOSS_CASES, LossCase

from handgrad import MSE, SoftmaxCrossEntropy
from handgrad.errors import InputError

COUNTS = np.array([1, 3, 2, 0, 4, 1])


@pytest.mark.parametrize("case", LOSS_CASES.values(), ids=LOSS_CASES)
def test_a_whole_weight_is_a_row_repeated(case: LossCase) -> None:
    prediction, target = case.data(seed=3)
    weighted, repeated = case.make(), case.make()
    rows = np.repeat(np.arange(6), COUNTS)
    assert weighted(prediction, target, COUNTS) == pytest.approx(repeated(prediction[rows], target[rows]), rel=1e-13)
    expected = np.zeros_like(weighted.backward())
    np.add.at(expected, rows, repeated.backward())
    np.testing.assert_allclose(weighted.backward(), expected, rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize("case", LOSS_CASES.values(), ids=LOSS_CASES)
def test_equal_weights_change_nothing(case: LossCase) -> None:
    prediction, target = case.data(seed=4)
    with_weights, without = case.make(), case.make()
    assert with_weights(prediction, target, np.full(6, 0.3)) == pytest.approx(without(prediction, target), rel=1e-13)
    np.testing.assert_allclose(with_weights.backward(), without.backward(), rtol=1e-12)


def test_by_hand() -> None:
    loss = MSE()
    # Squares 1 and 4, with weights 3 and 1: 7/4. The gradient is 2 d w / 4.
    assert loss([1.0, 2.0], [0, 0], [3, 1]) == pytest.approx(7 / 4)
    np.testing.assert_allclose(loss.backward(), [2 * 1 * 3 / 4, 2 * 2 * 1 / 4])


def test_the_gradient_is_that_of_the_weighted_value() -> None:
    rng = np.random.default_rng(5)
    z, t, w = rng.standard_normal((6, 4)), rng.integers(0, 4, 6), rng.random(6)
    direction = rng.standard_normal(z.shape)
    loss = SoftmaxCrossEntropy(0.1)
    loss(z, t, w)
    step = 1e-5
    slope = (loss(z + step * direction, t, w) - loss(z - step * direction, t, w)) / (2 * step)
    loss(z, t, w)
    assert (loss.backward() * direction).sum() == pytest.approx(slope, rel=1e-8)


@pytest.mark.parametrize("weights", [[1, 1], [[1], [1], [1]], [1, 1, -1], [0, 0, 0], [1, 1, np.nan], [1, 1, np.inf]])
def test_weights_that_are_none(weights: Any) -> None:
    with pytest.raises(InputError, match=r"needs \(3,\), one for each row"):
        MSE()(np.ones((3, 2)), np.zeros((3, 2)), weights)
