"""The confusion matrix: which classes are taken for which.

Colour is the share of a true class, so that rare classes are seen as well as common ones; numbers are counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from handgrad.errors import InputError
from handgrad.plots.lettering import SMALL, font, inches, names
from handgrad.plots.sheet import headline, place, sheet
from handgrad.words import say

NUMBERED = 15  # classes up to which each cell shows its count
LARGEST = 8.0  # inches that the matrix may take; beyond it not every class is labelled
LINE = 0.15  # inches that a label takes


def confusion_matrix(matrix: Any, classes: Sequence[Any], *, lang: str | None = None) -> Figure:
    """Draw a confusion matrix; cells without a case are white and empty.

    Args:
        matrix: counts (classes, classes), a row for each true class, a column for each predicted one.
        classes: a name for each class.
        lang: "en" or "ko"; None: the reader's language.

    Raises:
        InputError: for a matrix of another shape.
    """
    counts = np.asarray(matrix)
    k = len(classes)
    if counts.shape != (k, k) or not k:
        raise InputError("plots.matrix", got=counts.shape, classes=k)
    labels = names(classes)
    support = counts.sum(axis=1, keepdims=True)
    share = np.divide(100 * counts, support, out=np.zeros(counts.shape), where=support > 0)

    side = min(LARGEST, max(4.6, LINE * k))
    longest = max(map(inches, labels))
    upright = longest > side / k - 0.05  # labels that do not fit side by side stand on their side
    left, bottom = 0.6 + longest, 0.5 + (longest if upright else 0.1)
    figure = sheet(left + side + 1.1, bottom + side + 0.75)
    axes = place(figure, left, bottom, side, side)
    # Mistakes of one per cent would be invisible on an even scale; the square root draws them at a tenth.
    norm = PowerNorm(0.5, 0, 100)
    picture = axes.imshow(share, cmap="Blues", norm=norm, interpolation="nearest", aspect="auto")
    every = int(np.ceil(k * LINE / side))
    axes.set_xticks(range(0, k, every), labels[::every], rotation=90 if upright else 0, **font(SMALL))
    axes.set_yticks(range(0, k, every), labels[::every], **font(SMALL))
    axes.set_xlabel(say("plots.predicted_class", lang), **font())
    axes.set_ylabel(say("plots.true_class", lang), **font())
    if k <= NUMBERED:
        for true, predicted in np.argwhere(counts):
            colour = "white" if norm(share[true, predicted]) > 0.6 else "black"
            text = str(counts[true, predicted])
            axes.text(predicted, true, text, ha="center", va="center", color=colour, **font(SMALL))
    bar_axes = place(figure, left + side + 0.2, bottom, 0.18, side)
    bar = figure.colorbar(picture, cax=bar_axes, ticks=[0, 1, 5, 10, 25, 50, 75, 100])
    bar.set_label(say("plots.share", lang), **font())
    n, right = int(counts.sum()), int(counts.trace())
    below = say("plots.confusion_key", lang, right=f"{right:,}", n=f"{n:,}", percent=f"{100 * right / max(n, 1):.2f}")
    headline(figure, say("plots.confusion", lang), below)
    return figure
