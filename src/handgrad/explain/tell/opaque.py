"""What is not one of ours, or does something else than its name says, told: what went in and what came out."""

from __future__ import annotations

from handgrad.explain.board import Board, shape
from handgrad.explain.decimals import to_digits
from handgrad.explain.story import Block, Chapter, Picture, Sentence
from handgrad.explain.trace import LayerNote


def forward(board: Board, note: LayerNote, *, known: bool = False) -> Chapter:
    """The followed number before and after; `known`: its class is one of ours, and the numbers are not."""
    return _layer(board, note, "forward", ("x", "y"), known=known)


def backward(board: Board, note: LayerNote, *, known: bool = False) -> Chapter:
    """The followed gradient before and after."""
    return _layer(board, note, "backward", ("dy", "dx"), known=known)


def _layer(board: Board, note: LayerNote, part: str, names: tuple[str, str], *, known: bool) -> Chapter:
    kind = type(note.layer).__name__
    cells = (board.inputs[note.name], board.outputs[note.name])
    blocks: list[Block] = []
    for name, cell in zip(names, cells if part == "forward" else cells[::-1], strict=True):
        if getattr(note, name) is not None:
            value = board.value(note, name, cell)
            said = {"name": value.name, "value": to_digits(value.value, board.digits)}
            blocks.append(Sentence(f"explain_opaque.{'went_in' if name in ('x', 'dy') else 'came_out'}", said))
    shapes = tuple(shape(n, f"{note.name}.{n}", getattr(note, n)) for n in names if getattr(note, n) is not None)
    title = Sentence(f"explain.title_{part}", {"name": note.name, "kind": kind})
    about = Sentence("explain_opaque.other_numbers" if known else "explain_opaque.unknown", {"kind": kind})
    return Chapter(f"{part}-{note.name}", part, title, note.name, kind, (about,), (), shapes, tuple(blocks))


def loss(board: Board) -> list[Chapter]:
    """The value that the loss reported, and what it handed back."""
    note, kind = board.trace.loss, type(board.trace.loss.loss).__name__
    about = (Sentence("explain_opaque.loss", {"kind": kind, "value": to_digits(note.value, board.digits)}),)
    chapters = [
        Chapter("loss", "loss", Sentence("explain.title_loss", {"kind": kind}), "", kind, about, (),
                (shape("x", "loss.prediction", note.prediction), shape("t", "loss.target", note.target)))
    ]  # fmt: skip
    if note.dprediction is not None:
        row = note.dprediction[board.row].reshape(-1)
        labels = board.moment.classes if len(board.moment.classes) == len(row) else ()
        picture = Picture("bars", Sentence("explain_loss.back_picture"), row, "loss.dprediction", (board.row, -1), (),
                          labels)  # fmt: skip
        chapters.append(
            Chapter("backward-loss", "backward", Sentence("explain.title_back_loss", {"kind": kind}), "", kind,
                    (Sentence("explain_opaque.loss_back"),), (),
                    (shape("dx", "loss.dprediction", note.dprediction),), (picture,))
        )  # fmt: skip
    return chapters
