"""What a sweep has tried: settings side by side, how much each matters, and the curves of the best trials.

All three draw plain values: numbers, names and dictionaries.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from handgrad.errors import InputError
from handgrad.plots.lettering import SMALL, font
from handgrad.plots.sheet import BLUE, GREY, VERMILION, headline, place, sheet
from handgrad.words import say

BEST = 5  # trials that are drawn in colour
APART = 1.5  # inches between two axes of the parallel coordinates
TICKS = 5  # on an axis of numbers


def parallel_coordinates(
    settings: Sequence[Mapping[str, Any]],
    values: Sequence[float],
    *,
    goal: str,
    choices: Mapping[str, Sequence[str]] | None = None,
    logarithmic: Sequence[str] = (),
    pruned: int = 0,
    lang: str | None = None,
) -> Figure:
    """A vertical axis for each setting and one for the value; each trial is a line through all of them.

    Args:
        settings: of each trial, by name, the best trial first.
        values: of each trial, in the same order.
        goal: "accuracy" (values from 0 to 1) or "loss".
        choices: of the settings that are no numbers, in the order in which they stand on their axis, from below.
        logarithmic: settings on a logarithmic axis.
        pruned: trials that are not among these, for the line below the title.
        lang: "en" or "ko"; None: the reader's language.

    Raises:
        InputError: for no trials.
    """
    _need(values)
    names = list(settings[0])
    columns = [_column([s[name] for s in settings], (choices or {}).get(name), name in logarithmic) for name in names]
    columns.append(_column([_shown(v, goal) for v in values], None, False))
    titles = [*names, _axis(goal, lang)]
    figure = sheet(1.5 + APART * len(names), 3.9)
    axes = place(figure, 0.75, 0.45, APART * len(names), 2.45)
    shown = min(BEST, len(values))
    for i in reversed(range(len(values))):  # the best last, on top
        heights = [heights[i] for heights, _ in columns]
        axes.plot(range(len(columns)), heights, **_line(i))
    for x, (title, (_, ticks)) in enumerate(zip(titles, columns, strict=True)):
        axes.axvline(x, color="0.3", linewidth=0.8)
        axes.text(x, -0.1, title, ha="center", va="top", **font())
        for height, text in ticks:
            axes.text(x - 0.03, height, text, ha="right", va="center", **font(SMALL), bbox=_PAPER)
    axes.set_xlim(0, len(columns) - 1)
    axes.set_ylim(-0.04, 1.04)
    axes.set_axis_off()
    headline(
        figure, say("plots.sweep_parallel", lang), say("plots.sweep_parallel_key", lang, shown=shown, pruned=pruned)
    )
    return figure


def setting_importance(importance: Mapping[str, float], trials: int, *, lang: str | None = None) -> Figure:
    """A bar for each setting, the longest on top: its share (0 to 1) in whether a trial is good, from so many trials.

    InputError for no settings.
    """
    _need(importance)
    ordered = sorted(importance.items(), key=lambda item: item[1])
    figure = sheet(5.2, 1.25 + 0.3 * len(ordered))
    axes = place(figure, 1.6, 0.45, 3.2, 0.3 * len(ordered))
    axes.barh(range(len(ordered)), [100 * share for _, share in ordered], height=0.6, color=BLUE)
    for y, (_, share) in enumerate(ordered):
        axes.text(100 * share + 1, y, f"{100 * share:.0f} %", va="center", **font(SMALL))
    axes.set_yticks(range(len(ordered)), [name for name, _ in ordered], **font())
    axes.set_xlim(0, 112)
    axes.set_xticks([])
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    headline(figure, say("plots.sweep_importance", lang), say("plots.sweep_importance_key", lang, n=trials))
    return figure


def best_curves(
    curves: Mapping[int, Mapping[int, float]], best: Sequence[int], *, goal: str, lang: str | None = None
) -> Figure:
    """The value of each trial after each epoch; the best in colour, the others lightly, to where they were given up.

    Args:
        curves: {epoch: value} of each trial, by its number.
        best: numbers of the trials that are done, the best first.
        goal: "accuracy" (values from 0 to 1) or "loss".
        lang: "en" or "ko"; None: the reader's language.

    Raises:
        InputError: for no curve with a point.
    """
    curves = {number: curve for number, curve in curves.items() if curve}
    _need(curves)
    figure = sheet(5.4, 4.2)
    axes = place(figure, 0.75, 0.55, 4.4, 2.95)
    coloured = [number for number in best if number in curves][:BEST]
    for number in [*sorted(set(curves) - set(coloured)), *reversed(coloured)]:
        place_ = coloured.index(number) if number in coloured else BEST
        y = [_shown(value, goal) for value in curves[number].values()]
        style = _line(place_) | {"marker": "o" if len(y) < 2 else "", "markersize": 3}
        axes.plot(list(curves[number]), y, **style, label=_label(number, y[-1], goal, lang) if place_ < BEST else None)
    drawn = np.array([_shown(v, goal) for curve in curves.values() for v in curve.values()])
    if goal == "accuracy":  # what was given up early lies far below, and would press the best against the upper edge
        low = np.quantile(drawn, 0.25) if len(drawn) > 8 else drawn.min()
        axes.set_ylim(low - 0.1 * (drawn.max() - low + 0.1), drawn.max() + 0.05 * (drawn.max() - low + 0.1))
    elif drawn.min() > 0 and drawn.max() > 20 * drawn.min():
        axes.set_yscale("log")
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.set_xlabel(say("plots.sweep_epoch", lang), **font())
    axes.set_ylabel(_axis(goal, lang), **font())
    axes.grid(visible=True, color="0.9", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    if coloured:
        handles, labels = axes.get_legend_handles_labels()
        prop = {"family": font()["family"], "size": SMALL}
        axes.legend(handles[::-1], labels[::-1], prop=prop, frameon=False, loc="best")
    key = say("plots.sweep_curves_key", lang, goal=say(f"plots.{goal}", lang).lower(), shown=len(coloured))
    headline(figure, say("plots.sweep_curves", lang), key)
    return figure


_PAPER = {"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.85}


def _line(rank: int) -> dict[str, Any]:
    """The style of a trial's line, by its place: the best, the next ones, all others."""
    if rank == 0:
        return {"color": VERMILION, "linewidth": 2.0, "zorder": 4}
    if rank < BEST:
        return {"color": BLUE, "linewidth": 1.2, "zorder": 3, "alpha": 1 - 0.15 * rank}
    return {"color": GREY, "linewidth": 0.8, "zorder": 2, "alpha": 0.6}


def _column(
    values: Sequence[Any], choices: Sequence[str] | None, logarithmic: bool
) -> tuple[list[float], list[tuple[float, str]]]:
    """(height of each trial from 0 to 1, ticks as (height, text)) on one axis."""
    if choices:
        step = 1 / max(len(choices) - 1, 1)
        return [step * list(choices).index(str(v)) for v in values], [(step * i, c) for i, c in enumerate(choices)]
    numbers = np.log10(np.array(values, float)) if logarithmic else np.array(values, float)
    low, high = float(numbers.min()), float(numbers.max())
    span = high - low or 1.0
    whole = all(isinstance(v, int) for v in values)
    ticks = [low] if high == low else list(np.linspace(low, high, TICKS))
    texts = [_number(10**tick if logarithmic else tick, whole) for tick in ticks]
    return [(n - low) / span for n in numbers.tolist()], [
        ((t - low) / span, x) for t, x in zip(ticks, texts, strict=True)
    ]


def _number(value: float, whole: bool) -> str:
    return f"{value:.0f}" if whole else f"{value:.4g}" if abs(value) >= 1 else f"{value:.2g}"


def _shown(value: float, goal: str) -> float:
    return 100 * value if goal == "accuracy" else value


def _axis(goal: str, lang: str | None) -> str:
    unit = "%" if goal == "accuracy" else say("plots.nats", lang)
    return say(f"plots.{goal}_axis", lang, unit=unit)


def _label(number: int, value: float, goal: str, lang: str | None) -> str:
    return say(
        "plots.sweep_trial", lang, number=number, value=f"{value:.2f} %" if goal == "accuracy" else f"{value:.4g}"
    )


def _need(values: Any) -> None:
    if not len(values) or (isinstance(values, Sequence) and any(not math.isfinite(v) for v in values)):
        raise InputError("plots.sweep_no_trials")
