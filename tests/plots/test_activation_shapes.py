"""The activations: every one that ships is drawn, with a derivative that agrees with its slope on paper."""

from __future__ import annotations

import numpy as np

from handgrad.core.layers import ACTIVATIONS
from handgrad.plots import activations


def test_every_activation_and_its_slope() -> None:
    figure = activations()
    assert [axes.get_title(loc="left") for axes in figure.axes] == [kind.__name__ for kind in ACTIVATIONS.values()]
    for axes in figure.axes:
        (x, y), (same_x, slope) = (np.asarray(line.get_data(), float) for line in axes.get_lines())
        np.testing.assert_array_equal(x, same_x)
        middle = (slope[1:] + slope[:-1]) / 2
        steep = np.diff(y) / np.diff(x)
        there = np.isfinite(steep) & (np.diff(x) > 1e-6)
        np.testing.assert_allclose(middle[there], steep[there], atol=2e-4)


def test_a_jump_of_the_derivative_is_a_gap() -> None:
    relu = activations().axes[0]
    x, slope = (np.asarray(data, float) for data in relu.get_lines()[1].get_data())
    assert np.isnan(slope).sum() == 1
    assert set(slope[x < 0]) == {0.0}
    assert set(slope[x > 0]) == {1.0}


def test_both_languages() -> None:
    assert [activations(lang=lang).texts[1].get_text() for lang in ("en", "ko")] == ["Activations", "활성화 함수"]
