"""The whole story of a step: the input, forward layer by layer, the loss, the way back to the pixels, the update."""

from __future__ import annotations

from collections.abc import Callable

from handgrad.core.arrays import Array
from handgrad.core.checks import positive_int
from handgrad.errors import InputError
from handgrad.explain.board import DIGITS, MOST_DIGITS, TERMS, Board, follow, shape, when
from handgrad.explain.moment import Moment
from handgrad.explain.story import Block, Chapter, Picture, Sentence, Story
from handgrad.explain.tell import (
    activations,
    cross_entropy,
    elementwise_losses,
    linear,
    linear_backward,
    norm,
    opaque,
    probability_losses,
    softmax,
    update,
)
from handgrad.explain.tell import shape as reshaping
from handgrad.explain.tell.why import why as why_story
from handgrad.explain.trace import LayerNote

Teller = Callable[[Board, LayerNote], Chapter]
# The class of a layer or of one that it inherits from -> who tells of it, forward and backward.
LAYERS: dict[str, tuple[Teller, Teller]] = {
    "Linear": (linear.forward, linear_backward.backward),
    "Softmax": (softmax.forward, softmax.backward),
    "Flatten": (reshaping.flatten, reshaping.flatten_back),
    "Dropout": (reshaping.dropout, reshaping.dropout_back),
    "BatchNorm": (norm.forward, norm.backward),
    "LayerNorm": (norm.forward, norm.backward),
    **dict.fromkeys(activations.CURVES, (activations.forward, activations.backward)),
}
LOSSES: dict[str, Callable[[Board, str], list[Chapter]]] = {
    "SoftmaxCrossEntropy": cross_entropy.chapters,
    "CrossEntropy": probability_losses.chapters,
    "PublishedCrossEntropy": probability_losses.chapters,
    **dict.fromkeys(elementwise_losses.KINDS, elementwise_losses.chapters),
}


def story_of(
    moment: Moment,
    *,
    layer: str | None = None,
    unit: int | None = None,
    why: str | None = None,
    terms: int | None = None,
    digits: int = DIGITS,
) -> Story:
    """The story of a traced step. It is told from the trace alone, so that one trace can be told for many units.

    Args:
        moment: the traced step.
        layer: tell of this layer only; None: of all.
        unit: the unit that is followed in that layer, or in the first one with weights; None: the one
            that matters most.
        why: tell of this weight alone, "fc1.weight[392,17]": what each image says to it, and how it was updated.
        terms: how many terms of a sum are written out; None: five, and fewer where a chapter would fill more than a
            screen otherwise, unless a single layer is asked for.
        digits: how many digits of a result say something.

    Raises:
        InputError: no such layer, unit or weight; terms or digits out of range.
    """
    written = positive_int(TERMS if terms is None else terms, "terms")
    brief = terms is None and layer is None and why is None
    board = Board(moment, written, positive_int(digits, "digits", MOST_DIGITS), brief)
    follow(board, layer, unit)
    if why is not None:
        try:
            return why_story(board, why)
        except ArithmeticError:  # the layer's gradients are not those of its formula
            raise InputError("explain_why.other_gradient", name=why) from None
    notes = board.trace.layers
    chapters = [_input(board), *(_layer(board, note, 0) for note in notes), *_loss(board)]
    chapters += [_layer(board, note, 1) for note in reversed(notes) if note.dy is not None]
    chapters += [*_pixels(board), *_updates(board, layer)]
    if layer is not None:
        chapters = [chapter for chapter in chapters if chapter.layer == layer]
    title = Sentence("explain.title", {"image": moment.names[moment.row]})
    facts = {
        "image": moment.names[moment.row],
        "label": moment.label_name(moment.row),
        "batch": len(moment.labels),
        "step": moment.step,
        "lr": board.trace.lr,
    }
    return Story(title, tuple(chapters), _arrays(board, chapters), moment.row, facts)


def _arrays(board: Board, chapters: list[Chapter]) -> dict[str, Array]:
    """Everything that was noted, and the loss's own steps where they are told."""
    told = any(chapter.key == "loss" and chapter.kind == "SoftmaxCrossEntropy" for chapter in chapters)
    return board.trace.arrays() | (cross_entropy.steps(board.trace.loss) if told else {})


def _layer(board: Board, note: LayerNote, way: int) -> Chapter:
    """A layer forward (0) or backward (1); one whose numbers are not those of its formula as it is."""
    teller = next((LAYERS[kind][way] for kind in note.kinds if kind in LAYERS), None)
    other = opaque.backward if way else opaque.forward
    if teller is None:
        return other(board, note)
    try:
        return teller(board, note)
    except (ArithmeticError, KeyError):  # it inherits from one of ours, and computes something else
        return other(board, note, known=True)


def _loss(board: Board) -> list[Chapter]:
    kinds = [kind.__name__ for kind in type(board.trace.loss.loss).__mro__]
    kind = next((kind for kind in kinds if kind in LOSSES), None)
    try:
        return LOSSES[kind](board, kind) if kind else opaque.loss(board)
    except (ArithmeticError, KeyError):
        return opaque.loss(board)


def _input(board: Board) -> Chapter:
    moment = board.moment
    x = board.trace.layers[0].x
    assert x is not None
    own, label = moment.images[moment.row], moment.label_name(moment.row)
    blocks: list[Block] = []
    if moment.picture_shape is not None:
        title = Sentence("explain.image", {"image": moment.names[moment.row], "label": label})
        blocks.append(Picture("image", title, own, f"{board.trace.layers[0].name}.x", (moment.row, -1)))
    said = {"numbers": own.size, "lit": int((own > 0).sum())}
    about = [Sentence("explain.about_input" if moment.picture_shape else "explain.about_input_row", said)]
    about.append(Sentence("explain.label" if moment.own_label else "explain.no_own_label", {"label": label}))
    about.append(when(moment))
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
            sizes = note.parameters[name].shape
            cells = [board.inputs[note.name], board.outputs[note.name]][-len(sizes) :]
            index = tuple(min(cell, size - 1) for cell, size in zip(cells, sizes, strict=False))
            if len(index) == len(sizes):
                found = update.chapter(board, f"{note.name}.{name}", index)
                return [found] if found else []
    return []
