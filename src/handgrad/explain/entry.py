"""`handgrad.explain(...)`: the story of one training step, of a net that is at hand or of a run in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from handgrad.explain.board import DIGITS
from handgrad.explain.moment import moment_of, moment_of_net
from handgrad.explain.story import Story
from handgrad.explain.tell.whole import story_of
from handgrad.train import Run


def explain(
    net: Any,
    images: Any = None,
    labels: Any = None,
    criterion: Any = None,
    optimizer: Any = None,
    *,
    row: int = 0,
    classes: tuple[str, ...] = (),
    picture_shape: tuple[int, int] | None = None,
    clip_norm: float | None = None,
    weights: Any = None,
    image: str | None = None,
    label: int | None = None,
    at_step: int | None = None,
    batch: int | None = None,
    layer: str | None = None,
    unit: int | None = None,
    why: str | None = None,
    terms: int | None = None,
    digits: int = DIGITS,
) -> Story:
    """Work out one training step longhand: `explain(net, x, y, criterion, optimizer)` or `explain("runs/first")`.

    The story prints as text, and shows itself as a page in a notebook; `handgrad.explain.page.page(story)` is that page
    as one HTML file.

    Args:
        net: the net, or a `Run`, or the path of one's folder. A net at hand takes the step for real: with an optimizer
            its weights change.
        images: of a net: the batch.
        labels: of a net: what the criterion takes, one row an image.
        criterion: of a net: the loss.
        optimizer: of a net; None: nothing is updated.
        row: of a net: the image that is followed.
        classes: of a net: their names.
        picture_shape: of a net: (height, width) of an image, where the batch does not say it.
        clip_norm: of a net: the largest norm of the whole gradient.
        weights: of a net: how much each row counts in the loss, (B,); None: all the same.
        image: of a run: "test:7", "train:5" or a picture's path; None: the next batch.
        label: of a run: the class that a picture of one's own is meant to be.
        at_step: of a run: train it again up to this step.
        batch: of a run: how many images.
        layer: tell of this layer only.
        unit: the unit that is followed.
        why: tell of this weight only, such as "fc1.weight[392,17]".
        terms: how many terms of a sum are written out; None: five, and fewer where a screen would not hold them.
        digits: how many digits of a result say something.

    Raises:
        InputError, DataError: as `moment_of_net`, `moment_of` and `story_of`.
    """
    if isinstance(net, (str, Path)):
        net = Run.open(Path(net))
    if isinstance(net, Run):
        moment = moment_of(net, image=image, label=label, at_step=at_step, batch=batch)
    else:
        moment = moment_of_net(
            net, criterion, optimizer, images, labels,
            row=row, classes=classes, picture_shape=picture_shape, clip_norm=clip_norm,
            weights=weights,
        )  # fmt: skip
    return story_of(moment, layer=layer, unit=unit, why=why, terms=terms, digits=digits)
