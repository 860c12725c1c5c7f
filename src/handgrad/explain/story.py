"""The story of one training step, as data: chapters of sentences, formulas, equations and pictures, in reading order.

The terminal, the HTML page, the notebook and the JSON all render this one object; none of them adds a number to it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from handgrad.core.arrays import Array
from handgrad.explain.equation import Equation
from handgrad.words import say


@dataclass(frozen=True, slots=True)
class Sentence:
    """Words by key, with what goes into their places: numbers are there as they are printed."""

    key: str
    values: dict[str, Any] = field(default_factory=dict)

    def text(self, lang: str | None = None) -> str:
        """In English ("en") or Korean ("ko"); by default in the reader's language."""
        values = {k: v.text(lang) if isinstance(v, Sentence) else v for k, v in self.values.items()}
        return say(self.key, lang, **values)


@dataclass(frozen=True, slots=True)
class Formula:
    """One formula of the layer, without numbers: as TeX, and as plain text for a terminal."""

    text: str
    tex: str


@dataclass(frozen=True, slots=True)
class Shape:
    """The shape of one array that the formula speaks of: ("W", (784, 256), "fc1.weight")."""

    symbol: str
    shape: tuple[int, ...]
    array: str


@dataclass(frozen=True, slots=True)
class Picture:
    """An array to look at.

    Attributes:
        kind: "image" (pixels from 0 to 1), "heat" (signed numbers as a picture: a unit's weights, the gradient on the
            pixels) or "bars" (a row of numbers).
        title: what is seen.
        array: (height, width) for image and heat, (n,) for bars.
        source: which array of `Story.arrays` it is a part of, and which part: cell k of the picture, counted row by
            row, is `arrays[source][where(k)]`; see `refs`.
        fixed: the index into `source`, with -1 where the cell's number goes: (-1, 17) for column 17 of the weights.
        marked: cells that the equations speak of, counted row by row.
        labels: what to write at each bar; empty: their numbers.
    """

    kind: str
    title: Sentence
    array: Array
    source: str = ""
    fixed: tuple[int, ...] = ()
    marked: tuple[int, ...] = ()
    labels: tuple[str, ...] = ()

    def ref(self, cell: int) -> tuple[str, tuple[int, ...]]:
        """(array, index) of one cell, as the numbers of an equation give it in their `ref`."""
        return self.source, tuple(cell if i == -1 else i for i in self.fixed)


Block: TypeAlias = Sentence | Equation | Picture


@dataclass(frozen=True, slots=True)
class Chapter:
    """One part of the story: one layer, forward or backward, the loss, or the update.

    Attributes:
        key: a stable name, fit for an anchor: "forward-fc1".
        part: "input", "forward", "loss", "backward", "update" or "why".
        layer: name of the layer, or empty.
        kind: class of the layer, loss or optimizer: "Linear".
        title: a heading.
        about: what it is for, in a sentence or two that suit this step.
        formulas: without numbers.
        shapes: of the arrays in them.
        blocks: sentences, equations and pictures, in the order of reading.
    """

    key: str
    part: str
    title: Sentence
    layer: str = ""
    kind: str = ""
    about: tuple[Sentence, ...] = ()
    formulas: tuple[Formula, ...] = ()
    shapes: tuple[Shape, ...] = ()
    blocks: tuple[Block, ...] = ()

    @property
    def equations(self) -> list[Equation]:
        """All equations of the chapter."""
        return [block for block in self.blocks if isinstance(block, Equation)]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Story:
    """The whole of it.

    Attributes:
        title: what is explained.
        chapters: from the input to the update.
        arrays: what the net computed, by the names that the numbers refer to: "fc1.x" (B, 784), "fc1.weight"
            (784, 256), "fc1.y", "fc1.dy", "fc1.dx", "fc1.dweight", "loss.dprediction", ...
        row: which row of the batch is followed.
        facts: plain values for a program: the run, the image, its label, the answer.
    """

    title: Sentence
    chapters: tuple[Chapter, ...]
    arrays: dict[str, Array]
    row: int
    facts: dict[str, Any]

    @property
    def equations(self) -> list[Equation]:
        """All equations, in reading order."""
        return [equation for chapter in self.chapters for equation in chapter.equations]

    def __repr__(self) -> str:
        """As a terminal shows it."""
        from handgrad.explain.terminal import story_lines

        return "\n".join(story_lines(self))

    def _repr_html_(self) -> str:
        """As a notebook shows it: the page, in a frame."""
        from handgrad.explain.page import frame

        return frame(self)

    def __getitem__(self, key: str) -> Chapter:
        """A chapter by its key. KeyError where there is none."""
        for chapter in self.chapters:
            if chapter.key == key:
                return chapter
        raise KeyError(key)
