"""BinaryCrossEntropy, MSE and Huber, told: each number of the prediction has a loss of its own; theirs is the mean."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from handgrad.core.arrays import Array
from handgrad.explain.board import Board, shape
from handgrad.explain.equation import settle
from handgrad.explain.expression import Node, Ref, Value, add, call, div, exact, mul, sub, worked
from handgrad.explain.story import Block, Chapter, Formula, Sentence
from handgrad.explain.tell.batch_mean import divided_sum


@dataclass(frozen=True)
class Kind:
    """One loss: its formulas, and the arithmetic of one number's loss and gradient."""

    formula: Formula
    slope: Formula
    one: Callable[[Any, Value, Value], Node]
    back: Callable[[Any, Value, Value], Node]


def _huber(loss: Any, y: Value, t: Value) -> Node:
    d, delta = float(y.value) - float(t.value), exact(loss.delta, "δ")
    if abs(d) <= loss.delta:
        return mul(exact(0.5), call("pow", sub(y, t), exact(2)))
    return mul(delta, sub(call("abs", sub(y, t)), mul(exact(0.5), delta)))


def _huber_back(loss: Any, y: Value, t: Value) -> Node:
    delta = exact(loss.delta, "δ")
    return call("max", call("neg", delta), call("min", delta, sub(y, t)))


def _sigmoid(z: Value) -> Node:
    return div(exact(1), add(exact(1), call("exp", call("neg", z))))


KINDS: dict[str, Kind] = {
    "MSE": Kind(
        Formula("L = (1/N) Σ (x - t)²", r"L = \frac{1}{N} \sum (x - t)^2"),
        Formula("dx = 2 (x - t) / N", r"dx = \frac{2\,(x - t)}{N}"),
        lambda loss, y, t: call("pow", sub(y, t), exact(2)),
        lambda loss, y, t: mul(exact(2), sub(y, t)),
    ),
    "Huber": Kind(
        Formula("one = d²/2 if |d| ≤ δ else δ (|d| - δ/2),  d = x - t,  L = (1/N) Σ one",
                r"\ell = \begin{cases} d^2/2 & |d| \le \delta \\ \delta(|d| - \delta/2) & |d| > \delta \end{cases},"
                r"\quad L = \frac{1}{N} \sum \ell"),
        Formula("dx = max(-δ, min(δ, d)) / N", r"dx = \frac{\max(-\delta, \min(\delta, d))}{N}"),
        _huber,
        _huber_back,
    ),
    "BinaryCrossEntropy": Kind(
        Formula("one = max(x, 0) - x t + log(1 + exp(-|x|)),  L = (1/N) Σ one",
                r"\ell = \max(x, 0) - x t + \log(1 + e^{-|x|}), \quad L = \frac{1}{N} \sum \ell"),
        Formula("dx = (1 / (1 + exp(-x)) - t) / N", r"dx = \frac{1}{N}\left(\frac{1}{1 + e^{-x}} - t\right)"),
        lambda loss, y, t: add(sub(call("max", y, exact(0)), mul(y, t)),
                               call("log", add(exact(1), call("exp", call("neg", call("abs", y)))))),
        lambda loss, y, t: sub(_sigmoid(y), t),
    ),
}  # fmt: skip


def chapters(board: Board, name: str) -> list[Chapter]:
    """The loss and the first step back."""
    kind, note, row = KINDS[name], board.trace.loss, board.row
    assert note.dprediction is not None
    cell = board.outputs[board.trace.layers[-1].name]
    index = (row, *_unravelled(cell, note.prediction.shape[1:]))
    shown = ",".join(map(str, index[1:]))
    y = Value(note.prediction[index], f"x[{shown}]", Ref("loss.prediction", index))
    t = Value(note.target[index].astype(note.prediction.dtype), f"t[{shown}]", Ref("loss.target", index))
    each, size = note.inside["mean.values"][0], note.prediction.size
    count = board.divide_by
    chosen, rest = board.largest_terms(each.reshape(-1))
    terms = [Value(each.reshape(-1)[i], f"one[{','.join(map(str, _unravelled(i, each.shape)))}]") for i in chosen]
    total = add(*terms, *([rest] if rest else []))
    blocks: list[Block] = [
        Sentence("explain_loss.one_number", {"cell": cell}),
        settle(f"one[{','.join(map(str, index))}]", kind.one(note.loss, y, t), each[index], digits=board.digits),
    ]
    share = board.share(row)
    if share is not None:
        blocks += _weighted(board, each)
    elif size > 1 or count != 1:
        said = {"batch": len(note.prediction), "count": f"{count:g}"}
        key = "divided" if count != size else "mean_of_all" if board.divides_once else "mean_of_all_alone"
        blocks.append(Sentence(f"explain_loss.{key}", said))
        blocks += divided_sum(board, "L", total, exact(count, "N"), note.value)
    dx = note.dprediction[index]
    left = count / board.trace.times.get("loss.dprediction", 1.0)
    gradient = kind.back(note.loss, y, t)
    gradient = div(gradient, exact(left, "N" if left == count else "")) if left != 1 else gradient
    gradient = mul(kind.back(note.loss, y, t), share) if share is not None else gradient
    key = "back_numbers" if board.divides_once else "back_numbers_divided"
    if share is not None or left == 1:
        key = "back_numbers_weighted" if share is not None else "back_numbers_undivided"
    back: list[Block] = [
        Sentence(f"explain_loss.{key}", {"count": f"{left:g}"}),
        settle(f"dx[{shown}]", gradient, dx, digits=board.digits, ref=Ref("loss.dprediction", index)),
        Sentence("explain_loss.back_up" if dx < 0 else "explain_loss.back_down"),
    ]
    shapes = (shape("x", "loss.prediction", note.prediction), shape("t", "loss.target", note.target))
    return [
        Chapter("loss", "loss", Sentence("explain.title_loss", {"kind": name}), "", name,
                (Sentence(f"explain_loss.about_{name.lower()}"),), (kind.formula,), shapes, tuple(blocks)),
        Chapter("backward-loss", "backward", Sentence("explain.title_back_loss", {"kind": name}), "", name,
                (Sentence("explain_loss.about_back"),), (kind.slope,),
                (shape("dx", "loss.dprediction", note.dprediction),), tuple(back)),
    ]  # fmt: skip


def _weighted(board: Board, each: Array) -> list[Block]:
    """L = part × one + ..., of rows that count differently."""
    shares = np.broadcast_to(board.trace.loss.inside["mean.share"][-1].reshape(-1, *[1] * (each.ndim - 1)), each.shape)
    chosen, rest = board.largest_terms((shares.astype(np.float64) * each).reshape(-1))
    parts = []
    for i in chosen:
        place = _unravelled(i, each.shape)
        one = Value(each[place], f"one[{','.join(map(str, place))}]")
        parts.append(worked(mul(Value(shares[place], f"part[{place[0]}]"), one)))
    said = Sentence("explain_loss.weighted_numbers")
    total = add(*parts, *([rest] if rest else []))
    return [said, settle("L", total, board.trace.loss.value, digits=board.digits)]


def _unravelled(flat: int, of: tuple[int, ...]) -> tuple[int, ...]:
    """The place of number `flat` in an array of this shape."""
    found: list[int] = []
    for size in reversed(of):
        flat, i = divmod(flat, size)
        found.insert(0, i)
    return tuple(found)
