"""The mean over the batch, told once for every loss that has one number an image: where 1/B comes in."""

from __future__ import annotations

from typing import Any

from handgrad.core.arrays import Array
from handgrad.explain.board import Board
from handgrad.explain.equation import settle
from handgrad.explain.expression import Apply, Value, add, div, exact, mul, work_out, worked
from handgrad.explain.story import Block, Sentence


def batch_mean(board: Board, losses: Array) -> list[Block]:
    """L = (own loss + own loss + ...) / B, of the losses (B,) of the images."""
    batch = len(losses)
    divide_by = float(getattr(board.trace.loss.loss, "divide_by", batch))
    if batch == 1 == divide_by:
        return [Sentence("explain_loss.batch_of_one")]
    if board.share(0) is not None:
        return _weighted(board, losses)
    chosen, rest = board.largest_terms(losses)
    terms = [Value(losses[b], board.moment.names[b]) for b in chosen]
    total = add(*terms, *([rest] if rest else []))
    if divide_by != batch:
        said = Sentence("explain_loss.divided", {"count": f"{divide_by:g}"})
        return [said, *divided_sum(board, "L", total, exact(divide_by, "N"), board.trace.loss.value)]
    said = Sentence("explain_loss.mean" if board.divides_once else "explain_loss.mean_alone", {"batch": batch})
    return [said, *divided_sum(board, "L", total, exact(batch, "B"), board.trace.loss.value)]


def _weighted(board: Board, losses: Array) -> list[Block]:
    """L = part × own loss + ..., of images that count differently."""
    shares = board.trace.loss.inside["mean.share"][-1]
    chosen, rest = board.largest_terms(shares.astype(float) * losses)
    names = board.moment.names
    parts = [worked(mul(Value(shares[b], f"part[{b}]"), Value(losses[b], names[b]))) for b in chosen]
    said = Sentence("explain_loss.weighted", {"batch": len(losses)})
    equation = settle("L", add(*parts, *([rest] if rest else [])), board.trace.loss.value, digits=board.digits)
    return [said, equation]


def divided_sum(board: Board, symbol: str, total: Apply, count: Value, result: Any) -> list[Block]:
    """sum = term + term + ..., and symbol = sum / count."""
    dtype = board.trace.loss.prediction.dtype  # in which the net added up, though a loss may report a float
    summed = Value(dtype.type(work_out(total)), "sum")
    return [
        settle("sum", total, summed.value, digits=board.digits),
        settle(symbol, div(summed, count), result, digits=board.digits),
    ]
