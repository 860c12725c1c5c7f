"""What the cells of a picture are: the keys of their numbers, what each came from, and what a reader is told at each.

Everything a reader is told is printed here, so that the page itself never calculates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from handgrad.core.arrays import Array
from handgrad.explain.decimals import to_digits
from handgrad.explain.equation import settle
from handgrad.explain.expression import Value, mul
from handgrad.explain.page.links import Links
from handgrad.explain.plain import plain
from handgrad.explain.story import Picture, Story

DIGITS = 4
_LETTERS = {"weight": "W", "bias": "b", "dweight": "dW", "dbias": "db"}


@dataclass(frozen=True)
class Cells:
    """The cells of one picture, counted row by row.

    Attributes:
        array: their numbers, in the picture's shape.
        key: of the cells' numbers, with * for the number of the cell; empty where they are not among the trace's.
        sources: keys of what each came from, with * in the same way.
        told: for each cell what is said about it: "W[214,17] = 0.0312".
    """

    array: Array
    key: str
    sources: tuple[str, ...]
    told: list[str]

    def data(self) -> dict[str, Any]:
        """For the page's script."""
        shape = self.array.shape if self.array.ndim == 2 else (1, self.array.size)
        return {"rows": shape[0], "columns": shape[1], "key": self.key, "of": list(self.sources), "told": self.told}


def cells_of(picture: Picture, story: Story, links: Links) -> Cells:
    """The cells of a picture of the story: each with its name and value, and where they are few, their arithmetic."""
    key, names = key_of(picture.source, picture.fixed, links), _names(picture, story)
    values = picture.array.reshape(-1)
    product = _outer_product(picture, story, links)
    if product is not None:
        return Cells(picture.array, key, *product)
    before = _before(picture, story, links)
    if before is not None:
        came, x = before
        told = [
            f"{called} = {printed(value)}, {letter} = {printed(from_)}"
            for called, value, letter, from_ in zip(names, values, _letters("x", len(values)), x, strict=True)
        ]
        return Cells(picture.array, key, (came,), told)
    told = [f"{called} = {printed(v)}" if called else printed(v) for called, v in zip(names, values, strict=True)]
    return Cells(picture.array, key, (), told)


def printed(value: Any) -> str:
    """A number to the digits that a picture's cells are told with."""
    return to_digits(value, DIGITS)


def key_of(source: str, fixed: tuple[int, ...], links: Links) -> str:
    """The keys of a part of an array, with * for the number of the cell."""
    return f"{links.alias(source)}:{','.join('*' if i == -1 else str(i) for i in fixed)}" if source else ""


def _names(picture: Picture, story: Story) -> list[str]:
    short = picture.source.rpartition(".")[2]
    if not short:
        return [""] * picture.array.size
    fixed = picture.fixed
    if not Links.is_learned(picture.source) and fixed[0] == story.row:
        fixed = fixed[1:]  # the image that is followed needs no number
    return [
        f"{_LETTERS.get(short, short)}[{','.join(str(cell if i == -1 else i) for i in fixed)}]"
        for cell in range(picture.array.size)
    ]


def _letters(letter: str, count: int) -> list[str]:
    return [f"{letter}[{i}]" for i in range(count)]


def _outer_product(picture: Picture, story: Story, links: Links) -> tuple[tuple[str, ...], list[str]] | None:
    """(sources, told) of a weight's gradient that is one product a cell, which it is for a batch of one."""
    layer, _, short = picture.source.rpartition(".")
    x, dy = story.arrays.get(f"{layer}.x"), story.arrays.get(f"{layer}.dy")
    if short != "dweight" or x is None or dy is None or len(x) != 1 or len(picture.fixed) != 2:
        return None
    unit = picture.fixed[1]
    if x[0].size != picture.array.size or picture.fixed[0] != -1:
        return None
    row, slope, values = x[0].reshape(-1), dy[0].reshape(-1)[unit], picture.array.reshape(-1)
    told = [
        told_product(f"x[{i}]", row[i], f"dy[{unit}]", slope, f"dW[{i},{unit}]", values[i]) for i in range(row.size)
    ]  # fmt: skip
    return (key_of(f"{layer}.x", (0, -1), links), f"{links.alias(f'{layer}.dy')}:0,{unit}"), told


def _before(picture: Picture, story: Story, links: Links) -> tuple[str, Array] | None:
    """(key, numbers) of what went into a layer that bends each number alone, where a picture shows what came out."""
    layer, _, short = picture.source.rpartition(".")
    x = story.arrays.get(f"{layer}.x")
    if short != "y" or x is None or f"{layer}.weight" in story.arrays or x[story.row].size != picture.array.size:
        return None
    return key_of(f"{layer}.x", picture.fixed, links), x[story.row].reshape(-1)


def told_product(name_a: str, a: Any, name_b: str, b: Any, name: str, value: Any) -> str:
    """x[3] × W[3,17] = 0.9922 × 0.1345 = 0.1334, in digits that come to it."""
    lead = f"{name} = " if name else ""
    if a == 0 or b == 0:
        return f"{lead}{name_a} × {name_b} = {printed(a)} × {printed(b)} = 0"
    equation = settle(name, mul(Value(a, name_a), Value(b, name_b)), value, digits=DIGITS)
    node = equation.expression
    return f"{lead}{plain(node, 'en', named=True)} = {plain(node, 'en')} = {equation.result.text}"
