"""Evaluation, against an example of six images that is worked by hand."""

from __future__ import annotations

import json
from typing import Any, Self
from xml.etree import ElementTree

import numpy as np
import pytest
from guest_objects import ModelessNet, OwnNet

from handgrad.core.arrays import Array
from handgrad.core.layers import BatchNorm, Dropout, Linear, Sigmoid
from handgrad.core.losses import MSE, SoftmaxCrossEntropy
from handgrad.core.mlp import MLP
from handgrad.core.net import Sequential
from handgrad.errors import DivergedError, InputError
from handgrad.train.evaluation import Mistake, evaluate, probabilities

LABELS = np.array([0, 0, 1, 1, 2, 2], np.uint8)
ROWS = np.array(
    [
        [0.82, 0.08, 0.10],  # 0, right
        [0.29, 0.61, 0.10],  # 1, wrong
        [0.05, 0.95, 0.00],  # 1, right
        [0.18, 0.72, 0.10],  # 1, right
        [0.50, 0.20, 0.30],  # 0, wrong
        [0.95, 0.01, 0.04],  # 0, wrong, and sure of it
    ]
)


class Echo:
    """A net that gives back what it gets, so that a test can say what the net says."""

    dtype = np.dtype(np.float64)

    def __call__(self, x: Array) -> Array:
        return x


def test_six_images_by_hand() -> None:
    seen = evaluate(Echo(), ROWS, LABELS)
    assert seen.n == 6
    assert seen.accuracy == 0.5
    assert seen.confusion.tolist() == [[1, 1, 0], [0, 2, 0], [2, 0, 0]]
    assert seen.support.tolist() == [2, 2, 2]
    np.testing.assert_allclose(seen.precision, [1 / 3, 2 / 3, 0])  # class 2 was never called: 0/0 is 0
    np.testing.assert_allclose(seen.recall, [1 / 2, 1, 0])
    np.testing.assert_allclose(seen.f1, [2 / 5, 4 / 5, 0])
    assert seen.loss == pytest.approx(-np.log(0.82 * 0.29 * 0.95 * 0.72 * 0.30 * 0.04) / 6)


def test_calibration_error_by_hand() -> None:
    # The two of 0.95 share the bin (14/15, 1]: one right, so accuracy 0.5, confidence 0.95, a gap of 0.45 for two.
    # Each other image is alone in its bin: right with 0.82 and 0.72, wrong with 0.61 and 0.50.
    expected = (2 * 0.45 + 0.18 + 0.28 + 0.61 + 0.50) / 6
    assert evaluate(Echo(), ROWS, LABELS).calibration_error == pytest.approx(expected)


def test_calibration_bins_close_on_the_right() -> None:
    # 0.6 is the right edge of (8/15, 9/15]; 0.61 lies in the next bin. Apart their gaps add up: 0.4 + 0.61.
    rows = np.array([[0.6, 0.4], [0.61, 0.39]])
    assert evaluate(Echo(), rows, np.array([0, 1])).calibration_error == pytest.approx((0.4 + 0.61) / 2)
    # 0.59 and 0.6 share a bin, and there they cancel: |0.4 - 0.59|.
    rows = np.array([[0.6, 0.4], [0.59, 0.41]])
    assert evaluate(Echo(), rows, np.array([0, 1])).calibration_error == pytest.approx(0.19 / 2)


def test_a_net_that_is_as_sure_as_it_is_right_has_no_calibration_error() -> None:
    rows = np.tile([0.75, 0.25], (4, 1))
    assert evaluate(Echo(), rows, np.array([0, 0, 0, 1])).calibration_error == pytest.approx(0)


def test_mistakes_come_surest_first() -> None:
    expected = (Mistake(5, 2, 0, 0.95), Mistake(1, 0, 1, 0.61), Mistake(4, 2, 0, 0.50))
    assert evaluate(Echo(), ROWS, LABELS).mistakes == expected
    assert evaluate(Echo(), ROWS, LABELS, worst=1).mistakes == expected[:1]
    assert evaluate(Echo(), ROWS[:1], LABELS[:1]).mistakes == ()


def test_counts_are_the_same_in_any_batch_size() -> None:
    rng = np.random.default_rng(0)
    net = MLP(12, 5, 3, rng=rng)
    images = rng.integers(0, 256, (50, 3, 4), dtype=np.uint8)
    labels = rng.integers(0, 3, 50)
    whole = evaluate(net, images, labels, SoftmaxCrossEntropy())
    parts = evaluate(net, images, labels, SoftmaxCrossEntropy(), batch_size=7)
    assert whole.confusion.tolist() == parts.confusion.tolist()
    assert whole.loss == pytest.approx(parts.loss, rel=1e-6)


def test_labels_of_one_byte_do_not_overflow() -> None:
    rows = np.eye(47)
    assert evaluate(Echo(), rows, np.arange(47, dtype=np.uint8)).confusion.tolist() == np.eye(47, dtype=int).tolist()


def test_probabilities_are_softmax_of_logits() -> None:
    p = probabilities(Echo(), np.array([[0.0, np.log(3.0)], [1000.0, 1000.0]]))
    np.testing.assert_allclose(p, [[0.25, 0.75], [0.5, 0.5]])


def test_bytes_are_divided_by_255_and_floats_are_not() -> None:
    images = np.array([[[255, 51]], [[0, 102]]], np.uint8)  # (2, 1, 2)
    rows = np.array([[1.0, 0.2], [0.0, 0.4]])
    expected = np.exp(rows) / np.exp(rows).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(probabilities(Echo(), images), expected)
    np.testing.assert_allclose(probabilities(Echo(), rows), expected)


@pytest.mark.parametrize("output", ["softmax", "sigmoid"])
def test_a_net_that_ends_in_probabilities_keeps_them(output: str) -> None:
    net = MLP(4, 3, output=output, rng=0, dtype=np.float64)
    x = np.random.default_rng(1).random((5, 4))
    np.testing.assert_allclose(probabilities(net, x), net.eval()(x))


def test_loss_is_that_of_the_criterion() -> None:
    logits = np.array([[2.0, 0.0], [0.0, 1.0]])
    labels = np.array([0, 0])
    expected = (np.log(1 + np.exp(-2)) + np.log(1 + np.e)) / 2
    assert evaluate(Echo(), logits, labels, SoftmaxCrossEntropy()).loss == pytest.approx(expected)
    assert evaluate(Echo(), logits, labels).loss == pytest.approx(expected)
    # Against one-hot rows (1, 0): squared errors 1, 0, 1, 1.
    assert evaluate(Echo(), logits, labels, MSE()).loss == pytest.approx(3 / 4)


def test_the_criterion_keeps_the_gradient_of_its_own_last_value() -> None:
    criterion = SoftmaxCrossEntropy()
    criterion(np.array([[1.0, 2.0]]), np.array([0]))
    before = criterion.backward().copy()
    evaluate(Echo(), ROWS, LABELS, criterion)
    assert criterion.backward().tolist() == before.tolist()


def test_mode_is_restored_layer_by_layer() -> None:
    frozen, dropout = Dropout(0.5, rng=0), Dropout(0.5, rng=0)
    net = Sequential(Linear(3, 3, rng=0), frozen, dropout)
    frozen.eval()
    first = probabilities(net, ROWS)
    assert (net.training, frozen.training, dropout.training) == (True, False, True)
    assert probabilities(net, ROWS).tolist() == first.tolist()  # nothing random: it was evaluation mode
    net.eval()
    probabilities(net, ROWS)
    assert not net.training


def test_layers_inside_a_net_without_modes_are_switched_and_restored() -> None:
    frozen, dropout, norm = Dropout(0.5, rng=0), Dropout(0.5, rng=0), BatchNorm(3)
    net = ModelessNet(Linear(3, 3, rng=0), norm, frozen, dropout, out=Linear(3, 3, rng=1))
    frozen.eval()
    mean = norm.running_mean.copy()
    first = probabilities(net, ROWS)
    assert (frozen.training, dropout.training, norm.training) == (False, True, True)
    assert probabilities(net, ROWS[:1]).tolist() == first[:1].tolist()  # no drops, and no batch of its own
    np.testing.assert_array_equal(norm.running_mean, mean)


def test_a_layer_that_freezes_itself_stays_as_it_wants() -> None:
    class Frozen(Sequential):
        def train(self, mode: bool = True) -> Self:
            super().train(mode)
            self["dropout1"].eval()
            return self

    net = Frozen(Linear(3, 3, rng=0), Dropout(0.5, rng=0)).train()
    evaluate(net, ROWS, LABELS)
    assert (net.training, net["dropout1"].training) == (True, False)


def test_what_a_net_writes_into_its_input_does_not_reach_the_images() -> None:
    class Centring(Echo):
        def __call__(self, x: Array) -> Array:
            x -= x.mean()
            return x

    before = ROWS.copy()
    evaluate(Centring(), ROWS, LABELS)
    np.testing.assert_array_equal(ROWS, before)


def test_lists_will_do() -> None:
    one, two = evaluate(Echo(), ROWS.tolist(), LABELS.tolist()), evaluate(Echo(), ROWS, LABELS)
    assert one.to_json() == two.to_json()
    np.testing.assert_array_equal(probabilities(Echo(), [[51, 0]]), probabilities(Echo(), np.array([[0.2, 0.0]])))


@pytest.mark.parametrize(
    ("net", "images", "criterion", "told"),
    [
        (Echo, ROWS, None, "net: Echo is a class"),
        (None, ROWS, None, "net: got None"),
        (Echo(), [[1.0], [1.0, 2.0]], None, "Numbers are needed here, and list"),
        (Echo(), None, None, "Numbers are needed here, and NoneType"),
        (Echo(), ROWS, SoftmaxCrossEntropy, "criterion: SoftmaxCrossEntropy is a class"),
        (Echo(), ROWS, "mse", "criterion: got 'mse'"),
    ],
)
def test_what_stands_where_it_cannot(net: Any, images: Any, criterion: Any, told: str) -> None:
    with pytest.raises(InputError) as caught:
        evaluate(net, images, LABELS, criterion)
    assert told in str(caught.value)


def test_a_net_that_is_not_called_but_forwarded() -> None:
    net = OwnNet(3, 4, 3)
    p = probabilities(net, ROWS)
    assert p.shape == (6, 3)
    np.testing.assert_allclose(p.sum(axis=1), 1)


def test_a_notebook_shows_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    html = evaluate(Echo(), ROWS, LABELS)._repr_html_()
    root = ElementTree.fromstring(html)
    rows = [["".join(cell.itertext()) for cell in row] for row in root.iter("tr")]
    assert rows == [
        ["class", "precision", "recall", "F1", "images"],
        ["0", "33.33%", "50.00%", "40.00%", "2"],
        ["1", "66.67%", "100.00%", "80.00%", "2"],
        ["2", "0.00%", "0.00%", "0.00%", "2"],
    ]
    assert "accuracy 50.00%" in html
    monkeypatch.setenv("HANDGRAD_LANG", "ko")
    assert "정밀도" in evaluate(Echo(), ROWS, LABELS)._repr_html_()


def test_mode_is_restored_after_an_error() -> None:
    net = MLP(3, 2, rng=0)
    with pytest.raises(InputError):
        probabilities(net, np.zeros((2, 5)))
    assert net.training


def test_a_sigmoid_that_says_one_to_all_is_still_counted() -> None:
    net = Sequential(Sigmoid())
    seen = evaluate(net, np.array([[9.0, 1.0], [9.0, 1.0]], np.float32), np.array([0, 1]))
    assert seen.confusion.tolist() == [[1, 0], [1, 0]]


def test_json_holds_everything() -> None:
    told: dict[str, Any] = json.loads(json.dumps(evaluate(Echo(), ROWS, LABELS).to_json(), allow_nan=False))
    assert told["n"] == 6
    assert told["confusion"] == [[1, 1, 0], [0, 2, 0], [2, 0, 0]]
    assert told["mistakes"][0] == {"index": 5, "true": 2, "predicted": 0, "confidence": 0.95}
    assert set(told) == {
        "n", "loss", "accuracy", "confusion", "precision", "recall", "f1", "support", "calibration_error", "mistakes",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "labels", "key"),
    [
        (ROWS[:0], LABELS[:0], "evaluate.empty"),
        (ROWS, LABELS[:5], "evaluate.counts"),
        (ROWS, LABELS + 1, "evaluate.label_range"),
        (ROWS, LABELS.astype(int) - 1, "evaluate.label_range"),
        (ROWS, np.eye(3)[LABELS], "evaluate.labels"),
        (ROWS, LABELS.astype(float), "evaluate.labels"),
        (ROWS[:, :1], LABELS, "evaluate.outputs"),
    ],
)
def test_what_does_not_fit_is_refused(rows: Array, labels: Array, key: str) -> None:
    with pytest.raises(InputError) as caught:
        evaluate(Echo(), rows, labels)
    assert caught.value.key == key
    assert str(caught.value)
    assert caught.value.text("ko")


def test_a_batch_size_of_zero_is_refused() -> None:
    with pytest.raises(InputError, match="batch_size"):
        evaluate(Echo(), ROWS, LABELS, batch_size=0)


def test_nan_is_told_not_counted() -> None:
    rows = ROWS.copy()
    rows[2, 1] = np.nan
    with pytest.raises(DivergedError, match="1 of 6 images"):
        evaluate(Echo(), rows, LABELS)
