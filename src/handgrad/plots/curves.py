"""Learning curves: loss and accuracy over the training, and over the validation split where there is one.

Single updates are noisy, so they are drawn as means over stretches, lightly, with the figures of each epoch on top.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from handgrad.core.arrays import Array
from handgrad.errors import InputError
from handgrad.plots.lettering import SMALL, TITLE, font
from handgrad.plots.sheet import BLUE, GREY, VERMILION, place, sheet
from handgrad.records import EpochRecord, Record, StepRecord
from handgrad.words import say

STRETCHES = 100  # points of the curve of the updates
SPAN = 20  # a loss whose largest value is so many times its smallest is drawn on a logarithmic axis
MANY = 40  # epochs above which the points of a curve are not marked singly


class Curve(NamedTuple):
    """One line: places on the horizontal axis, values (nan where there is none)."""

    x: Array
    y: Array

    @property
    def empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not np.isfinite(self.y).any()


def learning_curves(records: Sequence[Record], *, unit: str | None = None, lang: str | None = None) -> Figure:
    """Draw loss and, where it is known, accuracy: the updates lightly, each epoch as a point.

    Args:
        records: what a training yielded, in order; updates without epochs, or epochs without updates, will do.
        unit: of the loss; None: nats, which is the unit of every cross-entropy.
        lang: "en" or "ko"; None: the reader's language.

    Returns:
        A figure with a panel for the loss and, unless no record has one, a panel for the accuracy. The horizontal axis
        counts epochs, or updates where there are fewer than two epochs. What was measured on the validation split
        stands at the end of its epoch; the training's figures are means over an epoch and stand in its middle. What
        is not finite is left out, and a dotted line marks the first such loss of the training.

    Raises:
        InputError: for no records.
    """
    steps = [record for record in records if isinstance(record, StepRecord)]
    epochs = [record for record in records if isinstance(record, EpochRecord)]
    if not steps and not epochs:
        raise InputError("plots.no_records")
    in_epochs = len(epochs) > 1
    step_x, middles, ends = _places(steps, epochs, in_epochs)

    def curves(name: str) -> list[Curve]:
        training, validation = Curve(middles, _numbers(epochs, name)), Curve(ends, _numbers(epochs, f"val_{name}"))
        return [Curve(step_x, _numbers(steps, name)), training, validation]

    panels = [name for name in ("loss", "accuracy") if name == "loss" or not all(c.empty for c in curves(name))]
    figure = sheet(4.7 * len(panels), 3.7)
    for i, name in enumerate(panels):
        axes = place(figure, 0.7 + 4.7 * i, 0.55, 3.85, 2.75)
        _panel(axes, name, curves(name), lang)
        axes.set_title(say(f"plots.{name}", lang), loc="left", **font(TITLE))
        axes.set_xlabel(say("plots.epochs" if in_epochs else "plots.updates", lang), **font())
        measure = "%" if name == "accuracy" else unit or say("plots.nats", lang)
        axes.set_ylabel(say(f"plots.{name}_axis", lang, unit=measure), **font())
    return figure


def _panel(axes: Axes, name: str, curves: list[Curve], lang: str | None) -> None:
    """Updates, epochs in training, epochs in validation, in this order, on one pair of axes."""
    scale, form = (100, "{:.2f} %") if name == "accuracy" else (1, "{:.3g}")
    steps, training, validation = (Curve(x, scale * y) for x, y in curves)
    light = _stretches(steps)
    if not light.empty:
        axes.plot(*light, color=GREY, linewidth=1, label=say("plots.each_update", lang))
    styles = {"training": (training, BLUE, "-", "o", BLUE), "validation": (validation, VERMILION, "--", "s", "white")}
    for key, (curve, colour, line, marker, face) in styles.items():
        if not curve.empty:
            last = form.format(curve.y[np.isfinite(curve.y)][-1])
            axes.plot(
                *curve, color=colour, linestyle=line, linewidth=1.6, label=say(f"plots.{key}", lang, last=last),
                marker=marker if len(curve.x) <= MANY else "", markersize=5, markerfacecolor=face,
            )  # fmt: skip
    if name == "loss":
        _mark_not_finite(axes, steps if len(steps.x) else training, lang)
    _rulers(axes, name, [light, training, validation])
    if axes.get_lines():
        axes.legend(prop={"family": font()["family"], "size": SMALL}, frameon=False)


def _mark_not_finite(axes: Axes, losses: Curve, lang: str | None) -> None:
    bad = np.flatnonzero(np.isnan(losses.y))
    if len(bad):
        label = say("plots.not_finite", lang)
        axes.axvline(losses.x[bad[0]], color="black", linestyle=":", linewidth=1.2, label=label)


def _rulers(axes: Axes, name: str, curves: list[Curve]) -> None:
    """Limits, ticks and grid: whole epochs or updates from left to right, and up the range that matters."""
    places = np.concatenate([c.x for c in curves])
    axes.set_xlim(0, 1.03 * places.max())
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.grid(visible=True, color="0.9", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    light, *points = (c.y[np.isfinite(c.y)] for c in curves)
    if name == "accuracy":
        # The first updates of a training that goes well would press everything else against the upper edge.
        light = np.sort(light)[len(light) // 20 :]
    values = np.concatenate([light, *points])
    if not len(values):
        return
    low, high = float(values.min()), float(values.max())
    if name == "accuracy":
        room = max(0.06 * (high - low), 0.5)
        axes.set_ylim(max(low - room, -1), min(high + room, 101))
    elif low > 0 and high > SPAN * low:
        axes.set_yscale("log")
        few_decades = high < 1e4 * low
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if few_decades else (1,), numticks=12))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        room = max(0.06 * (high - low), 0.02 * abs(high), 1e-3)
        axes.set_ylim(low - room, high + room)
        axes.ticklabel_format(axis="y", useOffset=False)


def _places(steps: list[StepRecord], epochs: list[EpochRecord], in_epochs: bool) -> tuple[Array, Array, Array]:
    """Where updates, middles of epochs and ends of epochs stand on the horizontal axis, in epochs or in updates."""
    step = np.array([record.step for record in steps], float)
    ends = np.array([record.step for record in epochs], float)
    numbers = np.array([record.epoch for record in epochs], float)
    if not in_epochs:
        return step, ends - ends / np.maximum(numbers, 1) / 2, ends
    # Before the first end and after the last one (a training that was stopped) epochs count as long as the last.
    length = (ends[-1] - ends[-2]) / (numbers[-1] - numbers[-2])
    known = np.r_[ends[0] - numbers[0] * length, ends, ends[-1] + length]
    return np.interp(step, known, np.r_[0, numbers, numbers[-1] + 1]), numbers - 0.5, numbers


def _numbers(records: Sequence[Record], name: str) -> Array:
    """One figure of each record; nan for None and for what is not finite."""
    values = np.array([np.nan if (v := getattr(record, name)) is None else v for record in records], float)
    values[~np.isfinite(values)] = np.nan
    return values


def _stretches(curve: Curve) -> Curve:
    """At most STRETCHES points, each the mean of the values that are there in its stretch, in the middle of it."""
    n = len(curve.x)
    if not n:
        return curve
    starts = np.unique(np.linspace(0, n, min(n, STRETCHES), endpoint=False).astype(int))
    there = np.isfinite(curve.y)
    counts = np.add.reduceat(there.astype(float), starts)
    sums = np.add.reduceat(np.where(there, curve.y, 0), starts)
    y = np.divide(sums, counts, out=np.full(len(starts), np.nan), where=counts > 0)
    return Curve(np.add.reduceat(curve.x, starts) / np.diff(np.r_[starts, n]), y)
