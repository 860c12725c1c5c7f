"""Losses: their promises, examples worked by hand, and what they say to a target that does not fit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from core_cases import LOSS_CASES, LossCase

from handgrad import MLP, MSE, BinaryCrossEntropy, CrossEntropy, Huber, Sequential, Softmax, SoftmaxCrossEntropy
from handgrad.audit.promises.losses import LOSS_PROMISES, LossTrial
from handgrad.audit.promises.verdict import Promise, examine
from handgrad.core.losses import one_hot
from handgrad.errors import InputError, StateError

LN2, LN3 = math.log(2), math.log(3)


@pytest.mark.parametrize("promise", LOSS_PROMISES, ids=lambda promise: promise.__name__)
@pytest.mark.parametrize("case", LOSS_CASES.values(), ids=LOSS_CASES)
def test_every_promise_is_kept(case: LossCase, promise: Promise) -> None:
    for seed in (0, 1):
        verdicts = examine(LossTrial(case.make(), *case.data(seed=seed + 4), seed=seed), [promise])
        assert verdicts
        assert [v for v in verdicts if v.ok is not True] == []


# -- by hand


def test_softmax_cross_entropy() -> None:
    loss = SoftmaxCrossEntropy()
    # Row 1: p = 1/8, 2/8, 5/8, label 2. Row 2: all alike, label 0.
    logits = np.array([[0, LN2, math.log(5)], [7, 7, 7]])
    assert loss(logits, np.array([2, 0])) == pytest.approx((math.log(8 / 5) + math.log(3)) / 2)
    np.testing.assert_allclose(loss.backward(), [[1 / 16, 2 / 16, -3 / 16], [-2 / 6, 1 / 6, 1 / 6]])


def test_label_smoothing() -> None:
    loss = SoftmaxCrossEntropy(label_smoothing=0.3)
    # The target (1, 0, 0) becomes (0.8, 0.1, 0.1); p = 1/8, 2/8, 5/8.
    value = loss(np.array([[0, LN2, math.log(5)]]), np.array([0]))
    assert value == pytest.approx(0.8 * math.log(8) + 0.1 * math.log(4) + 0.1 * math.log(8 / 5))
    np.testing.assert_allclose(loss.backward(), [[1 / 8 - 0.8, 2 / 8 - 0.1, 5 / 8 - 0.1]])


def test_first_loss_of_a_net_that_knows_nothing_is_the_log_of_the_classes() -> None:
    assert SoftmaxCrossEntropy()(np.zeros((64, 10)), np.arange(64) % 10) == pytest.approx(math.log(10))


def test_cross_entropy() -> None:
    loss = CrossEntropy()
    p = np.array([[0.5, 0.25, 0.25], [0.1, 0.2, 0.7]])
    assert loss(p, np.array([1, 2])) == pytest.approx((math.log(4) + math.log(10 / 7)) / 2)
    np.testing.assert_allclose(loss.backward(), [[0.0, -2, 0], [0, 0, -1 / 1.4]])


def test_binary_cross_entropy() -> None:
    loss = BinaryCrossEntropy()
    # sigmoid(ln 3) = 3/4. With t = 1: -log(3/4); with t = 0: -log(1/4).
    assert loss(np.array([[LN3], [LN3]]), np.array([[1], [0]])) == pytest.approx((math.log(4 / 3) + math.log(4)) / 2)
    np.testing.assert_allclose(loss.backward(), [[-1 / 8], [3 / 8]])


def test_mse() -> None:
    loss = MSE()
    assert loss([[1, 2], [3, 4]], [[1, 1], [1, 1]]) == pytest.approx((0 + 1 + 4 + 9) / 4)
    np.testing.assert_allclose(loss.backward(), [[0, 0.5], [1, 1.5]])


def test_huber() -> None:
    loss = Huber(delta=2)
    # |d| = 1: 1/2. |d| = 2: 2. |d| = 5: 2 (5 - 1) = 8.
    assert loss([[1.0, -2.0, 5.0]], [[0, 0, 0]]) == pytest.approx((0.5 + 2 + 8) / 3)
    np.testing.assert_allclose(loss.backward(), [[1 / 3, -2 / 3, 2 / 3]])


def test_one_hot() -> None:
    np.testing.assert_array_equal(one_hot(np.array([2, 0]), 3), [[0, 0, 1], [1, 0, 0]])


# -- ways that must lead to the same place


@pytest.mark.parametrize("labels", ["i1", "u1", "<i4", ">i4", ">i2", ">u4", "i8", "u8"])
def test_every_integer_type_is_a_label(labels: str) -> None:
    """Of either byte order: IDX files are written the other way round."""
    logits = np.random.default_rng(0).standard_normal((5, 3))
    target = np.array([0, 1, 2, 1, 0])
    for kind, prediction in ((SoftmaxCrossEntropy, logits), (CrossEntropy, Softmax()(logits))):
        plain, other, rows = kind(), kind(), kind()
        value = plain(prediction, target)
        assert other(prediction, target.astype(labels)) == value
        assert rows(prediction, one_hot(target, 3)) == pytest.approx(value)
        np.testing.assert_array_equal(other.backward(), plain.backward())
        np.testing.assert_allclose(rows.backward(), plain.backward(), atol=1e-15)


def test_softmax_then_cross_entropy_is_the_fused_one() -> None:
    """Two ways through different code: the Jacobian of softmax times -t/p must come out as p - t."""
    logits, target = np.random.default_rng(0).standard_normal((5, 4)), np.array([0, 1, 2, 3, 3])
    fused, softmax, apart = SoftmaxCrossEntropy(), Softmax(), CrossEntropy()
    assert fused(logits, target) == pytest.approx(apart(softmax(logits), target))
    np.testing.assert_allclose(softmax.backward(apart.backward()), fused.backward(), atol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_saturated_softmax_net_stays_finite(dtype: type) -> None:
    net, loss = Sequential(MLP(3, 2, rng=0, dtype=dtype), Softmax()), CrossEntropy()
    value = loss(net(np.array([[1e4, -1e4, 1e4], [-1e4, 1e4, 0]], dtype)), np.array([0, 0]))
    net.backward(loss.backward())
    assert np.isfinite(value)
    assert np.isfinite(net.grad).all()


def test_the_target_may_be_a_list() -> None:
    assert SoftmaxCrossEntropy()([[1, 2], [3, 4]], [0, 1]) == SoftmaxCrossEntropy()(
        np.array([[1.0, 2], [3, 4]]), np.array([0, 1])
    )


# -- what does not fit


@pytest.mark.parametrize(
    ("loss", "prediction", "target", "key"),
    [
        (SoftmaxCrossEntropy(), np.zeros((2, 3)), np.array([0, 3]), "core.label_range"),
        (SoftmaxCrossEntropy(), np.zeros((2, 3)), np.array([-1, 0]), "core.label_range"),
        (CrossEntropy(), np.ones((2, 3)), np.array([0, 3], np.uint8), "core.label_range"),
        (CrossEntropy(), np.ones((2, 3)), np.array([0, -1], ">i4"), "core.label_range"),
        (SoftmaxCrossEntropy(), np.zeros((2, 3)), np.array([0.0, 1.0]), "core.loss_target"),
        (SoftmaxCrossEntropy(), np.zeros((2, 3)), np.array([0, 1, 2]), "core.loss_target"),
        (SoftmaxCrossEntropy(), np.zeros((2, 3)), np.array([[0], [1]]), "core.loss_target"),
        (SoftmaxCrossEntropy(), np.zeros((2, 3)), np.zeros((2, 4)), "core.loss_target"),
        (SoftmaxCrossEntropy(), np.zeros(3), np.array([0]), "core.loss_prediction"),
        (CrossEntropy(), np.zeros((0, 3)), np.zeros(0, int), "core.loss_prediction"),
        (SoftmaxCrossEntropy(), np.zeros((2, 2)), np.array(["a", "b"]), "core.loss_target"),
        (CrossEntropy(), np.ones((2, 2)), np.array([["a", "b"]] * 2), "core.loss_target"),
        (SoftmaxCrossEntropy(), np.zeros((2, 2)), np.ones((2, 2)), "core.target_rows"),
        (SoftmaxCrossEntropy(), np.zeros((2, 2)), np.array([[2.0, -1.0], [1, 0]]), "core.target_rows"),
        (CrossEntropy(), np.ones((2, 2)), np.full((2, 2), 0.4), "core.target_rows"),
        (CrossEntropy(), np.ones((2, 2)), np.array([[np.nan, 1], [1, 0]]), "core.target_rows"),
        (CrossEntropy(), np.array([[3.0, 0.5], [0, 1]]), np.array([0, 1]), "core.not_probabilities"),
        (CrossEntropy(), np.array([[0.9, 0.1], [0.2, -0.5]]), np.array([0, 1]), "core.not_probabilities"),
        (BinaryCrossEntropy(), np.zeros(2), np.array([0, 2]), "core.binary_target"),
        (BinaryCrossEntropy(), np.zeros(2), np.array([-1.0, 1]), "core.binary_target"),
        (BinaryCrossEntropy(), np.zeros(2), np.array([np.nan, 1]), "core.binary_target"),
        (MSE(), np.zeros((2, 1)), np.zeros(2), "core.same_shape"),
        (BinaryCrossEntropy(), np.zeros((2, 1)), np.zeros(2), "core.same_shape"),
        (Huber(), np.zeros((0, 1)), np.zeros((0, 1)), "core.same_shape"),
    ],
)
def test_what_does_not_fit_is_refused(loss: Any, prediction: Any, target: Any, key: str) -> None:
    with pytest.raises(InputError) as caught:
        loss(prediction, target)
    assert caught.value.key == key
    assert type(loss).__name__ in str(caught.value)
    assert type(loss).__name__ in caught.value.text("ko")


@pytest.mark.parametrize("loss", [MSE(), BinaryCrossEntropy(), Huber()])
def test_words_for_a_target_are_refused(loss: Any) -> None:
    with pytest.raises(InputError, match="Numbers are needed"):
        loss([0.0, 1.0], ["a", "b"])


def test_probabilities_that_a_numeric_check_has_nudged_are_still_taken() -> None:
    assert CrossEntropy()(np.array([[1 + 1e-4, -1e-4]]), [0]) == pytest.approx(-1e-4, rel=1e-3)


@pytest.mark.parametrize("value", [-1, 0, float("nan"), float("inf"), "wide", None])
def test_huber_says_what_it_needs(value: Any) -> None:
    with pytest.raises(InputError, match=r"Huber delta: got .*1e-12 or more"):
        Huber(value)


@pytest.mark.parametrize("target", [np.array([0, 1]), np.array([[1.0, 0, 0], [0, 1, 0]]), np.eye(3, dtype=bool)[:2]])
def test_a_class_that_is_ruled_out_costs_nothing(target: Any) -> None:
    """A logit of -inf masks a class, probability 0. Where it is not the label, value and gradient are numbers."""
    loss, without = SoftmaxCrossEntropy(), SoftmaxCrossEntropy()
    logits = np.array([[1.0, 2.0, -np.inf], [0.5, -1.0, -np.inf]])
    assert loss(logits, target) == pytest.approx(without(logits[:, :2], np.array([0, 1])))
    np.testing.assert_allclose(loss.backward()[:, :2], without.backward())
    np.testing.assert_array_equal(loss.backward()[:, 2], 0)


@pytest.mark.parametrize("target", [np.array([2]), np.array([[0, 0, 1.0]])])
def test_a_label_that_is_ruled_out_costs_infinitely_much(target: Any) -> None:
    loss = SoftmaxCrossEntropy()
    assert loss(np.array([[1.0, 2.0, -np.inf]]), target) == math.inf
    assert np.isfinite(loss.backward()).all()


def test_backward_before_the_loss() -> None:
    with pytest.raises(StateError, match="Call value = loss"):
        MSE().backward()


@pytest.mark.parametrize("value", [-0.1, 1.0, float("nan"), "much"])
def test_label_smoothing_is_a_share(value: Any) -> None:
    with pytest.raises(InputError):
        SoftmaxCrossEntropy(value)


@pytest.mark.parametrize("case", LOSS_CASES.values(), ids=LOSS_CASES)
def test_config_builds_the_loss_again(case: LossCase) -> None:
    loss = case.make()
    heir = type(loss)(**loss.config())
    assert heir(*case.data()) == loss(*case.data())
    assert repr(heir) == repr(loss)
