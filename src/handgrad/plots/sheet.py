"""Sheets: figures and axes measured in inches, as a printer would.

All sizes are known before anything is drawn, so texts keep their size and matplotlib needs no second pass for the
layout, which would take as long as the drawing itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from handgrad.core.arrays import Array
from handgrad.errors import InputError
from handgrad.plots.lettering import SMALL, TITLE, font

DPI = 150
# Okabe and Ito's palette: told apart by colour-blind eyes. Where two lines meet, their styles differ as well.
BLUE, VERMILION, GREY = "#0072B2", "#D55E00", "#A6A6A6"


def sheet(width: float, height: float) -> Figure:
    """An empty figure of so many inches, bound to no window."""
    return Figure(figsize=(width, height), dpi=DPI)


def place(figure: Figure, left: float, bottom: float, width: float, height: float, **settings: Any) -> Axes:
    """Axes at a place of the sheet, in inches from its lower left corner."""
    w, h = figure.get_size_inches()
    axes: Axes = figure.add_axes((left / w, bottom / h, width / w, height / h), **settings)
    axes.tick_params(labelsize=SMALL)
    return axes


def headline(figure: Figure, title: str, below: str = "", left: float = 0.15) -> None:
    """A title at the top left of the sheet, and a line below it: together 0.5 inches high."""
    w, h = figure.get_size_inches()
    figure.text(left / w, 1 - 0.12 / h, title, va="top", **font(TITLE))
    if below:
        figure.text(left / w, 1 - 0.34 / h, below, va="top", **font())


def as_pictures(images: Array) -> Array:
    """Images (n, h, w), or square ones as rows (n, h * w), as (n, h, w)."""
    pictures = np.asarray(images)
    side = round(pictures.shape[1] ** 0.5) if pictures.ndim == 2 else 0
    if side and side * side == pictures.shape[1]:
        pictures = pictures.reshape(-1, side, side)
    if pictures.ndim != 3 or not pictures.size:
        raise InputError("plots.images", got=np.shape(images))
    return pictures


def mosaic(pictures: Array, columns: int, gap: int, below: int) -> Array:
    """Pictures (n, h, w) side by side as one masked array, `gap` pixels apart, with `below` masked rows under each.

    One picture of everything draws ten times faster than axes for each.
    """
    n, h, w = pictures.shape
    rows = -(-n // columns)
    cells = np.full((rows * columns, h + below, w + gap), np.nan, np.float32)
    cells[:n, :h, :w] = pictures
    # (rows, columns, h, w) -> (rows, h, columns, w)
    whole = cells.reshape(rows, columns, h + below, w + gap).swapaxes(1, 2)
    return np.ma.masked_invalid(whole.reshape(rows * (h + below), columns * (w + gap)), copy=False)
