"""First-layer weights as pictures: what each hidden unit looks for in an image."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from handgrad.core.arrays import Array
from handgrad.core.checks import positive_int
from handgrad.errors import InputError
from handgrad.plots.lettering import font
from handgrad.plots.sheet import headline, mosaic, place, sheet
from handgrad.words import say

COLUMNS, TILE, GAP = 10, 0.72, 2  # pictures a row, inches, pixels


def first_layer_weights(
    net: Any, picture_shape: tuple[int, int] = (28, 28), *, units: int = 50, lang: str | None = None
) -> Figure:
    """Draw the weights into the first units of the first Linear, each as a picture of the input's shape.

    One scale for all, symmetric about 0; it ends at the weight that one in two hundred exceeds. It is light for
    positive and dark for negative weights, so that it can be read without colour.

    Args:
        net: whose first two-dimensional parameter has the shape (h * w, hidden).
        picture_shape: (h, w) of the images that the net was trained on.
        units: how many, from the first.
        lang: "en" or "ko"; None: the reader's language.

    Raises:
        InputError: where the net's first layer does not take pictures of that shape.
    """
    height, width = picture_shape
    weight = _first_weight(net)
    if weight is None or len(weight) != height * width:
        raise InputError("plots.first_layer", got="-" if weight is None else weight.shape, shape=picture_shape)
    shown = min(positive_int(units, "units"), weight.shape[1])
    pictures = weight[:, :shown].T.reshape(shown, height, width)  # (h * w, units) -> (units, h, w)
    limit = float(np.quantile(np.abs(pictures), 0.995)) or 1.0

    columns = min(COLUMNS, shown)
    whole = mosaic(pictures, columns, GAP, GAP)
    pixel = TILE / (width + GAP)  # inches
    rows_high, columns_wide = whole.shape
    across, up = columns_wide * pixel, rows_high * pixel
    figure = sheet(max(across + 1.2, 5.0), up + 0.85)
    axes = place(figure, 0.15, 0.15, across, up, frameon=False, xticks=[], yticks=[])
    picture = axes.imshow(whole, cmap="cividis", vmin=-limit, vmax=limit, interpolation="nearest", aspect="auto")
    bar_high = min(up - GAP * pixel, 4.0)
    bar_axes = place(figure, across + 0.2, 0.15 + up - bar_high, 0.16, bar_high)
    bar = figure.colorbar(picture, cax=bar_axes, extend="both")
    bar.set_label(say("plots.weight", lang), **font())
    below = say("plots.weights_key", lang, shown=shown, units=weight.shape[1])
    headline(figure, say("plots.weights", lang), below)
    return figure


def _first_weight(net: Any) -> Array | None:
    for value, _ in net.parameters():
        if np.ndim(value) == 2:
            return np.asarray(value)
    return None
