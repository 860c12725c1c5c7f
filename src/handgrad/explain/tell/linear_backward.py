"""Linear on the way back, told: each weight's gradient, the bias's, and what the layer before gets to hear."""

from __future__ import annotations

from handgrad.explain.board import Board, shape
from handgrad.explain.expression import add, mul
from handgrad.explain.story import Block, Chapter, Formula, Picture, Sentence
from handgrad.explain.trace import LayerNote

FORMULAS = (
    Formula("dW[i,j] = Σ_b x[b,i] dy[b,j]        dW = xᵀ dy", r"dW_{ij} = \sum_b x_{bi}\, dy_{bj} \qquad dW = x^T dy"),
    Formula("db[j]   = Σ_b dy[b,j]", r"db_j = \sum_b dy_{bj}"),
    Formula("dx[i]   = Σⱼ dy[j] W[i,j]           dx = dy Wᵀ", r"dx_i = \sum_j dy_j W_{ij} \qquad dx = dy\, W^T"),
)


def backward(board: Board, note: LayerNote) -> Chapter:
    """The three sums of one unit."""
    assert note.x is not None
    assert note.dy is not None
    unit, cell = board.outputs[note.name], board.inputs[note.name]
    blocks: list[Block] = [*weight_gradient(board, note, cell, unit)]
    if "bias" in note.gradients:
        blocks += bias_gradient(board, note, unit)
    if note.dx is not None:
        blocks.append(Sentence("explain_linear.back_input", {"cell": cell, "outputs": note.dy.shape[1]}))
        blocks += board.products(
            board.value(note, "dx", cell),
            note.dy[board.row],
            note.parameters["weight"][cell],
            lambda j: board.value(note, "dy", j),
            lambda j: board.learned(note, "weight", "W", cell, j),
        )
    if note is board.trace.layers[0] and board.moment.picture_shape is not None:
        picture = note.gradients["weight"][:, unit].reshape(board.moment.picture_shape)
        title = Sentence("explain_linear.gradient_picture", {"unit": unit})
        blocks.append(Picture("heat", title, picture, f"{note.name}.dweight", (-1, unit), (cell,)))
    shapes = [shape("x", f"{note.name}.x", note.x), shape("dy", f"{note.name}.dy", note.dy)]
    shapes.append(shape("dW", f"{note.name}.dweight", note.gradients["weight"]))
    if "bias" in note.gradients:
        shapes.append(shape("db", f"{note.name}.dbias", note.gradients["bias"]))
    if note.dx is not None:
        shapes.append(shape("dx", f"{note.name}.dx", note.dx))
    return Chapter(
        f"backward-{note.name}", "backward", Sentence("explain.title_backward", {"name": note.name, "kind": "Linear"}),
        note.name, "Linear", (_about(board, note),), FORMULAS, tuple(shapes), tuple(blocks),
    )  # fmt: skip


def _about(board: Board, note: LayerNote) -> Sentence:
    """What the three sums are for, once; further down only that they are the same again."""
    notes = board.trace.layers
    above = [other.name for other in notes[notes.index(note) + 1 :] if "Linear" in other.kinds]
    if not above:
        return Sentence("explain_linear.about_backward")
    return Sentence("explain_linear.about_backward_again", {"above": above[0], "name": note.name})


def weight_gradient(board: Board, note: LayerNote, cell: int, unit: int) -> list[Block]:
    """dW[cell, unit]: a product for each image of the batch."""
    assert note.x is not None
    assert note.dy is not None
    result = board.gradient(note, "weight", "W", cell, unit)
    if len(note.x) == 1:
        product = mul(board.value(note, "x", cell), board.value(note, "dy", unit))
        said = Sentence("explain_linear.back_weight", {"cell": cell, "unit": unit})
        return [said, *board.told(result, product)]
    equations = board.products(
        result,
        note.x[:, cell],
        note.dy[:, unit],
        lambda b: board.value(note, "x", cell, b),
        lambda b: board.value(note, "dy", unit, b),
    )
    said = Sentence("explain_linear.back_weight_batch", {"cell": cell, "unit": unit, "batch": len(note.x)})
    return [said, *equations]


def bias_gradient(board: Board, note: LayerNote, unit: int) -> list[Block]:
    """db[unit]: why it is a sum, and the sum."""
    assert note.dy is not None
    result = board.gradient(note, "bias", "b", unit)
    if len(note.dy) == 1:
        said = Sentence("explain_linear.back_bias", {"unit": unit})
        return [said, *board.told(result, board.value(note, "dy", unit))]
    chosen, rest = board.largest_terms(note.dy[:, unit])
    terms = [board.value(note, "dy", unit, b) for b in chosen]
    key = "back_bias_batch" if board.divides_once else "back_bias_sum" if board.times(result) == 1 else "back_bias_mean"
    said = Sentence(f"explain_linear.{key}", {"unit": unit, "batch": len(note.dy)})
    return [said, *board.told(result, add(*terms, *([rest] if rest else [])))]
