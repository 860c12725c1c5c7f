"""Benchmarks as pictures: bars for an epoch of each work, and lines for how its cost grows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from handgrad.errors import InputError
from handgrad.plots.lettering import SMALL, TITLE, font
from handgrad.plots.sheet import BLUE, GREY, VERMILION, headline, place, sheet
from handgrad.words import say

LIMIT = "products"  # the contestant that is a yardstick
OURS = "handgrad"
MARKERS = "osD^vP"


def epochs(works: Mapping[str, Mapping[str, float]], *, lang: str | None = None) -> Figure:
    """A panel of bars for each work: an epoch's time relative to the bare products, or seconds where there are none.

    Args:
        works: work -> contestant -> times the products; seconds in a work that has no products.
        lang: "en" or "ko"; None: the reader's language.

    Raises:
        InputError: for no works.
    """
    if not works:
        raise InputError("plots.no_records")
    tallest = max(len(peers) for peers in works.values())
    height = 0.28 * tallest
    figure = sheet(max(0.2 + 3.9 * len(works), 6.0), height + 1.45)  # never narrower than its title
    headline(figure, say("bench.plot_title", lang))
    for i, (work, peers) in enumerate(works.items()):
        axes = place(figure, 1.25 + 3.9 * i, 0.55, 2.55, height)
        names = list(peers)
        values = [peers[name] for name in names]
        colours = [_colour(name) for name in names]
        axes.barh(range(len(names)), values, color=colours, height=0.7)
        axes.set_ylim(tallest - 0.5, -0.5)  # the first on top
        axes.set_yticks(range(len(names)), names, **font(SMALL))
        axes.set_xlim(0, 1.18 * max(values))
        for y, value in enumerate(values):
            axes.annotate(
                f"{value:.2f}", (value, y), xytext=(4, 0), textcoords="offset points", va="center",
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5}, **font(SMALL),
            )  # fmt: skip
        if LIMIT in peers:
            axes.axvline(1, color="black", linestyle=":", linewidth=1, zorder=0)  # behind the bars and their numbers
        axes.set_title(work, loc="left", **font(TITLE))
        axes.set_xlabel(say("bench.plot_axis" if LIMIT in peers else "bench.scaling_plot", lang), **font())
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def growth(
    axes: Mapping[str, Mapping[str, tuple[Sequence[float], Sequence[float]]]], *, lang: str | None = None
) -> Figure:
    """A panel for each axis of growth, both scales logarithmic, a line for each contestant.

    Args:
        axes: "width", "depth", "batch" or "data" -> contestant -> (values on the axis, seconds an epoch).
        lang: "en" or "ko"; None: the reader's language.

    Raises:
        InputError: for no axes.
    """
    if not axes:
        raise InputError("plots.no_records")
    figure = sheet(0.3 + 3.7 * len(axes), 3.5)
    for i, (axis, lines) in enumerate(axes.items()):
        panel = place(figure, 0.75 + 3.7 * i, 0.6, 2.8, 2.5)
        for j, (name, (x, y)) in enumerate(lines.items()):
            dash = ":" if name == LIMIT else "-"
            panel.plot(
                x, y, color=_colour(name), linestyle=dash, marker=MARKERS[j % len(MARKERS)], markersize=4, label=name
            )
        panel.set_xscale("log", base=2)
        panel.set_yscale("log")
        x = next(iter(lines.values()))[0]
        panel.set_xticks(list(x), [f"{value:,}" for value in x])
        panel.xaxis.set_minor_formatter(NullFormatter())
        panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        panel.set_xlabel(say(f"bench.axis_{axis}", lang), **font())
        panel.set_title(say("bench.scaling_plot", lang), loc="left", **font(TITLE))
        panel.grid(visible=True, color="0.9", linewidth=0.6)
        panel.spines[["top", "right"]].set_visible(False)
        if not i:
            panel.legend(prop={"family": font()["family"], "size": SMALL}, frameon=False)
    return figure


def _colour(name: str) -> str:
    if name == LIMIT:
        return "black"
    if name.startswith(OURS):
        return VERMILION if name.endswith("fast") else BLUE
    return COLOURS.get(name, GREY)


COLOURS = {"torch": "#009E73", "jax": "#CC79A7", "scikit-learn": "#E69F00", "onnxruntime": "#56B4E9", "numpy": GREY}
