"""Learning curves: the numbers that are drawn are those of the records, at the right places."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from handgrad.errors import InputError
from handgrad.plots import learning_curves
from handgrad.records import EpochRecord, Record, StepRecord


def lines(axes: Axes) -> dict[str, tuple[list[float], list[float]]]:
    """What is drawn, by the first word of its label."""
    return {
        str(line.get_label()).split()[0].strip(","): (list(line.get_xdata()), list(line.get_ydata()))
        for line in axes.get_lines()
    }


def epoch(number: int, loss: float, *, val_loss: float | None = None, accuracy: float | None = None) -> EpochRecord:
    return EpochRecord(number, 10 * number, loss, loss, accuracy, val_loss, None, 0.1, 1.0)


def labels(figure: Figure) -> list[tuple[str, str, str]]:
    return [(axes.get_title(loc="left"), axes.get_xlabel(), axes.get_ylabel()) for axes in figure.axes]


def test_lines_hold_the_records(records: list[Record]) -> None:
    loss, accuracy = learning_curves(records).axes
    drawn = lines(loss)
    # Means over an epoch stand in its middle, validation at its end, updates where they happened.
    assert drawn["training"] == ([0.5, 1.5], [1.0, 0.5])
    assert drawn["validation"] == ([1, 2], [1.5, 0.75])
    np.testing.assert_allclose(drawn["updates"][0], np.arange(1, 9) / 4)
    np.testing.assert_allclose(drawn["updates"][1], 2 / np.arange(1, 9))
    drawn = lines(accuracy)
    np.testing.assert_allclose(drawn["training"][1], [40, 80])  # per cent
    np.testing.assert_allclose(drawn["validation"][1], [30, 60])


def test_labels_in_both_languages(records: list[Record]) -> None:
    assert labels(learning_curves(records)) == [
        ("Loss", "epochs", "loss (nats)"),
        ("Accuracy", "epochs", "accuracy (%)"),
    ]
    assert labels(learning_curves(records, lang="ko")) == [
        ("손실", "에폭", "손실 (nat)"),
        ("정확도", "에폭", "정확도 (%)"),
    ]
    assert labels(learning_curves(records, unit="mm²"))[0][2] == "loss (mm²)"


def test_last_values_are_told(records: list[Record]) -> None:
    legend = learning_curves(records).axes[1].get_legend()
    assert legend is not None
    texts = [text.get_text() for text in legend.get_texts()]
    assert any("80.00 %" in text for text in texts)
    assert any("60.00 %" in text for text in texts)


def test_lines_differ_in_style_too(records: list[Record]) -> None:
    *_, training, validation = learning_curves(records).axes[0].get_lines()
    assert training.get_linestyle() != validation.get_linestyle()
    assert training.get_marker() != validation.get_marker()


def test_many_updates_become_means_of_stretches() -> None:
    values = np.random.default_rng(0).random(1000)
    steps = [StepRecord(i + 1, 1, float(v), None, 0.1, 64) for i, v in enumerate(values)]
    x, y = lines(learning_curves(steps).axes[0])["updates"]
    assert len(x) == 100
    assert y[0] == pytest.approx(values[:10].mean())
    assert x[0] == pytest.approx(5.5)
    assert np.mean(y) == pytest.approx(values.mean())


def test_one_epoch_is_counted_in_updates(records: list[Record]) -> None:
    figure = learning_curves([record for record in records if record.epoch == 1])
    assert labels(figure)[0][1] == "updates"
    drawn = lines(figure.axes[0])
    assert drawn["updates"][0] == [1, 2, 3, 4]
    assert drawn["training"] == ([2], [1.0])
    assert drawn["validation"] == ([4], [1.5])


def test_updates_after_the_last_whole_epoch_go_on(records: list[Record]) -> None:
    stopped = [*records, StepRecord(9, 3, 0.1, 0.9, 0.1, 64), StepRecord(10, 3, 0.1, 0.9, 0.1, 64)]
    x, _ = lines(learning_curves(stopped).axes[0])["updates"]
    np.testing.assert_allclose(x[-2:], [2.25, 2.5])


def test_a_history_that_begins_later() -> None:
    x, _ = lines(learning_curves([epoch(4, 1.0), epoch(5, 0.9)]).axes[0])["training"]
    assert x == [3.5, 4.5]


def test_without_validation_and_without_classes() -> None:
    (axes,) = learning_curves([epoch(1, 2.0), epoch(2, 1.0)]).axes
    assert list(lines(axes)) == ["training"]


@pytest.mark.parametrize(
    ("losses", "scale"), [([2.0, 1.9], "linear"), ([2.0, 0.02], "log"), ([1e3, 1e-6], "log"), ([2.0, -0.001], "linear")]
)
def test_a_logarithmic_axis_where_losses_span_decades(losses: list[float], scale: str) -> None:
    figure = learning_curves([epoch(i + 1, loss) for i, loss in enumerate(losses)])
    assert figure.axes[0].get_yscale() == scale
    low, high = figure.axes[0].get_ylim()
    assert low < min(losses) <= max(losses) < high


def test_a_constant_loss_has_room_around_it() -> None:
    axes = learning_curves([epoch(i, 2.302585) for i in range(1, 5)]).axes[0]
    low, high = axes.get_ylim()
    assert 2.2 < low < 2.302585 < high < 2.4


def test_nan_and_infinity_are_left_out_and_marked() -> None:
    nan, inf = float("nan"), float("inf")
    axes = learning_curves([epoch(1, 1.0), epoch(2, 2.0), epoch(3, inf), epoch(4, nan)]).axes[0]
    drawn = lines(axes)
    assert drawn["training"][1][:2] == [1.0, 2.0]
    assert np.isnan(drawn["training"][1][2:]).all()
    assert drawn["first"][0] == [2.5, 2.5]
    assert np.isfinite(axes.get_ylim()).all()


def test_nothing_but_nan() -> None:
    assert list(lines(learning_curves([epoch(1, float("nan"))]).axes[0])) == ["first"]


def test_a_good_training_uses_the_height_of_the_panel() -> None:
    steps = [StepRecord(i, 1, 1.0, 0.1 if i < 10 else 0.98, 0.1, 64) for i in range(1, 1001)]
    low, high = learning_curves(steps).axes[0].figure.axes[1].get_ylim()
    assert low > 90
    assert high <= 101


def test_no_records_are_refused() -> None:
    with pytest.raises(InputError, match="no records"):
        learning_curves([])
