"""Flatten and Dropout, told: one moves numbers and changes none, the other leaves some out."""

from __future__ import annotations

import numpy as np

from handgrad.explain.board import Board, shape
from handgrad.explain.expression import Value, mul
from handgrad.explain.story import Block, Chapter, Formula, Sentence
from handgrad.explain.trace import LayerNote

FLATTEN = Formula("y = x.reshape(B, n)", r"y = \mathrm{vec}(x)")
DROPOUT = Formula("y = x mask / (1 - p)", r"y = x \cdot \frac{\mathrm{mask}}{1 - p}")
DROPOUT_BACK = Formula("dx = dy mask / (1 - p)", r"dx = dy \cdot \frac{\mathrm{mask}}{1 - p}")


def flatten(board: Board, note: LayerNote) -> Chapter:
    """Where the followed number goes."""
    assert note.x is not None
    assert note.y is not None
    cell = board.outputs[note.name]
    place = ", ".join(str(int(i)) for i in np.unravel_index(cell, note.x.shape[1:]))
    said = Sentence("explain_shape.flatten", {"place": f"({place})", "cell": cell})
    return _chapter("forward", note, "Flatten", "explain_shape.about_flatten", FLATTEN, (said,))


def flatten_back(board: Board, note: LayerNote) -> Chapter:
    """And back."""
    return _chapter("backward", note, "Flatten", "explain_shape.back_flatten", FLATTEN, ())


def dropout(board: Board, note: LayerNote) -> Chapter:
    """What the followed number was multiplied by, and how many were left out."""
    assert note.y is not None
    cell = board.outputs[note.name]
    blocks: tuple[Block, ...] = (Sentence("explain_shape.nothing_dropped"),)
    if note.inside.get("scale"):
        scale = note.inside["scale"][-1]
        factor = Value(scale[board.row].reshape(-1)[cell], f"scale[{cell}]")
        left_out = int(np.count_nonzero(scale[board.row] == 0))
        blocks = (
            board.equation(board.value(note, "y", cell), mul(board.value(note, "x", cell), factor)),
            Sentence("explain_shape.dropped", {"out": left_out, "units": scale[board.row].size}),
        )
    return _chapter("forward", note, "Dropout", "explain_shape.about_dropout", DROPOUT, blocks)


def dropout_back(board: Board, note: LayerNote) -> Chapter:
    """The same factor again."""
    cell = board.outputs[note.name]
    blocks: tuple[Block, ...] = ()
    if note.inside.get("scale"):
        factor = Value(note.inside["scale"][-1][board.row].reshape(-1)[cell], f"scale[{cell}]")
        blocks = (board.equation(board.value(note, "dx", cell), mul(board.value(note, "dy", cell), factor)),)
    return _chapter("backward", note, "Dropout", "explain_shape.back_dropout", DROPOUT_BACK, blocks)


def _chapter(part: str, note: LayerNote, kind: str, about: str, formula: Formula, blocks: tuple[Block, ...]) -> Chapter:
    title = Sentence(f"explain.title_{part}", {"name": note.name, "kind": kind})
    names = ("x", "y") if part == "forward" else ("dy", "dx")
    shapes = tuple(shape(name, f"{note.name}.{name}", getattr(note, name)) for name in names)
    return Chapter(f"{part}-{note.name}", part, title, note.name, kind, (Sentence(about),), (formula,), shapes, blocks)
