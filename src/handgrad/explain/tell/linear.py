"""Linear, told: one weighted sum forward; three sums backward, for the weights, the bias, and what came in."""

from __future__ import annotations

from handgrad.explain.board import Board, shape
from handgrad.explain.story import Block, Chapter, Formula, Picture, Sentence
from handgrad.explain.trace import LayerNote

FORWARD = Formula("y[j] = Σᵢ x[i] W[i,j] + b[j]        y = x W + b", r"y_j = \sum_i x_i W_{ij} + b_j \qquad y = xW + b")


def forward(board: Board, note: LayerNote) -> Chapter:
    """The unit's sum: its largest terms, the rest of them, the bias."""
    assert note.x is not None
    assert note.y is not None
    unit, row = board.outputs[note.name], note.x[board.row]
    inputs, outputs = note.parameters["weight"].shape
    first, last = note is board.trace.layers[0] or _is_pixels(board, note), note is board.trace.layers[-1]
    biased = "bias" in note.parameters
    where = "first" if first and not last else "last" if last and not first else "hidden"
    about = {
        "first": Sentence("explain_linear.about_first", {"inputs": inputs, "outputs": outputs}),
        "hidden": Sentence("explain_linear.about_hidden", {"inputs": inputs, "outputs": outputs}),
        "last": Sentence("explain_linear.about_last", {"inputs": inputs, "outputs": outputs}),
    }[where]
    zeros = int((row == 0).sum())
    blocks: list[Block] = [Sentence("explain_linear.unit_class" if last else "explain_linear.unit", {"unit": unit})]
    blocks += board.products(
        board.value(note, "y", unit),
        row,
        note.parameters["weight"][:, unit],
        lambda i: board.value(note, "x", i),
        lambda i: board.learned(note, "weight", "W", i, unit),
        *([board.learned(note, "bias", "b", unit)] if biased else []),
        wide=True,
    )
    if zeros:
        blocks.append(Sentence("explain_linear.zeros", {"zeros": zeros, "inputs": inputs}))
    if first and board.moment.picture_shape is not None:
        weights = note.parameters["weight"][:, unit].reshape(board.moment.picture_shape)
        title = Sentence("explain_linear.weights_picture", {"unit": unit})
        blocks.append(Picture("heat", title, weights, f"{note.name}.weight", (-1, unit)))
    shapes = [shape("x", f"{note.name}.x", note.x), shape("W", f"{note.name}.weight", note.parameters["weight"])]
    if biased:
        shapes.append(shape("b", f"{note.name}.bias", note.parameters["bias"]))
    return Chapter(
        f"forward-{note.name}", "forward", Sentence("explain.title_forward", {"name": note.name, "kind": "Linear"}),
        note.name, "Linear", (about,), (FORWARD,), (*shapes, shape("y", f"{note.name}.y", note.y)), tuple(blocks),
    )  # fmt: skip


def _is_pixels(board: Board, note: LayerNote) -> bool:
    """Whether what comes in is the image, laid out in a row."""
    before = board.trace.layers[: board.trace.layers.index(note)]
    return all("Flatten" in earlier.kinds for earlier in before)
