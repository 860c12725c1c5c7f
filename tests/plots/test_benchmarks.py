"""Benchmarks: bars are ratios to the products, lines stand at what was measured."""

from __future__ import annotations

import pytest

from handgrad.errors import InputError
from handgrad.plots.benchmarks import epochs, growth


def test_bars_are_times_the_products() -> None:
    figure = epochs({"A": {"products": 1.0, "torch": 2.5}, "B": {"torch": 0.6}})
    widths = [[bar.get_width() for bar in axes.patches] for axes in figure.axes]  # type: ignore[attr-defined]
    assert widths == [[1.0, 2.5], [0.6]]  # seconds where no products were timed
    labels = {lang: epochs({"A": {"products": 1.0}}, lang=lang).axes[0].get_xlabel() for lang in ("en", "ko")}
    assert labels == {"en": "times the products (less is faster)", "ko": "행렬 곱 대비 배수 (작을수록 빠름)"}


def test_lines_of_growth() -> None:
    lines = {"products": ([32, 64], [0.1, 0.2]), "handgrad-fast": ([32, 64], [0.05, 0.08])}
    figure = growth({"width": lines})
    (axes,) = figure.axes
    assert [list(line.get_ydata()) for line in axes.get_lines()] == [[0.1, 0.2], [0.05, 0.08]]  # type: ignore[arg-type]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")


def test_nothing_to_draw() -> None:
    with pytest.raises(InputError):
        epochs({})
    with pytest.raises(InputError):
        growth({})
