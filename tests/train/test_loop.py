"""`fit` is the loop that people write by hand; what it adds to that is held here against plain versions of it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from guest_objects import OwnLoss, OwnNet, OwnOptimizer

from handgrad.core.layers import Dropout, Linear, ReLU
from handgrad.core.losses import MSE, SoftmaxCrossEntropy, one_hot
from handgrad.core.mlp import MLP
from handgrad.core.net import Sequential
from handgrad.core.optim import SGD, Adam, clip_by_norm
from handgrad.core.schedules import cosine, one_cycle
from handgrad.data import Dataset, Split
from handgrad.errors import DivergedError, InputError
from handgrad.records import EpochRecord, StepRecord, from_json, to_json
from handgrad.train import Training, fit
from handgrad.train.loop import measure
from handgrad.train.samples import split_off

Array = np.ndarray[Any, np.dtype[Any]]


@pytest.fixture(scope="module")
def images(mnist: Dataset) -> Array:
    return mnist.train.images[:200]


@pytest.fixture(scope="module")
def labels(mnist: Dataset) -> Array:
    return mnist.train.labels[:200]


def net_of(dtype: Any = np.float32, **settings: Any) -> Sequential:
    return MLP(784, 12, 10, rng=np.random.default_rng(1), dtype=dtype, **settings)


def rows_of(images: Array, dtype: Any = np.float32) -> Array:
    return np.asarray(images.reshape(len(images), -1).astype(dtype) * np.asarray(1 / 255, dtype))


def epochs_of(records: Any) -> list[EpochRecord]:
    return [record for record in records if isinstance(record, EpochRecord)]


def steps_of(records: Any) -> list[StepRecord]:
    return [record for record in records if isinstance(record, StepRecord)]


# -- the loop by hand


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("drop_last", [False, True])
def test_fit_is_the_loop_by_hand_to_the_bit(images: Array, labels: Array, dtype: Any, drop_last: bool) -> None:
    net = net_of(dtype)
    records = list(fit(net, images, labels, SoftmaxCrossEntropy(), SGD(net.parameters(), lr=0.1), epochs=2,
                       batch_size=64, rng=5, drop_last=drop_last))  # fmt: skip

    by_hand, x, rng = net_of(dtype), rows_of(images, dtype), np.random.default_rng(5)
    criterion, optimizer = SoftmaxCrossEntropy(), SGD(by_hand.parameters(), lr=0.1)
    losses, right = [], 0
    for _ in range(2):
        order = rng.permutation(200)
        for start in range(0, 192 if drop_last else 200, 64):
            rows = order[start : start + 64]
            prediction = by_hand(x[rows])
            losses.append(criterion(prediction, labels[rows]))
            by_hand.backward(criterion.backward())
            optimizer.step()
            optimizer.zero_grad()
            right += int((prediction.argmax(axis=1) == labels[rows]).sum())
    np.testing.assert_array_equal(net.theta, by_hand.theta)
    assert [step.loss for step in steps_of(records)] == losses
    sizes = [64, 64, 64] if drop_last else [64, 64, 64, 8]
    assert [step.samples for step in steps_of(records)] == sizes * 2
    assert [step.step for step in steps_of(records)] == list(range(1, 2 * len(sizes) + 1))
    for epoch, part in zip(epochs_of(records), (losses[: len(sizes)], losses[len(sizes) :]), strict=True):
        assert epoch.loss == pytest.approx(np.average(part, weights=sizes), rel=1e-12)
        assert epoch.last_loss == part[-1]
    assert sum((epoch.accuracy or 0) * sum(sizes) for epoch in epochs_of(records)) == pytest.approx(right)


def test_nothing_happens_until_records_are_asked_for(images: Array, labels: Array) -> None:
    net = net_of()
    before = net.theta.copy()
    records = fit(net, images, labels, SoftmaxCrossEntropy(), SGD(net, lr=0.1), rng=0)
    np.testing.assert_array_equal(net.theta, before)
    first = next(records)
    assert isinstance(first, StepRecord)
    assert (first.step, first.epoch) == (1, 1)
    assert (net.theta != before).any()


def test_a_training_says_where_it_stands(images: Array, labels: Array, monkeypatch: pytest.MonkeyPatch) -> None:
    net = net_of()
    training = Training(net, images, labels, SoftmaxCrossEntropy(), SGD(net), epochs=2)
    assert repr(training) == (
        "Training(MLP, images=200, epochs=2, batch_size=64: not started; "
        "`for record in training.records(): ...` trains it)"
    )
    next(training.records())
    assert repr(training) == "Training(MLP, images=200, epochs=2, batch_size=64: step 1 of 8 is done)"
    monkeypatch.setenv("HANDGRAD_LANG", "ko")
    assert "8스텝 가운데 1스텝 완료" in repr(training)


@pytest.mark.parametrize(("rows", "size"), [(200, 64), (64, 64), (63, 63), (1, 1)])
def test_the_batch_size_where_none_is_given(images: Array, labels: Array, rows: int, size: int) -> None:
    net = net_of()
    steps = steps_of(fit(net, images[:rows], labels[:rows], SoftmaxCrossEntropy(), SGD(net)))
    assert steps[0].samples == size


def test_float_images_are_taken_as_they_are() -> None:
    x, y = np.random.default_rng(0).random((6, 784)), np.arange(6)
    one, two = net_of(np.float64), net_of(np.float64)
    list(fit(one, x, y, SoftmaxCrossEntropy(), SGD(one, lr=0.1), batch_size=3, shuffle="none"))
    optimizer, criterion = SGD(two, lr=0.1), SoftmaxCrossEntropy()
    for rows in (slice(0, 3), slice(3, 6)):
        criterion(two(x[rows]), y[rows])
        two.backward(criterion.backward())
        optimizer.step()
    np.testing.assert_array_equal(one.theta, two.theta)


# -- orders


class NotedOrders:
    """A loss that notes which rows came: each row's label is its own number."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []

    def __call__(self, prediction: Array, target: Array) -> float:
        self.batches.append(target.tolist())
        self.dy = np.full_like(prediction, 1e-3)
        return 0.0

    def backward(self) -> Array:
        return self.dy


def orders(shuffle: str, epochs: int, **settings: Any) -> list[list[int]]:
    criterion, net = NotedOrders(), Sequential(Linear(1, 1, rng=0))
    x = np.arange(10.0)[:, None]
    list(fit(net, x, np.arange(10), criterion, SGD(net), epochs=epochs, batch_size=4, shuffle=shuffle, **settings))
    per_epoch = len(criterion.batches) // epochs
    parts = [criterion.batches[i : i + per_epoch] for i in range(0, len(criterion.batches), per_epoch)]
    return [[row for batch in part for row in batch] for part in parts]


def test_fresh_orders() -> None:
    rng = np.random.RandomState(3)
    assert orders("fresh", 3, rng=np.random.RandomState(3)) == [rng.permutation(10).tolist() for _ in range(3)]


def test_composed_orders() -> None:
    rng, arrays, expected = np.random.RandomState(3), np.arange(10), []
    for _ in range(3):
        arrays = arrays[rng.permutation(10)]  # as code does that shuffles its arrays themselves
        expected.append(arrays.tolist())
    assert orders("compose", 3, rng=np.random.RandomState(3)) == expected


def test_no_shuffle_and_a_dropped_last_batch() -> None:
    assert orders("none", 2) == [list(range(10))] * 2
    assert orders("none", 2, drop_last=True) == [list(range(8))] * 2


# -- schedules


@pytest.mark.parametrize("make", [one_cycle, cosine])
def test_a_schedule_sets_the_rate_of_each_step(images: Array, labels: Array, make: Any) -> None:
    net, steps = net_of(), 2 * 4
    optimizer = SGD(net, lr=0.3)
    seen = []
    for record in fit(net, images, labels, SoftmaxCrossEntropy(), optimizer, epochs=2, schedule=make(steps), rng=0):
        if isinstance(record, StepRecord):
            seen.append(record.lr)
            assert optimizer.lr == record.lr
        else:
            assert record.lr == seen[-1]
    assert seen == [0.3 * make(steps)(step) for step in range(steps)]
    assert optimizer.lr == 0.3  # the next training starts from the optimizer's own rate


def test_a_training_with_a_schedule_is_that_by_hand(images: Array, labels: Array) -> None:
    net, by_hand = net_of(), net_of()
    list(fit(net, images, labels, SoftmaxCrossEntropy(), SGD(net, lr=0.3), schedule=one_cycle(4), shuffle="none"))
    criterion, optimizer = SoftmaxCrossEntropy(), SGD(by_hand)
    for i in range(4):
        optimizer.lr = 0.3 * one_cycle(4)(i)
        rows = slice(64 * i, 64 * i + 64)
        criterion(by_hand(rows_of(images[rows])), labels[rows])
        by_hand.backward(criterion.backward())
        optimizer.step()
    np.testing.assert_array_equal(net.theta, by_hand.theta)


def test_a_rate_that_the_caller_changes_on_the_way_counts(images: Array, labels: Array) -> None:
    net = net_of()
    optimizer = SGD(net, lr=0.3)
    rates = []
    for record in fit(net, images, labels, SoftmaxCrossEntropy(), optimizer, epochs=2, rng=0):
        rates.append(record.lr)
        optimizer.lr *= 0.5
    assert rates == [0.3 * 0.5**i for i in (0, 1, 2, 3, 3, 5, 6, 7, 8, 8)]  # an epoch tells the rate of its last step


# -- accumulation and clipping


@pytest.mark.parametrize(("dtype", "close"), [(np.float32, 1e-6), (np.float64, 1e-12)])
@pytest.mark.parametrize("parts", [2, 3, 8])
def test_parts_give_the_gradient_of_the_whole_batch(
    images: Array, labels: Array, dtype: Any, close: float, parts: int
) -> None:
    whole, pieces = net_of(dtype), net_of(dtype)
    results = []
    for net, accumulate in ((whole, 1), (pieces, parts)):
        training = Training(net, images, labels, SoftmaxCrossEntropy(), SGD(net, lr=0.5), batch_size=64, rng=0,
                            accumulate=accumulate)  # fmt: skip
        results.append(steps_of(training.records()))
    np.testing.assert_allclose(pieces.grad, whole.grad, rtol=0, atol=close * np.abs(whole.grad).max())
    np.testing.assert_allclose(pieces.theta, whole.theta, rtol=0, atol=close * np.abs(whole.theta).max())
    for one, two in zip(*results, strict=True):
        assert two.loss == pytest.approx(one.loss, rel=close)
        assert (two.accuracy, two.samples) == (one.accuracy, one.samples)


def test_clipping_bounds_the_step(images: Array, labels: Array) -> None:
    net, by_hand = net_of(np.float64), net_of(np.float64)
    list(fit(net, images, labels, SoftmaxCrossEntropy(), SGD(net, lr=1), batch_size=200, shuffle="none",
             clip_norm=0.01))  # fmt: skip
    criterion = SoftmaxCrossEntropy()
    criterion(by_hand(rows_of(images, np.float64)), labels)
    by_hand.backward(criterion.backward())
    norm = math.sqrt(float((by_hand.grad**2).sum()))
    assert norm > 0.01
    np.testing.assert_allclose(net.theta, by_hand.theta - by_hand.grad * (0.01 / norm), rtol=1e-12)
    assert clip_by_norm(net, 1) == pytest.approx(0.01)


# -- validation and early stopping


def test_validation_is_seen_after_each_epoch_and_leaves_the_training_alone(images: Array, labels: Array) -> None:
    plain, watched = net_of(dropout=0.2), net_of(dropout=0.2)
    held = (images[150:], labels[150:])
    list(fit(plain, images[:150], labels[:150], SoftmaxCrossEntropy(), SGD(plain, lr=0.1), epochs=2, rng=0))
    seen = []
    for record in fit(watched, images[:150], labels[:150], SoftmaxCrossEntropy(), SGD(watched, lr=0.1), epochs=2,
                      rng=0, validation=held):  # fmt: skip
        if isinstance(record, EpochRecord):
            watched.eval()
            prediction = watched(rows_of(held[0]))
            watched.train()
            assert record.val_loss == pytest.approx(SoftmaxCrossEntropy()(prediction, held[1]), rel=1e-6)
            assert record.val_accuracy == float((prediction.argmax(axis=1) == held[1]).mean())
            seen.append(record.val_loss)
    assert len(seen) == 2
    np.testing.assert_array_equal(plain.theta, watched.theta)


def test_measure_weights_its_parts_and_restores_the_mode(mnist: Dataset) -> None:
    net = net_of(np.float64, batch_norm=True)
    images, labels = mnist.test.images[:1234], mnist.test.labels[:1234]  # a thousand rows, and a rest
    loss, accuracy = measure(net, images, labels, SoftmaxCrossEntropy())
    assert net.training
    net.eval()
    prediction = net(rows_of(images, np.float64))
    assert loss == pytest.approx(SoftmaxCrossEntropy()(prediction, labels), rel=1e-12)
    assert accuracy == float((prediction.argmax(axis=1) == labels).mean())


class Scripted:
    """A loss that gives prescribed values in evaluation, so that the best epoch is known beforehand."""

    def __init__(self, net: Sequential, values: list[float]) -> None:
        self.net, self.values, self.real = net, iter(values), SoftmaxCrossEntropy()

    def __call__(self, prediction: Array, target: Array) -> float:
        return self.real(prediction, target) if self.net.training else next(self.values)

    def backward(self) -> Array:
        return self.real.backward()


def test_early_stopping_goes_back_to_the_best_weights_and_statistics(images: Array, labels: Array) -> None:
    net = net_of(batch_norm=True)
    optimizer = SGD(net, lr=0.1, momentum=0.9)
    criterion = Scripted(net, [3.0, 1.0, 1.0, 2.0, 0.5])
    training = Training(net, images, labels, criterion, optimizer, epochs=9, rng=0, patience=2, batch_size=50,
                        validation=(images[:20], labels[:20]))  # fmt: skip
    states, epochs = [], []
    for record in training.records():
        if isinstance(record, EpochRecord):
            epochs.append(record)
            states.append({name: array.copy() for name, array in net.state().items()})
    assert [record.val_loss for record in epochs] == [3.0, 1.0, 1.0, 2.0]  # equal is not better
    assert training.stopped
    assert training.best_epoch == 2
    assert any("running" in name for name in states[1])
    for name, array in net.state().items():
        np.testing.assert_array_equal(array, states[1][name], err_msg=name)
        assert (array != states[2][name]).any(), name


def test_no_stop_while_it_gets_better(images: Array, labels: Array) -> None:
    net = net_of()
    criterion = Scripted(net, [4.0, 5.0, 3.0, 4.0, 2.0])
    training = Training(net, images, labels, criterion, SGD(net), epochs=5, rng=0, patience=2,
                        validation=(images, labels))  # fmt: skip
    assert len(epochs_of(training.records())) == 5
    assert not training.stopped


def test_the_best_weights_come_back_also_where_the_epochs_end_first(images: Array, labels: Array) -> None:
    net = net_of()
    criterion = Scripted(net, [3.0, 1.0, 2.0, 2.0])
    training = Training(net, images, labels, criterion, SGD(net, lr=0.1), epochs=4, rng=0, patience=9,
                        validation=(images, labels))  # fmt: skip
    states = [net.theta.copy() for record in training.records() if isinstance(record, EpochRecord)]
    assert not training.stopped
    np.testing.assert_array_equal(net.theta, states[1])
    assert (states[1] != states[2]).any()
    np.testing.assert_array_equal(states[3], states[1])  # the last record is seen when that is done


def test_without_patience_the_last_weights_stay(images: Array, labels: Array) -> None:
    one, two = net_of(), net_of()
    list(fit(one, images, labels, Scripted(one, [1.0, 2.0]), SGD(one, lr=0.1), epochs=2, rng=0,
             validation=(images, labels)))  # fmt: skip
    list(fit(two, images, labels, SoftmaxCrossEntropy(), SGD(two, lr=0.1), epochs=2, rng=0))
    np.testing.assert_array_equal(one.theta, two.theta)


@pytest.mark.parametrize("share", [0.25, 50, np.float32(0.25), np.int64(50)])
def test_a_share_of_the_samples_is_set_apart(images: Array, labels: Array, share: Any) -> None:
    one, two = net_of(), net_of()
    training = Training(one, images, labels, SoftmaxCrossEntropy(), SGD(one, lr=0.1), epochs=2, rng=7, validation=share)
    kept, apart = split_off(Split(images, labels), 0.25, 7)  # as a recipe of that seed sets them apart
    assert apart is not None
    assert len(training.images) == 150
    by_hand = fit(two, kept.images, kept.labels, SoftmaxCrossEntropy(), SGD(two, lr=0.1), epochs=2, rng=7,
                  validation=(apart.images, apart.labels))  # fmt: skip
    assert list(timeless(training.records())) == list(timeless(by_hand))
    np.testing.assert_array_equal(one.theta, two.theta)


def test_a_split_is_a_pair(mnist: Dataset, images: Array, labels: Array) -> None:
    net = net_of()
    held = Split(mnist.test.images[:20], mnist.test.labels[:20])
    records = list(fit(net, images, labels, SoftmaxCrossEntropy(), SGD(net), validation=held))
    assert isinstance(records[-1], EpochRecord)
    assert records[-1].val_loss is not None


# -- divergence


class Breaking:
    """A loss that is not finite from a step on."""

    def __init__(self, at: int, value: float) -> None:
        self.at, self.value, self.calls, self.real = at, value, 0, SoftmaxCrossEntropy()

    def __call__(self, prediction: Array, target: Array) -> float:
        self.calls += 1
        value = self.real(prediction, target)
        return self.value if self.calls >= self.at else value

    def backward(self) -> Array:
        return self.real.backward()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_loss_that_is_not_finite_stops_with_step_layer_and_gradient(
    images: Array, labels: Array, value: float, accumulate: int
) -> None:
    net = net_of()
    training = Training(net, images, labels, Breaking(3 * accumulate - accumulate + 1, value), SGD(net, lr=0.1), rng=0,
                        accumulate=accumulate)  # fmt: skip
    records = training.records()
    next(records), next(records)
    theta, grad = net.theta.copy(), {name: dw.copy() for name, (_, dw) in net.named_parameters()}
    with pytest.raises(DivergedError) as caught:
        next(records)
    largest = max(grad, key=lambda name: np.abs(grad[name]).max())
    assert caught.value.values == {
        "step": 3, "layer": largest, "gradient": f"{np.abs(grad[largest]).max():.3g}",
    }  # fmt: skip
    np.testing.assert_array_equal(net.theta, theta)  # the step that showed it changes nothing
    assert caught.value.exit_status == 1
    assert "step 3" in str(caught.value)
    assert "--" not in str(caught.value)  # options and files are the command line's
    assert largest in str(caught.value)


def floats_of(images: Array) -> Array:
    return np.asarray(images.reshape(len(images), -1) / 255)


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("accumulate", [1, 4])
def test_an_image_that_is_not_finite_is_named_and_not_the_rate(
    images: Array, labels: Array, value: float, accumulate: int
) -> None:
    net, x = net_of(), floats_of(images)
    x[137, 300] = value
    place = np.random.default_rng(3).permutation(200).tolist().index(137)
    records = fit(net, x, labels, SoftmaxCrossEntropy(), SGD(net, lr=0.1), batch_size=32, rng=3, accumulate=accumulate)
    for _ in range(place // 32):
        next(records)
    with pytest.raises(InputError) as caught:
        next(records)
    assert caught.value.values == {
        "step": place // 32 + 1,
        "where": "images[137]",
        "value": pytest.approx(value, nan_ok=True),
    }
    assert f"images[137] holds {value}" in str(caught.value)


@pytest.mark.parametrize("row", [0, 77, 199])
def test_a_row_is_named_as_the_caller_counts_it_where_some_are_set_apart(
    images: Array, labels: Array, row: int
) -> None:
    net, x = net_of(), floats_of(images)
    x[row, 5] = math.nan
    with pytest.raises(InputError) as caught:
        list(fit(net, x, labels, SoftmaxCrossEntropy(), SGD(net), rng=0, validation=0.5))
    assert caught.value.values["where"] == f"images[{row}]"


def test_other_numbers_that_are_not_finite_are_named(images: Array, labels: Array) -> None:
    net, held = net_of(), floats_of(images[:10])
    held[4, 0] = math.nan
    with pytest.raises(InputError, match=r"In step 4 .* validation\[0\]\[4\] holds nan"):
        list(fit(net, images, labels, SoftmaxCrossEntropy(), SGD(net), validation=(held, labels[:10])))
    targets = np.zeros((200, 10))
    targets[9, 9] = math.inf
    net = net_of()
    with pytest.raises(InputError, match=r"labels\[9\] holds inf"):
        list(fit(net, images, targets, MSE(), SGD(net), rng=0))


def test_a_first_loss_that_is_not_finite_blames_neither_rate_nor_gradient(images: Array, labels: Array) -> None:
    net = net_of()
    with pytest.raises(DivergedError) as caught:
        list(fit(net, images, labels, Breaking(1, math.nan), SGD(net), rng=0))
    assert caught.value.key == "train.never_finite"
    assert "rate" not in str(caught.value)


def test_a_net_that_blows_up_says_so_without_warnings(images: Array, labels: Array) -> None:
    net = MLP(784, 12, 12, 12, 10, rng=np.random.default_rng(1))
    with pytest.raises(DivergedError, match="diverged in step"):
        list(fit(net, images, labels, LabelMSE(), SGD(net, lr=1e6), epochs=20, rng=0))


class LabelMSE:
    """Squared error against one-hot labels, which grows without bound."""

    def __init__(self) -> None:
        self.real = MSE()

    def __call__(self, prediction: Array, target: Array) -> float:
        return self.real(prediction, one_hot(target, 10, prediction.dtype))

    def backward(self) -> Array:
        return self.real.backward()


def test_weights_that_are_not_finite_at_the_end_of_an_epoch_stop_it(images: Array, labels: Array) -> None:
    net = net_of()
    records = fit(net, images, labels, SoftmaxCrossEntropy(), SpoilingSGD(net, lr=0.1), rng=0, batch_size=100)
    assert isinstance(next(records), StepRecord)
    with pytest.raises(DivergedError) as caught:
        next(records)
    assert caught.value.values["step"] == 2


class SpoilingSGD(SGD):
    def step(self) -> None:
        super().step()
        if self.steps == 2:
            weight, _ = self.pairs[0]
            weight[0, 0] = np.nan


def test_a_validation_loss_that_is_not_finite_stops_it(images: Array, labels: Array) -> None:
    net = net_of()
    criterion = Scripted(net, [math.nan])
    with pytest.raises(DivergedError) as caught:
        list(fit(net, images, labels, criterion, SGD(net), epochs=3, rng=0, patience=1, validation=(images, labels)))
    assert caught.value.values["step"] == 4


def test_the_callers_own_error_settings_hold_between_steps(images: Array, labels: Array) -> None:
    net = net_of()
    for _ in fit(net, images, labels, SoftmaxCrossEntropy(), SGD(net), rng=0):
        assert np.geterr()["over"] == "raise"  # as tests/conftest.py sets it
        with pytest.raises(FloatingPointError):
            np.float32(1e38) * np.float32(10)


# -- other people's objects


@pytest.mark.parametrize("callable_net", [True, False])
@pytest.mark.parametrize("accumulate", [1, 3])
def test_nets_losses_and_optimizers_of_ones_own(
    images: Array, labels: Array, callable_net: bool, accumulate: int
) -> None:
    own = OwnNet(784, 12, 10, callable_net=callable_net)
    ours = Sequential(Linear(784, 12, dtype=np.float64), ReLU(), Linear(12, 10, dtype=np.float64))
    for (value, _), (theirs, _) in zip(ours.parameters(), own.parameters(), strict=True):
        value[...] = theirs
    optimizer = OwnOptimizer(own, 0.1)
    held = (images[:50], labels[:50])
    mine = list(fit(own, images, labels, OwnLoss(), optimizer, epochs=2, rng=0, accumulate=accumulate,
                    validation=held))  # fmt: skip
    theirs = list(fit(ours, images, labels, SoftmaxCrossEntropy(), SGD(ours, lr=0.1), epochs=2, rng=0,
                      validation=held))  # fmt: skip
    for (value, _), (other, _) in zip(ours.parameters(), own.parameters(), strict=True):
        np.testing.assert_allclose(other, value, rtol=0, atol=1e-12)
    for a, b in zip(mine, theirs, strict=True):
        assert a.loss == pytest.approx(b.loss, rel=1e-12)
        assert a.accuracy == b.accuracy
        assert from_json(to_json(a)) == a  # a NumPy number from one's own loss is no obstacle


def test_early_stopping_with_a_net_of_ones_own(images: Array, labels: Array) -> None:
    own = OwnNet(784, 12, 10)
    training = Training(own, images, labels, OwnLoss(), OwnOptimizer(own, 0.1), epochs=3, rng=0, patience=1,
                        validation=(images, labels))  # fmt: skip
    training.best_loss = -1.0  # nothing will be better
    training.best = {str(i): value.copy() for i, (value, _) in enumerate(own.parameters())}
    before = [value.copy() for value, _ in own.parameters()]
    assert len(epochs_of(training.records())) == 1
    for (value, _), old in zip(own.parameters(), before, strict=True):
        np.testing.assert_array_equal(value, old)


def test_an_optimizer_of_ones_own_without_state_trains_but_keeps_no_checkpoint(images: Array, labels: Array) -> None:
    net = net_of()
    training = Training(net, images, labels, SoftmaxCrossEntropy(), OwnOptimizer(net, 0.1), rng=0)
    assert len(list(training.records())) == 5
    with pytest.raises(InputError, match=r"OwnOptimizer has no state\(\)"):
        training.state()


def test_a_schedule_needs_a_rate_to_change(images: Array, labels: Array) -> None:
    net = net_of()
    with pytest.raises(InputError, match="OwnOptimizer has no attribute lr"):
        Training(net, images, labels, SoftmaxCrossEntropy(), OwnOptimizer(net, 0.1), schedule=one_cycle(4))


# -- targets


def test_one_hot_labels_train_as_whole_numbers_do(images: Array, labels: Array) -> None:
    one, two = net_of(np.float64), net_of(np.float64)
    a = list(fit(one, images, labels, SoftmaxCrossEntropy(), SGD(one, lr=0.1), rng=0, epochs=2))
    hot = one_hot(labels, 10)
    b = list(fit(two, images, hot, SoftmaxCrossEntropy(), SGD(two, lr=0.1), rng=0, epochs=2))
    np.testing.assert_allclose(one.theta, two.theta, rtol=0, atol=1e-13)
    assert [r.accuracy for r in a] == [r.accuracy for r in b]


@pytest.mark.parametrize("columns", [1, 3])
def test_regression_has_no_accuracy_and_learns(columns: int) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((120, 5))
    t = x @ rng.standard_normal((5, columns))
    net = Sequential(Linear(5, columns, rng=0, dtype=np.float64))
    records = list(fit(net, x, t, MSE(), Adam(net, lr=0.1), epochs=30, batch_size=40, rng=0, validation=(x, t)))
    epochs = epochs_of(records)
    assert all(record.accuracy is None for record in records)
    assert all(record.val_accuracy is None for record in epochs)
    assert epochs[-1].val_loss is not None
    assert epochs[-1].val_loss < 0.01 * epochs[0].loss
    assert [from_json(to_json(record)) for record in records] == records


def test_records_survive_json(images: Array, labels: Array) -> None:
    net = net_of()
    records = list(fit(net, images, labels, SoftmaxCrossEntropy(), SGD(net, lr=0.1), rng=0,
                       validation=(images, labels)))  # fmt: skip
    lines = [to_json(record) for record in records]
    assert [from_json(line) for line in lines] == records
    assert [json.loads(line)["kind"] for line in lines] == ["step"] * 4 + ["epoch"]
    assert all("\n" not in line for line in lines)
    seconds = records[-1]
    assert isinstance(seconds, EpochRecord)
    assert 0 < seconds.seconds < 60


# -- stopping and going on, in memory (with files: test_run.py)


def noisy_training(images: Array, labels: Array) -> Training:
    """Everything that has a memory: dropout, batch normalisation, Adam, a schedule, composed orders, patience."""
    rng = np.random.default_rng(3)
    net = MLP(784, 12, 10, batch_norm=True, dropout=0.3, rng=rng)
    return Training(net, images[:150], labels[:150], SoftmaxCrossEntropy(), Adam(net, lr=0.01), epochs=3,
                    batch_size=40, schedule=one_cycle(12), rng=rng, shuffle="compose", patience=2,
                    validation=(images[150:], labels[150:]))  # fmt: skip


def timeless(records: Any) -> Iterator[dict[str, Any]]:
    for record in records:
        yield {key: value for key, value in json.loads(to_json(record)).items() if key != "seconds"}


@pytest.mark.parametrize("stop", range(1, 15))
def test_a_training_goes_on_from_any_record(images: Array, labels: Array, stop: int) -> None:
    unbroken = noisy_training(images, labels)
    expected = list(unbroken.records())
    assert len(expected) == 15
    first = noisy_training(images, labels)
    records = first.records()
    seen = [next(records) for _ in range(stop)]
    arrays, values = first.state()
    for _ in records:  # what happens later does not change what `state` gave
        pass
    second = noisy_training(images, labels)
    second.load_state(arrays, json.loads(json.dumps(values)))
    seen += list(second.records())
    for name, array in second.net.state().items():
        np.testing.assert_array_equal(array, unbroken.net.state()[name], err_msg=name)
    assert list(timeless(seen)) == list(timeless(expected))


def test_dropout_inside_a_layer_of_layers_goes_on_too(images: Array, labels: Array) -> None:
    class Block(Linear):
        def __init__(self) -> None:
            super().__init__(784, 10, rng=0)
            self.drop = Dropout(0.5, rng=9)

        def forward(self, x: Array) -> Array:
            return super().forward(self.drop.forward(x))

        def backward(self, dy: Array, *, input_gradient: bool = True) -> Any:
            dx = super().backward(dy)
            assert dx is not None
            return self.drop.backward(dx)

    def training() -> Training:
        net = Sequential(Block())
        return Training(net, images, labels, SoftmaxCrossEntropy(), SGD(net, lr=0.1), rng=0, epochs=2)

    unbroken, first, second = training(), training(), training()
    list(unbroken.records())
    records = first.records()
    next(records), next(records)
    second.load_state(*first.state())
    list(second.records())
    np.testing.assert_array_equal(second.net.theta, unbroken.net.theta)


def test_a_state_of_another_training_is_refused(images: Array, labels: Array) -> None:
    def training(net: Sequential, optimizer: Any, rows: int = 200) -> Training:
        return Training(net, images[:rows], labels[:rows], SoftmaxCrossEntropy(), optimizer, rng=0)

    net = net_of()
    state = training(net, SGD(net, lr=0.1)).state()
    other = MLP(784, 13, 10, rng=0)
    with pytest.raises(InputError, match=r"belong to another net: .fc1\.bias."):
        training(other, SGD(other, lr=0.1)).load_state(*state)
    with pytest.raises(InputError, match="not one of Adam"):
        training(net, Adam(net)).load_state(*state)
    with pytest.raises(InputError, match="it orders 200 rows, and here there are 199"):
        training(net, SGD(net), 199).load_state(*state)
    dropping = net_of(dropout=0.5)
    with pytest.raises(InputError, match="another training"):
        training(dropping, SGD(dropping)).load_state(*state)


# -- settings that will not do


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"batch_size": 0}, "batch size: got 0; it must be a whole number from 1 to 200"),
        ({"batch_size": 201}, "batch size: got 201"),
        ({"batch_size": 2.0}, "batch size: got 2.0"),
        ({"batch_size": True}, "batch size: got True"),
        ({"epochs": 0}, "epochs: got 0"),
        ({"epochs": -1}, "epochs: got -1"),
        ({"shuffle": "always"}, "shuffle: 'always' is not known"),
        ({"accumulate": 0}, "accumulate: got 0"),
        ({"accumulate": 65}, "accumulate: got 65"),
        ({"clip_norm": 0}, "clip_norm: got 0"),
        ({"clip_norm": math.nan}, "clip_norm: got nan"),
        ({"patience": 2}, "needs a validation split"),
        ({"patience": 0}, "patience: got 0"),
        ({"labels": np.zeros(199, int)}, "There are 200 images and 199 labels"),
        ({"images": np.zeros((0, 784))}, "The data set is empty"),
        ({"validation": (np.zeros((0, 784)), np.zeros(0, int))}, "The data set is empty"),
        ({"validation": (np.zeros((3, 784)), np.zeros(2, int))}, "There are 3 images and 2 labels"),
        ({"validation": 200}, "validation: got 200.0"),
        ({"validation": math.nan}, "validation: got nan"),
        ({"validation": 0, "patience": 2}, "needs a validation split"),
        ({"validation": True}, "validation: got bool; it must be a share such as 0.1"),
        ({"validation": np.zeros((2, 784))}, "validation: got ndarray"),
        ({"validation": (np.zeros((3, 784)),)}, "validation: got tuple"),
        ({"validation": (np.zeros(9, int), np.zeros((9, 28, 28)))}, "shape () each, and those to train on (28, 28)"),
        ({"images": [[1.0, 2.0], [3.0]]}, "Numbers are needed here, and list does not give them"),
        ({"labels": ["three"] * 200}, "Numbers are needed here, and list"),
        ({"images": None}, "Numbers are needed here, and NoneType"),
    ],
)  # fmt: skip
def test_settings_that_do_not_fit(images: Array, labels: Array, settings: dict[str, Any], told: str) -> None:
    net = net_of()
    arguments = {"images": images, "labels": labels} | settings
    with pytest.raises(InputError) as caught:  # at the call: no record has been asked for
        fit(net, criterion=SoftmaxCrossEntropy(), optimizer=SGD(net), **arguments)
    assert told in str(caught.value)
