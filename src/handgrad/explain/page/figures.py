"""Pictures as HTML: images and heat maps as squares with a scale, rows of numbers as bars.

A colour is an opacity over the page's own ground, so that heat maps are right in the light, in the dark and on paper.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from handgrad.core.arrays import Array
from handgrad.explain.page.cells import Cells, cells_of, printed
from handgrad.explain.page.links import Links
from handgrad.explain.page.rows import Stage, beside, row_title
from handgrad.explain.page.text import number, sentence, words
from handgrad.explain.story import Picture, Story

_LEVELS = 40  # shades of a colour
_FEW = 12  # so many bars lie below each other with their names; more stand side by side
_HEIGHT = 60  # of bars that stand, in units of the picture


class Gallery:
    """Makes the figures of a page, and collects what its script has to know of their cells.

    Attributes:
        data: for each picture, in the order of their numbers `data-cells`.
    """

    def __init__(self, story: Story, links: Links) -> None:
        self.story, self.links = story, links
        self.data: list[dict[str, Any]] = []

    def figure(self, picture: Picture) -> str:
        """One picture of the story, with what it was made of beside it where that can be seen too."""
        row = beside(picture, self.story, self.links)
        if row is not None:
            return self._row(picture, row)
        cells = cells_of(picture, self.story, self.links)
        caption = f"<figcaption>{sentence(picture.title)}</figcaption>"
        if picture.kind == "bars" and picture.array.size <= _FEW:
            return f'<figure class="bars">{caption}{self._rows(picture, cells)}</figure>'
        if picture.kind == "bars":
            body = self._columns(cells, picture.marked)
        else:
            body = self._squares(cells, picture.kind, picture.marked)
            body += _scale(cells.array) if picture.kind == "heat" else ""
        return f'<figure class="{picture.kind}">{caption}<div class="stage">{body}</div>{self._readout()}</figure>'

    def _row(self, picture: Picture, row: Sequence[Stage | str]) -> str:
        """Several pictures with signs between them: image × weights = terms. Their cells are lit together."""
        group, parts = len(self.data), []
        for stage in row:
            if isinstance(stage, str):
                parts.append(f'<span class="sign">{stage}</span>')
                continue
            body = self._squares(stage.cells, stage.kind, picture.marked, group)
            scale = _scale(stage.cells.array) if stage.kind == "heat" else ""
            parts.append(f'<div class="stage"><p class="caption">{stage.caption}</p>{body}{scale}</div>')
        columns = " ".join("auto" if isinstance(stage, str) else "minmax(0, 1fr)" for stage in row)
        caption = f"<figcaption>{row_title(picture)}</figcaption>"
        return (
            f'<figure class="several n{len(row)}">{caption}<div class="row" style="grid-template-columns:{columns}">'
            f"{''.join(parts)}</div>{self._readout()}</figure>"
        )

    def numbers(self, picture: Picture) -> str:
        """An image, and the same as the numbers that the network gets."""
        group = len(self.data)
        cells = cells_of(picture, self.story, self.links)
        image = self._squares(cells, "image", (), group)
        height, width = picture.array.shape
        texts = "".join(
            f'<text x="{x + 0.5}" y="{y + 0.66}"{"" if value else zero}>{_short(value)}</text>'
            for y, line in enumerate(picture.array.tolist())
            for x, value in enumerate(line)
            for zero in (' class="zero"',)
        )
        index = self._take(cells, (), group)
        numbers = (
            f'<svg class="cells numbers" viewBox="0 0 {width} {height}" data-cells="{index}" role="group" '
            f'aria-labelledby="alt-{index}"><rect class="ground" width="{width}" height="{height}"/>{texts}</svg>'
            f'<p class="unseen" id="alt-{index}">{words("explain_page.alt_numbers")}</p>'
        )
        caption = f"<figcaption>{sentence(picture.title)}</figcaption>"
        stages = (image, numbers)
        row = "".join(f'<div class="stage">{stage}</div>' for stage in stages)
        return f'<figure class="sides">{caption}<div class="row">{row}</div>{self._readout()}</figure>'

    def _readout(self) -> str:
        """Where the page says what is pointed at; the first one says how."""
        hint = f'<span class="hint">{words("explain_page.hint")}</span>' if len(self.data) == 1 else ""
        return f'<p class="readout" aria-live="polite">{hint}</p>'

    def _take(self, cells: Cells, marked: tuple[int, ...] = (), group: int | None = None) -> int:
        """The number of a picture; those of a group are lit together, cell by cell."""
        start = marked[0] if marked else int(np.nanargmax(np.abs(cells.array)))
        self.data.append(cells.data() | {"group": group, "start": start})
        return len(self.data) - 1

    def _squares(self, cells: Cells, kind: str, marked: tuple[int, ...], group: int | None = None) -> str:
        height, width = cells.array.shape
        index = self._take(cells, marked, group)
        most = 1.0 if kind == "image" else float(np.nanmax(np.abs(cells.array))) or 1.0
        ground = f'<rect class="ground" width="{width}" height="{height}"/>'
        marks = "".join(f'<rect class="mark" x="{c % width}" y="{c // width}" width="1" height="1"/>' for c in marked)
        alt = _alternative(cells.array, kind)
        return (
            f'<svg class="cells {kind}" viewBox="0 0 {width} {height}" data-cells="{index}" role="group" '
            f'aria-labelledby="alt-{index}">{ground}{_shades(cells.array / most)}{marks}</svg>'
            f'<p class="unseen" id="alt-{index}">{alt}</p>'
        )

    def _columns(self, cells: Cells, marked: tuple[int, ...]) -> str:
        """Many bars, standing side by side on a line."""
        values = np.nan_to_num(cells.array.astype(np.float64))
        index = self._take(cells, marked)
        top, bottom = max(float(values.max()), 0.0), min(float(values.min()), 0.0)
        span = top - bottom or 1.0
        line = top / span * _HEIGHT
        paths = {"p": "", "m": "", "own": ""}
        for i, value in enumerate(values.tolist()):
            if value:
                kind = "own" if i in marked else "m" if value < 0 else "p"
                paths[kind] += f"M{i} {line:.2f}v{-value / span * _HEIGHT:.2f}h1V{line:.2f}z"
        drawn = "".join(f'<path class="{kind}" d="{d}"/>' for kind, d in paths.items() if d)
        axis = f'<path class="axis" d="M0 {line:.2f}H{values.size}"/>'
        ends = "".join(f"<span>{number(printed(v))}</span>" for v in (top, bottom))
        return (
            f'<div class="standing"><div class="ends" aria-hidden="true">{ends}</div>'
            f'<svg class="cells columns" viewBox="0 0 {values.size} {_HEIGHT}" preserveAspectRatio="none" '
            f'data-cells="{index}" role="group" aria-labelledby="alt-{index}">{drawn}{axis}</svg></div>'
            f'<p class="unseen" id="alt-{index}">{_alternative(cells.array, "bars")}</p>'
        )

    def _rows(self, picture: Picture, cells: Cells) -> str:
        """Few bars, lying below each other, each with its label and number."""
        values = np.nan_to_num(cells.array.astype(np.float64)).tolist()
        labels = picture.labels or tuple(map(str, range(len(values))))
        signed = min(values) < 0 < max(values)
        most = max(map(abs, values)) or 1.0
        rows = []
        for i, (label, value) in enumerate(zip(labels, values, strict=True)):
            width = abs(value) / most * (50 if signed else 100)
            left = 50 - (width if value < 0 else 0) if signed else 0
            key = cells.key.replace("*", str(i))
            marks = f' data-k="{escape(key)}"' if key else ""
            here = f' <span class="unseen">{words("explain_page.right_one")}</span>' if i in picture.marked else ""
            kind = "m" if value < 0 else "own" if i in picture.marked and not signed else "p"
            bar = f'<i class="{kind}" style="left:{left:.1f}%;width:{width:.1f}%"></i>'
            rows.append(
                f'<li class="{"own" if i in picture.marked else ""}"><span class="label">{escape(label)}{here}</span>'
                f'<span class="track{" signed" if signed else ""}" aria-hidden="true">{bar}</span>'
                f'<span class="n"{marks}>{number(printed(cells.array[i]))}</span></li>'
            )
        return f"<ul>{''.join(rows)}</ul>"


def _shades(shares: Array) -> str:
    """Squares of one shade in one path: shares from -1 to 1."""
    levels = np.rint(np.nan_to_num(shares.astype(np.float64)) * _LEVELS).astype(int).clip(-_LEVELS, _LEVELS)
    paths = []
    for level in np.unique(levels):
        if level:
            squares = "".join(f"M{x} {y}h1v1h-1z" for y, x in np.argwhere(levels == level).tolist())
            paths.append(
                f'<path class="{"m" if level < 0 else "p"}" opacity="{abs(level) / _LEVELS:g}" d="{squares}"/>'
            )
    return "".join(paths)


def _short(value: float) -> str:
    """A pixel from 0 to 1 in the little room of its cell: .53."""
    return f"{value:.2f}".removeprefix("0").replace("1.00", "1") if value else "0"


def _scale(array: Array) -> str:
    """The colours' meaning: from the most negative number to the most positive one, as far from 0 as each other."""
    most = float(np.nanmax(np.abs(array)))
    ends = [number(printed(sign * most)) if most else "0" for sign in (-1, 1)]
    return (
        '<div class="scale" aria-hidden="true"><i class="left"></i><i class="right"></i>'
        f"<span>{ends[0]}</span><span>0</span><span>{ends[1]}</span></div>"
    )


def _alternative(array: Array, kind: str) -> str:
    """What there is to see, for who does not see it."""
    values = np.nan_to_num(array.astype(np.float64))
    low, high = int(values.argmin()), int(values.argmax())
    said = {"low": printed(values.reshape(-1)[low]), "high": printed(values.reshape(-1)[high])}
    if kind == "bars":
        return words("explain_page.alt_bars", count=values.size, low_at=low, high_at=high, **said)
    rows, columns = values.shape
    if kind == "image":
        return words("explain_page.alt_image", rows=rows, columns=columns, lit=int(np.count_nonzero(values)))
    low_at, high_at = divmod(low, columns), divmod(high, columns)
    said |= {"low_row": str(low_at[0]), "low_column": str(low_at[1])}
    said |= {"high_row": str(high_at[0]), "high_column": str(high_at[1])}
    return words("explain_page.alt_heat", rows=rows, columns=columns, **said)
