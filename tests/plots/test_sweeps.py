"""The figures of a sweep: every trial is a line at its heights, and the best stand out."""

from __future__ import annotations

import pytest
from matplotlib.colors import to_hex

from handgrad.errors import InputError
from handgrad.plots import best_curves, parallel_coordinates, setting_importance
from handgrad.plots.sheet import VERMILION

SETTINGS = [{"lr": 0.1, "hidden": "8"}, {"lr": 0.001, "hidden": "4"}, {"lr": 0.01, "hidden": "8"}]


def test_lines_through_all_settings() -> None:
    figure = parallel_coordinates(
        SETTINGS, [0.9, 0.8, 0.7], goal="accuracy", choices={"hidden": ["4", "8"]}, logarithmic=["lr"], pruned=2
    )
    (axes,) = figure.axes
    lines = [line for line in axes.lines if len(line.get_xdata()) == 3]
    heights = [[round(float(y), 9) for y in line.get_ydata()] for line in lines]
    assert sorted(heights) == sorted([[1, 1, 1], [0, 0, 0.5], [0.5, 1, 0]])
    best = next(line for line in lines if to_hex(line.get_color()).upper() == VERMILION)
    assert list(best.get_ydata()) == [1, 1, 1]
    texts = {text.get_text() for text in axes.texts}
    assert {"lr", "hidden", "accuracy (%)", "4", "8", "0.1", "0.001", "90", "70"} <= texts


def test_one_trial_is_enough() -> None:
    assert parallel_coordinates(SETTINGS[:1], [0.3], goal="loss").axes


def test_bars_with_the_longest_on_top() -> None:
    (axes,) = setting_importance({"lr": 0.25, "hidden": 0.75}, 12, lang="ko").axes
    assert [round(bar.get_width()) for bar in axes.patches] == [25, 75]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["lr", "hidden"]


@pytest.mark.parametrize("goal", ["accuracy", "loss"])
def test_curves_end_where_they_were_given_up(goal: str) -> None:
    curves = {0: {1: 0.5, 2: 0.9}, 1: {1: 0.01}, 2: {1: 0.6, 2: 0.7}, 3: {}}
    (axes,) = best_curves(curves, [0, 2], goal=goal).axes
    assert sorted(len(line.get_xdata()) for line in axes.lines) == [1, 2, 2]
    legend = axes.get_legend()
    assert legend is not None
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts[0] == ("trial 0: 90.00 %" if goal == "accuracy" else "trial 0: 0.9")
    assert len(texts) == 2


def test_nothing_to_draw() -> None:
    for draw in (
        lambda: parallel_coordinates([], [], goal="loss"),
        lambda: setting_importance({}, 0),
        lambda: best_curves({1: {}}, [], goal="loss"),
    ):
        with pytest.raises(InputError, match="no trial that is done"):
            draw()
