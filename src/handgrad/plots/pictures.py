"""Pictures: grids of images with what they are, what the net took them for, and how sure it was.

A wrong prediction has a frame and a cross, so that it is found on paper and by colour-blind eyes too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from handgrad.core.arrays import Array
from handgrad.core.checks import positive_int
from handgrad.errors import InputError
from handgrad.plots.lettering import SMALL, font, inches, names, room
from handgrad.plots.sheet import VERMILION, as_pictures, headline, mosaic, place, sheet
from handgrad.train.evaluation import Evaluation
from handgrad.words import say

WIDTH = 8.4  # inches of paper
TILE = 0.8  # inches, at least
GAP = 2  # pixels of an image between two of them


def predictions_grid(
    images: Array,
    labels: Any,
    probabilities: Array,
    classes: Sequence[Any],
    *,
    rows: int = 5,
    indices: Sequence[int] | Array | None = None,
    lang: str | None = None,
) -> Figure:
    """Draw images with their true class, the predicted class and its probability.

    Args:
        images: (n, h, w), or square ones as (n, h * w); uint8 from 0 to 255, or floats from 0 to 1.
        labels: true classes, whole numbers (n,).
        probabilities: (n, classes), as `handgrad.train.evaluation.probabilities` gives them.
        classes: a name for each class.
        rows: of ten images each, where the names are short; long ones take more room.
        indices: which images, in this order; None: the first ones.
        lang: "en" or "ko"; None: the reader's language.

    Raises:
        InputError: where images, labels, probabilities and classes do not fit together.
    """
    pictures, labels, p = as_pictures(images), np.asarray(labels), np.asarray(probabilities)
    if p.shape != (len(pictures), len(classes)) or labels.shape != (len(pictures),):
        raise InputError(
            "plots.fit", images=len(pictures), labels=labels.shape, probabilities=p.shape, classes=len(classes)
        )
    rows = positive_int(rows, "rows", 1000)
    chosen = (np.arange(len(pictures)) if indices is None else np.asarray(indices))[: 10 * rows]
    predicted, confidence = p[chosen].argmax(axis=1), p[chosen].max(axis=1)
    wrong = predicted != labels[chosen]
    below = say("plots.predictions_key", lang, wrong=int(wrong.sum()), n=len(chosen))
    captions = _captions(names(classes), labels[chosen], predicted, confidence)
    return _grid(pictures[chosen], captions, wrong, say("plots.predictions", lang), below)


def mistakes_gallery(
    images: Array, evaluation: Evaluation, classes: Sequence[Any], *, lang: str | None = None
) -> Figure:
    """Draw the mistakes that an evaluation kept, the surest first.

    Args:
        images: those that were evaluated, as in `predictions_grid`.
        evaluation: from `handgrad.train.evaluation.evaluate`.
        classes: a name for each class.
        lang: "en" or "ko"; None: the reader's language.

    Raises:
        InputError: where images, evaluation and classes do not fit together.
    """
    pictures, mistakes = as_pictures(images), evaluation.mistakes
    if len(pictures) != evaluation.n or len(classes) != len(evaluation.support):
        raise InputError(
            "plots.other_evaluation", images=len(pictures), n=evaluation.n, classes=len(classes),
            needs=len(evaluation.support),
        )  # fmt: skip
    title = say("plots.mistakes", lang)
    if not mistakes:
        figure = sheet(WIDTH, 1.0)
        headline(figure, title, say("plots.no_mistakes", lang, n=f"{evaluation.n:,}"))
        return figure
    captions = _captions(
        names(classes), [m.true for m in mistakes], [m.predicted for m in mistakes], [m.confidence for m in mistakes]
    )
    total = evaluation.n - int(evaluation.confusion.trace())
    below = say("plots.mistakes_key", lang, shown=len(mistakes), wrong=f"{total:,}", n=f"{evaluation.n:,}")
    return _grid(pictures[[m.index for m in mistakes]], captions, [], title, below)


def _captions(classes: list[str], true: Any, predicted: Any, confidence: Any) -> list[str]:
    """Under each image: true → predicted on one line, or on two where the names are long, then the confidence."""
    arrow = " → " if max(map(room, classes)) <= 3 else "\n→ "
    return [
        f"{classes[t]}{arrow}{classes[p]}\n{100 * c:.1f} %" for t, p, c in zip(true, predicted, confidence, strict=True)
    ]


def _grid(pictures: Array, captions: list[str], wrong: Any, title: str, below: str) -> Figure:
    """Pictures (n, h, w) in rows, dark on light as ink on paper, each with its caption below."""
    n, h, w = pictures.shape
    black = 255 if pictures.dtype == np.uint8 else 1
    wanted = max(TILE, *(inches(caption) + 0.1 for caption in captions))
    columns = max(1, min(n, int((WIDTH - 0.3) / wanted)))
    tile = (WIDTH - 0.3) / max(columns, int((WIDTH - 0.3) / wanted))
    pixel = tile / (w + GAP)  # inches
    lines = max(caption.count("\n") for caption in captions) + 1
    text = int(
        np.ceil((0.14 * lines + 0.14) / pixel)
    )  # pixels below each picture; a line of 8 points takes 0.14 inches
    whole = mosaic(pictures, columns, GAP, text)
    height, width = whole.shape
    figure = sheet(WIDTH, height * pixel + 0.75)
    axes = place(figure, 0.15, 0.1, width * pixel, height * pixel, frameon=False, xticks=[], yticks=[])
    axes.imshow(whole, cmap="gray_r", vmin=0, vmax=black, interpolation="nearest", aspect="auto")
    marks = set(np.flatnonzero(wrong).tolist())
    for i, caption in enumerate(captions):
        x, y = i % columns * (w + GAP) - 0.5, i // columns * (h + text) - 0.5
        mark = " ✗" if i in marks else ""
        axes.text(x + w / 2, y + h + 0.04 / pixel, caption + mark, ha="center", va="top", **font(SMALL))
        if mark:
            axes.add_patch(Rectangle((x, y), w, h, fill=False, edgecolor=VERMILION, linewidth=2, clip_on=False))
    headline(figure, title, below)
    return figure
