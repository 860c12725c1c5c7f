"""The confusion matrix: colours are shares of the true class, numbers are counts."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from handgrad.errors import InputError
from handgrad.plots import confusion_matrix


def cells(figure: Figure) -> dict[tuple[int, int], str]:
    """The number that stands in each cell, by row and column."""
    return {(round(y), round(x)): t.get_text() for t in figure.axes[0].texts for x, y in [t.get_position()]}


def test_counts_and_shares() -> None:
    figure = confusion_matrix([[8, 2, 0], [0, 0, 0], [1, 0, 3]], ["cat", "dog", "cow"])
    assert cells(figure) == {(0, 0): "8", (0, 1): "2", (2, 0): "1", (2, 2): "3"}
    shares = figure.axes[0].images[0].get_array()
    assert shares is not None
    np.testing.assert_allclose(shares, [[80, 20, 0], [0, 0, 0], [25, 0, 75]])  # a class without images is all 0
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["cat", "dog", "cow"]
    assert figure.texts[1].get_text() == "11 of 14 right (78.57 %)"


def test_numbers_are_read_against_their_cell() -> None:
    figure = confusion_matrix([[9, 1], [0, 10]], ["a", "b"])
    colours = {text.get_text(): text.get_color() for text in figure.axes[0].texts}
    assert colours == {"9": "white", "1": "black", "10": "white"}


def test_labels_in_both_languages() -> None:
    told = {
        lang: (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel(), figure.axes[1].get_ylabel())
        for lang in ("en", "ko")
        for figure in [confusion_matrix(np.eye(2), ["고양이", "개"], lang=lang)]
    }
    assert told["en"] == ("predicted class", "true class", "share of the true class (%)")
    assert told["ko"] == ("예측한 클래스", "실제 클래스", "실제 클래스에서 차지하는 비율 (%)")


def test_many_classes_have_labels_and_no_numbers() -> None:
    figure = confusion_matrix(np.eye(47, dtype=int), range(47))
    assert not figure.axes[0].texts
    assert len(figure.axes[0].get_xticklabels()) == 47
    figure = confusion_matrix(np.eye(200, dtype=int), range(200))
    assert len(figure.axes[0].get_xticklabels()) < 60  # there is no room for all


@pytest.mark.parametrize("matrix", [np.eye(3), np.ones((2, 3)), np.ones(2)])
def test_another_shape_is_refused(matrix: object) -> None:
    with pytest.raises(InputError, match="2 class names"):
        confusion_matrix(matrix, ["a", "b"])
