"""The whole story of a step: the input, forward layer by layer, the loss, and the way back."""

from __future__ import annotations

from collections.abc import Callable

from handgrad.explain.board import DIGITS, TERMS, Board, follow, shape
from handgrad.explain.moment import Moment
from handgrad.explain.story import Block, Chapter, Picture, Sentence, Story
from handgrad.explain.tell import activations, cross_entropy, linear, linear_backward, update
from handgrad.explain.tell.why import why as why_story
from handgrad.explain.trace import LayerNote

Teller = Callable[[Board, LayerNote], Chapter]
FORWARD: dict[str, Teller] = {"Linear": linear.forward, **dict.fromkeys(activations.CURVES, activations.forward)}

BACKWARD: dict[str, Teller] = {
    "Linear": linear_backward.backward,
    **dict.fromkeys(activations.CURVES, activations.backward),
}


def story_of(
    moment: Moment,
    *,
    layer: str | None = None,
    unit: int | None = None,
    why: str | None = None,
    terms: int = TERMS,
    digits: int = DIGITS,
) -> Story:
    """The story of a traced step. It is told from the trace alone, so that one trace can be told for many units.

    Args:
        moment: the traced step.
        layer: tell of this layer only; None: of all.
        unit: the unit that is followed in that layer, or in the first one with weights; None: the one
            that matters most.
        why: tell of this weight alone, "fc1.weight[392,17]": what each image says to it, and how it was updated.
        terms: how many terms of a sum are written out.
        digits: how many digits of a result say something.

    Raises:
        InputError: no such layer, unit or weight.
    """
    board = Board(moment, terms, digits)
    follow(board, layer, unit)
    if why is not None:
        return why_story(board, why)
    chapters = [_input(board)]
    for note in board.trace.layers:
        teller = next((FORWARD[kind] for kind in note.kinds if kind in FORWARD), None)
        if teller is not None:
            chapters.append(teller(board, note))
    chapters += [cross_entropy.forward(board), cross_entropy.backward(board)]
    for note in reversed(board.trace.layers):
        teller = next((BACKWARD[kind] for kind in note.kinds if kind in BACKWARD), None)
        if teller is not None:
            chapters.append(teller(board, note))
    chapters += _pixels(board)
    chapters += _updates(board, layer)
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


def _pixels(board: Board) -> list[Chapter]:
    """The end of the way back: what each pixel would have to do for a smaller loss."""
    first = board.trace.layers[0]
    if first.dx is None or board.moment.picture_shape is None:
        return []
    dx = first.dx[board.row].reshape(board.moment.picture_shape)
    title = Sentence("explain.pixels_picture")
    picture = Picture("heat", title, dx, f"{first.name}.dx", (board.row, -1), (board.inputs[first.name],))
    return [
        Chapter("backward-input", "backward", Sentence("explain.title_pixels"), "", "",
                (Sentence("explain.about_pixels"),), (), (shape("dx", f"{first.name}.dx", first.dx),), (picture,))
    ]  # fmt: skip


def _updates(board: Board, layer: str | None) -> list[Chapter]:
    """The update of one weight: that of the first layer with weights, or of the layer that is asked for."""
    for note in board.trace.layers:
        if note.parameters and layer in (None, note.name):
            name = next(iter(note.parameters))
            index = [board.inputs[note.name], board.outputs[note.name]][-note.parameters[name].ndim :]
            found = update.chapter(board, f"{note.name}.{name}", tuple(index))
            return [found] if found else []
    return []
