"""The Softmax layer, told: shares that add up to 1, and on the way back its full Jacobian."""

from __future__ import annotations

import numpy as np

from handgrad.explain.board import Board, shape
from handgrad.explain.equation import settle
from handgrad.explain.expression import Value, add, call, div, mul, sub
from handgrad.explain.story import Block, Chapter, Formula, Picture, Sentence
from handgrad.explain.trace import LayerNote

FORMULA = Formula(
    "y[i] = exp(x[i] - max x) / Σₖ exp(x[k] - max x)", r"y_i = \frac{e^{x_i - \max x}}{\sum_k e^{x_k - \max x}}"
)
BACKWARD = Formula("dx[j] = y[j] (dy[j] - Σᵢ dy[i] y[i])", r"dx_j = y_j \Big(dy_j - \sum_i dy_i\, y_i\Big)")


def forward(board: Board, note: LayerNote) -> Chapter:
    """Exponentials, their sum, and the quotient of the followed class."""
    assert note.x is not None
    assert note.y is not None
    cell, row = board.outputs[note.name], board.row
    x, e = note.x[row], note.inside["softmax.e"][-1][row]
    top, total = int(np.argmax(x)), e.sum(axis=-1)
    largest = board.value(note, "x", top)
    shown = [cell, *(int(k) for k in np.argsort(-x) if k != cell)][: board.shown_classes]
    chosen, rest = board.largest_terms(e)
    blocks: list[Block] = [Sentence("explain_loss.shift", {"top": top, "largest": f"{float(x[top]):.4g}"})]
    blocks += [
        settle(f"e[{k}]", call("exp", sub(board.value(note, "x", k), largest)), e[k], digits=board.digits)
        for k in shown
    ]
    terms = [Value(e[k], f"e[{k}]") for k in sorted(chosen)]
    blocks.append(settle("total", add(*terms, *([rest] if rest else [])), total, digits=board.digits))
    blocks.append(Sentence("explain_loss.quotients", {"classes": len(x)}))
    for k in shown:
        quotient = div(Value(e[k], f"e[{k}]"), Value(total, "total"))
        blocks.append(board.equation(board.value(note, "y", k), quotient))
    title = Sentence("explain_activations.picture", {"name": note.name})
    labels = board.moment.classes if len(board.moment.classes) == len(x) else ()
    blocks.append(Picture("bars", title, note.y[row], f"{note.name}.y", (row, -1), (cell,), labels))
    return Chapter(
        f"forward-{note.name}", "forward", Sentence("explain.title_forward", {"name": note.name, "kind": "Softmax"}),
        note.name, "Softmax", (Sentence("explain_softmax.about"),), (FORMULA,),
        (shape("x", f"{note.name}.x", note.x), shape("y", f"{note.name}.y", note.y)), tuple(blocks),
    )  # fmt: skip


def backward(board: Board, note: LayerNote) -> Chapter:
    """The weighted mean of what came back, and what is left of the followed class's own."""
    assert note.y is not None
    assert note.dy is not None
    assert note.dx is not None
    cell, row = board.outputs[note.name], board.row
    mean = (note.dy[row] * note.y[row]).sum(axis=-1)
    weighted = Value(mean, "mean")
    blocks: list[Block] = [Sentence("explain_softmax.mean")]
    blocks += board.products(
        weighted,
        note.dy[row],
        note.y[row],
        lambda k: board.value(note, "dy", k),
        lambda k: board.value(note, "y", k),
    )
    blocks.append(Sentence("explain_softmax.difference"))
    shown = [cell, *(int(k) for k in np.argsort(-np.abs(note.dx[row])) if k != cell)][: board.shown_classes]
    for k in shown:
        product = mul(board.value(note, "y", k), sub(board.value(note, "dy", k), weighted))
        blocks += board.told(board.value(note, "dx", k), product)
    return Chapter(
        f"backward-{note.name}", "backward", Sentence("explain.title_backward", {"name": note.name, "kind": "Softmax"}),
        note.name, "Softmax", (Sentence("explain_softmax.back"),), (BACKWARD,),
        (shape("dy", f"{note.name}.dy", note.dy), shape("dx", f"{note.name}.dx", note.dx)), tuple(blocks),
    )  # fmt: skip
