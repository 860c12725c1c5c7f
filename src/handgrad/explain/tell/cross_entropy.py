"""Softmax and cross-entropy as one loss, told: shift, exponentials, their sum, quotients, the one term that counts."""

from __future__ import annotations

import numpy as np

from handgrad.core.arrays import Array
from handgrad.explain.board import Board, shape
from handgrad.explain.decimals import to_digits
from handgrad.explain.equation import Equation, settle
from handgrad.explain.expression import Node, Ref, Value, add, call, div, exact, mul, sub, worked
from handgrad.explain.story import Block, Chapter, Formula, Picture, Sentence
from handgrad.explain.tell.batch_mean import batch_mean
from handgrad.explain.trace import LossNote

FORMULAS = (
    Formula("p[i] = exp(z[i]) / Σₖ exp(z[k]),  z = x - max x", r"p_i = \frac{e^{z_i}}{\sum_k e^{z_k}},"
            r"\quad z = x - \max x"),
    Formula("L = -(1/B) Σ_b Σᵢ t[b,i] log p[b,i]", r"L = -\frac{1}{B} \sum_b \sum_i t_{bi} \log p_{bi}"),
)  # fmt: skip
BACKWARD = Formula("dx[i] = (p[i] - t[i]) / B", r"dx_i = \frac{p_i - t_i}{B}")


def chapters(board: Board, kind: str) -> list[Chapter]:
    """The loss and the first step back."""
    return [_softmax(board, kind), _loss(board, kind), _backward(board, kind)]


def steps(loss: LossNote) -> dict[str, Array]:
    """What this loss works out on its way, a row for each image: "loss.z", "loss.e", "loss.total", "loss.p"."""
    inside = loss.inside
    if not {"z", "e", "total", "dz"} <= inside.keys():  # one that inherits its name, and works otherwise
        return {}
    return {
        "loss.z": inside["z"][-1].T, "loss.e": inside["e"][-1].T, "loss.total": inside["total"][-1],
        "loss.p": inside["dz"][0].T,
    }  # fmt: skip


def _softmax(board: Board, kind: str) -> Chapter:
    """From the scores of the followed image to the shares of the classes."""
    loss, row, right = board.trace.loss, board.row, board.right
    x = loss.prediction[row]
    z, e = loss.inside["z"][-1][:, row], loss.inside["e"][-1][:, row]
    total, p = loss.inside["total"][-1][row], loss.inside["dz"][0][:, row]
    top, best = int(np.argmax(x)), int(np.argmax(p))
    shown = [right, *(int(k) for k in np.argsort(-x) if k != right)][: board.shown_classes]

    def score(k: int) -> Value:
        return Value(x[k], f"x[{k}]", Ref("loss.prediction", (row, k)))

    def own(letter: str, k: int) -> Value:
        return Value({"z": z, "e": e, "p": p}[letter][k], f"{letter}[{k}]", Ref(f"loss.{letter}", (row, k)))

    if np.array_equal(z, x):  # somebody's code that takes nothing off
        blocks: list[Block] = [Sentence("explain_loss.exponentials_alone")]
        blocks += [board.equation(own("e", k), call("exp", score(k))) for k in shown]
    else:
        said = {"top": top, "largest": to_digits(x[top], board.digits)}
        blocks = [Sentence("explain_loss.shift", said)]
        blocks += [board.equation(own("z", k), sub(score(k), score(top))) for k in shown]
        blocks.append(Sentence("explain_loss.exponentials"))
        blocks += [board.equation(own("e", k), call("exp", own("z", k))) for k in shown]
    blocks.append(_total(board, e, total))
    blocks.append(Sentence("explain_loss.quotients", {"classes": len(x)}))
    whole = Value(total, "total", Ref("loss.total", (row,)))
    blocks += [board.equation(own("p", k), div(own("e", k), whole)) for k in shown]
    title = Sentence("explain_loss.probabilities")
    blocks.append(Picture("bars", title, p, "loss.p", (row, -1), (right,), board.class_names(len(x))))
    said = {"right": board.class_name(right), "best": board.class_name(best), "share": f"{float(p[best]):.2%}"}
    blocks.append(Sentence("explain_loss.answer_right" if best == right else "explain_loss.answer_wrong", said))
    return Chapter(
        "softmax", "loss", Sentence("explain.title_softmax", {"kind": kind}), "", kind,
        (Sentence("explain_loss.about_softmax"),), FORMULAS[:1],
        (shape("x", "loss.prediction", loss.prediction),), tuple(blocks),
    )  # fmt: skip


def _loss(board: Board, kind: str) -> Chapter:
    """From the shares to the loss of the followed image, and to the mean over the batch."""
    loss, row = board.trace.loss, board.row
    z, total = loss.inside["z"][-1][:, row], loss.inside["total"][-1][row]
    return Chapter(
        "loss", "loss", Sentence("explain.title_loss", {"kind": kind}), "", kind,
        (Sentence("explain_loss.about_softmax_cross_entropy"),), FORMULAS[1:],
        (shape("t", "loss.target", loss.target),), tuple(_own_loss(board, z, total)),
    )  # fmt: skip


def _total(board: Board, e: Array, total: float) -> Equation:
    chosen, rest = board.largest_terms(e)
    terms = [Value(e[k], f"e[{k}]", Ref("loss.e", (board.row, k))) for k in sorted(chosen)]
    ref = Ref("loss.total", (board.row,))
    return settle("total", add(*terms, *([rest] if rest else [])), total, digits=board.digits, ref=ref)


def _own_loss(board: Board, z: Array, total: float) -> list[Block]:
    """The followed image's own loss, and the mean over the batch."""
    inside, row = board.trace.loss.inside, board.row
    losses = inside["mean.values"][0]
    if "surprise" not in inside:  # whole-number labels: one term is left
        right = board.right
        ends = Ref("loss.total", (row,)), Ref("loss.z", (row, right))
        one: Node = sub(call("log", Value(total, "total", ends[0])), Value(z[right], f"z[{right}]", ends[1]))
        said = Sentence("explain_loss.one_term", {"right": board.class_name(right)})
        own = settle(f"-log p[{right}]", one, losses[row], digits=board.digits)
        return [said, own, *batch_mean(board, losses)]
    t, surprise = inside["t"][-1], inside["surprise"][-1]
    chosen, rest = board.largest_terms((t * surprise)[:, row])
    parts = [worked(mul(Value(t[k, row], f"t[{k}]"), Value(surprise[k, row], f"-log p[{k}]"))) for k in chosen]
    own = settle("own loss", add(*parts, *([rest] if rest else [])), losses[row], digits=board.digits)
    return [Sentence("explain_loss.all_terms"), own, *batch_mean(board, losses)]


def _backward(board: Board, kind: str) -> Chapter:
    """(p - t) / B for the classes that matter most."""
    loss, row, right = board.trace.loss, board.row, board.right
    assert loss.dprediction is not None
    dx, p, b = loss.dprediction[row], loss.inside["dz"][0][:, row], len(loss.dprediction)
    targets = loss.inside["t"][-1][:, row] if "t" in loss.inside else (np.arange(len(dx)) == right).astype(dx.dtype)
    shown = [right, *(int(k) for k in np.argsort(-np.abs(dx)) if k != right)][: board.shown_classes]
    divide_by = float(getattr(loss.loss, "divide_by", b)) / board.trace.times.get("loss.dprediction", 1.0)
    key = "back_one" if b == 1 else "back_batch" if board.divides_once else "back_mean"
    blocks: list[Block] = [Sentence(f"explain_loss.{key}", {"batch": b})]
    if divide_by != b:
        key = "back_divided" if divide_by != 1 else "back_undivided"
        blocks = [Sentence(f"explain_loss.{key}", {"count": f"{divide_by:g}"})]
    if board.share(row) is not None:
        blocks = [Sentence("explain_loss.back_weighted")]
    for k in shown:
        t = Value(targets[k], f"t[{k}]", exact=float(targets[k]).is_integer())
        difference = sub(Value(p[k], f"p[{k}]", Ref("loss.p", (row, k))), t)
        ref = Ref("loss.dprediction", (row, k))
        expression = div(difference, exact(divide_by, "B" if divide_by == b else "N")) if divide_by != 1 else difference
        if (share := board.share(row)) is not None:
            expression = mul(difference, share)
        blocks.append(settle(f"dx[{k}]", expression, dx[k], digits=board.digits, ref=ref))
    if np.count_nonzero(dx < 0) == 1 and dx[right] < 0:
        blocks.append(Sentence("explain_loss.back_signs", {"right": board.class_name(right)}))
    title = Sentence("explain_loss.back_picture")
    blocks.append(Picture("bars", title, dx, "loss.dprediction", (row, -1), (right,), board.class_names(len(dx))))
    return Chapter(
        "backward-loss", "backward", Sentence("explain.title_back_loss", {"kind": kind}), "", kind,
        (Sentence("explain_loss.about_back_softmax_cross_entropy"),), (BACKWARD,),
        (shape("dx", "loss.dprediction", loss.dprediction),), tuple(blocks),
    )  # fmt: skip
