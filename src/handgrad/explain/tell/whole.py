"""The whole story of a step: the input, forward layer by layer, the loss, and the way back."""

from __future__ import annotations

from collections.abc import Callable

from handgrad.explain.board import DIGITS, TERMS, Board, follow, shape
from handgrad.explain.moment import Moment
from handgrad.explain.story import Block, Chapter, Picture, Sentence, Story
from handgrad.explain.tell import activations, cross_entropy, linear
from handgrad.explain.trace import LayerNote

Teller = Callable[[Board, LayerNote], Chapter]
FORWARD: dict[str, Teller] = {"Linear": linear.forward, **dict.fromkeys(activations.CURVES, activations.forward)}


def story_of(
    moment: Moment, *, layer: str | None = None, unit: int | None = None, terms: int = TERMS, digits: int = DIGITS
) -> Story:
    """The story of a traced step. It is told from the trace alone, so that one trace can be told for many units.

    Args:
        moment: the traced step.
        layer: tell of this layer only; None: of all.
        unit: the unit that is followed in that layer, or in the first one with weights; None: the one
            that matters most.
        terms: how many terms of a sum are written out.
        digits: how many digits of a result say something.

    Raises:
        InputError: no such layer or unit.
    """
    board = Board(moment, terms, digits)
    follow(board, layer, unit)
    chapters = [_input(board)]
    for note in board.trace.layers:
        teller = next((FORWARD[kind] for kind in note.kinds if kind in FORWARD), None)
        if teller is not None:
            chapters.append(teller(board, note))
    chapters.append(cross_entropy.forward(board))
    if layer is not None:
        chapters = [chapter for chapter in chapters if chapter.layer == layer]
    title = Sentence("explain.title", {"image": moment.names[moment.row]})
    facts = {
        "image": moment.names[moment.row],
        "label": moment.classes[moment.labels[moment.row]],
        "batch": len(moment.labels),
        "step": moment.step,
    }
    return Story(title, tuple(chapters), board.trace.arrays(), moment.row, facts)


def _input(board: Board) -> Chapter:
    moment = board.moment
    x = board.trace.layers[0].x
    assert x is not None
    own, label = moment.images[moment.row], moment.classes[moment.labels[moment.row]]
    blocks: list[Block] = []
    if moment.picture_shape is not None:
        title = Sentence("explain.image", {"image": moment.names[moment.row], "label": label})
        blocks.append(Picture("image", title, own, f"{board.trace.layers[0].name}.x", (moment.row, -1)))
    said = {"numbers": own.size, "lit": int((own > 0).sum())}
    about = [Sentence("explain.about_input", said)]
    about.append(Sentence("explain.label" if moment.own_label else "explain.no_own_label", {"label": label}))
    return Chapter(
        "input", "input", Sentence("explain.title_input"), "", "", tuple(about), (),
        (shape("x", f"{board.trace.layers[0].name}.x", x),), tuple(blocks),
    )  # fmt: skip
