"""The activations side by side, each with its derivative, computed by the layers themselves."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from handgrad.core.arrays import Array
from handgrad.core.layers import ACTIVATIONS, Layer
from handgrad.plots.lettering import SMALL, font
from handgrad.plots.sheet import BLUE, VERMILION, headline, place, sheet
from handgrad.words import say

COLUMNS = 4
WIDE, HIGH = 2.0, 1.9  # inches of a panel


def activations(*, lang: str | None = None) -> Figure:
    """Draw each activation that ships, y = f(x), and f'(x): its forward, and its backward for dy = 1.

    Args:
        lang: "en" or "ko"; None: the reader's language.
    """
    rows = -(-len(ACTIVATIONS) // COLUMNS)
    figure = sheet(0.45 + COLUMNS * (WIDE + 0.15), 0.95 + rows * (HIGH + 0.35))
    _, height = figure.get_size_inches()
    for i, kind in enumerate(ACTIVATIONS.values()):
        row, column = divmod(i, COLUMNS)
        axes = place(figure, 0.4 + column * (WIDE + 0.15), height - 0.85 - HIGH - row * (HIGH + 0.35), WIDE, HIGH)
        x, y, slope = _shape(kind())
        axes.plot(x, y, color=BLUE, linewidth=1.8, label=say("plots.function", lang))
        axes.plot(x, slope, color=VERMILION, linewidth=1.4, linestyle="--", label=say("plots.derivative", lang))
        axes.set(xlim=(-4, 4), ylim=(-1.2, 3), xticks=[-3, 0, 3], yticks=[-1, 0, 1, 2, 3])
        axes.tick_params(labelleft=column == 0, labelbottom=row == rows - 1)
        axes.grid(visible=True, color="0.9", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_title(kind.__name__, loc="left", **font())
        if i == 0:
            axes.legend(prop={"family": font()["family"], "size": SMALL}, frameon=False, loc="upper left")
    figure.text(0.5, 0.1 / height, "x", ha="center", **font())
    headline(figure, say("plots.activations", lang), say("plots.activations_key", lang))
    return figure


def _shape(layer: Layer) -> tuple[Array, Array, Array]:
    """x, y and dy/dx from -4 to 4; with a gap at 0, where some derivatives jump."""
    half = np.linspace(1e-9, 4, 200)
    x = np.concatenate([-half[::-1], half])
    y = layer.forward(x)
    slope = layer.backward(np.ones_like(y))
    return tuple(np.insert(values, len(half), np.nan) for values in (x, y, slope))  # type: ignore[return-value]
