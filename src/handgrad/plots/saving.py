"""Saving: a figure as a PNG or SVG file, whole or not at all."""

from __future__ import annotations

import io
import os
from pathlib import Path

from matplotlib.figure import Figure

from handgrad.errors import InputError
from handgrad.plots.sheet import DPI
from handgrad.train.checkpoint import write_whole


def save(figure: Figure, path: str | os.PathLike[str]) -> Path:
    """Write a figure, as its path's ending says (.png or .svg), at 150 dots an inch; returns the path.

    A file of that name is replaced only when the new one is complete.

    Raises:
        InputError: for another ending.
        DataError: where the file cannot be written.
    """
    path = Path(path)
    kind = path.suffix.lower().removeprefix(".")
    if kind not in ("png", "svg"):
        raise InputError("plots.ending", path=path)
    drawn = io.BytesIO()
    figure.savefig(drawn, format=kind, dpi=DPI)
    write_whole(path, drawn.getvalue())
    return path
