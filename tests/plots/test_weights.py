"""First-layer weights: each unit's column of W becomes a picture on one scale around 0."""

from __future__ import annotations

import numpy as np
import pytest

from handgrad.core.layers import Flatten, Linear, ReLU
from handgrad.core.mlp import MLP
from handgrad.core.net import Sequential
from handgrad.errors import InputError
from handgrad.plots import first_layer_weights


def test_each_unit_is_a_picture() -> None:
    layer = Linear(6, 3, rng=0)
    layer.W = np.arange(18.0).reshape(6, 3) - 9
    figure = first_layer_weights(Sequential(Flatten(), layer, ReLU()), (2, 3))
    image = figure.axes[0].images[0]
    drawn = np.ma.getdata(image.get_array())
    for unit in range(3):
        assert drawn[:2, 5 * unit : 5 * unit + 3].tolist() == layer.W[:, unit].reshape(2, 3).tolist()
    low, high = image.get_clim()
    assert low == -high
    assert 8 < high <= 9


def test_first_units_only() -> None:
    figure = first_layer_weights(MLP(4, 30, 2, rng=0), (2, 2), units=20)
    assert "20 of 30 units" in figure.texts[1].get_text()
    drawn = figure.axes[0].images[0].get_array()
    assert drawn is not None
    assert drawn.shape == (2 * 4, 10 * 4)


def test_weights_of_zero_are_drawn() -> None:
    figure = first_layer_weights(MLP(4, 3, 2, init="zeros"), (2, 2), lang="ko")
    assert figure.axes[1].get_ylabel() == "가중치"


def test_another_picture_is_refused() -> None:
    with pytest.raises(InputError, match=r"\(4, 3\)"):
        first_layer_weights(MLP(4, 3, rng=0), (28, 28))
    with pytest.raises(InputError, match="no pictures"):
        first_layer_weights(Sequential(ReLU()), (2, 2))
