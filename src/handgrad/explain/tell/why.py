"""Why did this weight move? Its gradient, image by image, and then what the optimizer made of it."""

from __future__ import annotations

import re

import numpy as np

from handgrad.core.arrays import Array
from handgrad.errors import InputError
from handgrad.explain.board import Board, shape, when
from handgrad.explain.decimals import signed
from handgrad.explain.expression import Node, Ref, Value, add, mul, worked
from handgrad.explain.story import Block, Chapter, Formula, Picture, Sentence, Story
from handgrad.explain.tell import update
from handgrad.explain.trace import LayerNote

_FORMULAS = {
    "weight": Formula("dW[i,j] = Σ_b x[b,i] dy[b,j]", r"dW_{ij} = \sum_b x_{bi}\, dy_{bj}"),
    "bias": Formula("db[j] = Σ_b dy[b,j]", r"db_j = \sum_b dy_{bj}"),
    "scale": Formula("dscale[j] = Σ_b dy[b,j] xhat[b,j]", r"d\gamma_j = \sum_b dy_{bj}\, \hat x_{bj}"),
    "shift": Formula("dshift[j] = Σ_b dy[b,j]", r"d\beta_j = \sum_b dy_{bj}"),
}
_MOST_PICTURES = 3


def why(board: Board, weight: str) -> Story:
    """The story of one weight, such as "fc1.weight[392,17]".

    Raises:
        InputError: no such parameter or place in it, or one of a layer whose formula is not known here.
    """
    note, short, index = _find(board, weight)
    name = f"{note.name}.{short}"
    done = board.trace.update_of(name, index) if name in board.trace.after else None
    change = float(done.after) - float(done.before) if done is not None else 0.0
    title = Sentence("explain_why.title" if change else "explain_why.title_still",
                     {"name": f"{name}[{_shown(index)}]", "change": signed(change)})  # fmt: skip
    chapters = [_gradient(board, note, short, index)]
    told = update.chapter(board, name, index)
    return Story(
        title, (*chapters, *([told] if told else [])), board.trace.arrays(), board.row,
        {"why": f"{name}[{_shown(index)}]", "change": change, "batch": len(board.moment.labels),
         "step": board.moment.step},
    )  # fmt: skip


def _find(board: Board, weight: str) -> tuple[LayerNote, str, tuple[int, ...]]:
    found = re.fullmatch(r"\s*([^\[\]]+?)\s*\[\s*(\d+(?:\s*,\s*\d+)*)\s*\]\s*", weight)
    named = {f"{note.name}.{short}": (note, short) for note in board.trace.layers for short in note.parameters}
    if not found:
        example = next(iter(named), "fc1.weight")
        raise InputError("explain_why.form", got=weight, example=f"{example}[0,0]")
    if found[1] not in named:
        raise InputError("explain_why.no_parameter", got=found[1], names=", ".join(named) or "-")
    note, short = named[found[1]]
    index = tuple(int(part) for part in found[2].split(","))
    shape = note.parameters[short].shape
    if len(index) != len(shape) or any(i >= n for i, n in zip(index, shape, strict=True)):
        last = ",".join(str(n - 1) for n in shape)
        raise InputError("explain_why.no_weight", name=found[1], got=_shown(index), last=last)
    if short not in _FORMULAS or not {"Linear", "BatchNorm", "LayerNorm"} & set(note.kinds):
        raise InputError("explain_why.unknown", name=found[1], kind=type(note.layer).__name__)
    return note, short, index


def _gradient(board: Board, note: LayerNote, short: str, index: tuple[int, ...]) -> Chapter:
    """Each image's term of the gradient: the largest with their pictures, and the sum."""
    assert note.x is not None
    assert note.dy is not None
    dy = note.dy[:, index[-1]]
    other = _other_factor(note, short, index)
    terms = dy.astype(np.float64) if other is None else dy.astype(np.float64) * other
    chosen, rest = board.largest_terms(terms, wide=True)
    letter = update.LETTERS.get(short, short)
    parts: list[Node] = []
    for b in chosen:
        slope = board.value(note, "dy", index[-1], b)
        if other is None:
            parts.append(slope)
        else:
            factor = Value(other[b], f"x[{b},{index[0]}]", Ref(f"{note.name}.x", (b, index[0])))
            parts.append(worked(mul(factor if short == "weight" else Value(other[b], f"xhat[{b},{index[0]}]"), slope)))
    result = board.gradient(note, short, letter, *index)
    batch = len(note.x)
    blocks: list[Block] = [*_where(board, note, short, index)]
    counted = {"batch": batch, "zeros": int(np.count_nonzero(terms == 0))}
    if not terms.any():
        blocks.append(Sentence("explain_why.all_zero", counted))
    else:
        blocks.append(Sentence("explain_why.terms" if batch > 1 else "explain_why.one_term", counted))
    blocks += board.told(result, add(*parts, *([rest] if rest else [])) if batch > 1 else parts[0])
    if counted["zeros"] and terms.any():
        blocks.append(Sentence("explain_why.zeros", counted))
    if board.moment.picture_shape is not None and terms.any():
        seen = (index[0],) if short == "weight" and note is board.trace.layers[0] else ()
        blocks += [_picture(board, b, terms, seen) for b in chosen[:_MOST_PICTURES]]
    return Chapter(
        "why", "why", Sentence("explain_why.title_gradient", {"name": f"{note.name}.{short}[{_shown(index)}]"}),
        note.name, type(note.layer).__name__, (when(board.moment), Sentence("explain_why.about", {"batch": batch})),
        (_FORMULAS[short],), (shape("dy", f"{note.name}.dy", note.dy),), tuple(blocks),
    )  # fmt: skip


def _other_factor(note: LayerNote, short: str, index: tuple[int, ...]) -> Array | None:
    """What dy is multiplied by, for each image; None where by nothing."""
    assert note.x is not None
    if short == "weight":
        return note.x[:, index[0]]
    if short == "scale":
        xhat: Array = note.inside_backward["xhat"][-1]
        return xhat[:, index[0]]
    return None


def _where(board: Board, note: LayerNote, short: str, index: tuple[int, ...]) -> list[Block]:
    """What the weight connects, in words."""
    if short == "weight":
        said = {"cell": index[0], "unit": index[1], "name": note.name}
        if note is board.trace.layers[0] and board.moment.picture_shape is not None:
            row, column = divmod(index[0], board.moment.picture_shape[1])
            return [Sentence("explain_why.pixel", said | {"row": row, "column": column})]
        return [Sentence("explain_why.weight", said)]
    return [Sentence(f"explain_why.{short}", {"unit": index[0], "name": note.name})]


def _picture(board: Board, b: int, terms: Array, marked: tuple[int, ...]) -> Picture:
    moment = board.moment
    said = {"image": moment.names[b], "label": moment.label_name(b), "term": signed(terms[b]), "row": b}
    first = board.trace.layers[0].name
    return Picture("image", Sentence("explain_why.picture", said), moment.images[b], f"{first}.x", (b, -1), marked)


def _shown(index: tuple[int, ...]) -> str:
    return ",".join(map(str, index))
