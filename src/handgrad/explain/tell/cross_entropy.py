"""Softmax and cross-entropy as one loss, told: shift, exponentials, their sum, quotients, the one term that counts."""

from __future__ import annotations

import numpy as np

from handgrad.core.arrays import Array
from handgrad.explain.board import Board, shape
from handgrad.explain.equation import Equation, settle
from handgrad.explain.expression import Ref, Value, add, call, div, exact, mul, sub, worked
from handgrad.explain.story import Block, Chapter, Formula, Picture, Sentence

FORMULAS = (
    Formula("p[i] = exp(z[i]) / Σₖ exp(z[k])    with  z = x - max x", r"p_i = \frac{e^{z_i}}{\sum_k e^{z_k}},"
            r"\quad z = x - \max x"),
    Formula("L = -(1/B) Σ_b log p[label of b]", r"L = -\frac{1}{B} \sum_b \log p_{t_b}"),
)  # fmt: skip


def forward(board: Board) -> Chapter:
    """From the scores to the loss of the followed image, and to the mean over the batch."""
    loss, row = board.trace.loss, board.row
    right = board.outputs[board.trace.layers[-1].name]
    x = loss.prediction[row]
    z, e = loss.inside["z"][-1][:, row], loss.inside["e"][-1][:, row]
    total, p = loss.inside["total"][-1][row], loss.inside["dz"][0][:, row]
    top, best = int(np.argmax(x)), int(np.argmax(p))
    rivals = [right, *(int(k) for k in np.argsort(-x) if k != right)]
    shown = rivals[: min(len(rivals), 3)]
    names = board.moment.classes or tuple(map(str, range(len(x))))

    def score(k: int) -> Value:
        return Value(x[k], f"x[{k}]", Ref("loss.prediction", (row, k)))

    blocks: list[Block] = [Sentence("explain_loss.shift", {"top": top, "largest": f"{float(x[top]):.4g}"})]
    blocks += [settle(f"z[{k}]", sub(score(k), score(top)), z[k], digits=board.digits) for k in shown]
    blocks.append(Sentence("explain_loss.exponentials"))
    blocks += [settle(f"e[{k}]", call("exp", Value(z[k], f"z[{k}]")), e[k], digits=board.digits) for k in shown]
    blocks.append(_total(board, e, total))
    blocks.append(Sentence("explain_loss.quotients", {"classes": len(x)}))
    whole = Value(total, "total")
    blocks += [settle(f"p[{k}]", div(Value(e[k], f"e[{k}]"), whole), p[k], digits=board.digits) for k in shown]
    labels = tuple(names)
    blocks.append(Picture("bars", Sentence("explain_loss.probabilities"), p, marked=(right,), labels=labels))
    said = {"right": names[right], "best": names[best], "share": f"{float(p[best]):.2%}"}
    blocks.append(Sentence("explain_loss.answer_right" if best == right else "explain_loss.answer_wrong", said))
    blocks += _surprise(board, z, total, right, names[right])
    shapes = (shape("x", "loss.prediction", loss.prediction), shape("t", "loss.target", loss.target))
    return Chapter(
        "loss", "loss", Sentence("explain.title_loss", {"kind": type(loss.loss).__name__}), "",
        type(loss.loss).__name__, (Sentence("explain_loss.about_softmax_cross_entropy"),), FORMULAS, shapes,
        tuple(blocks),
    )  # fmt: skip


def _total(board: Board, e: Array, total: float) -> Equation:
    chosen, rest = board.largest_terms(e)
    terms = [Value(e[k], f"e[{k}]") for k in sorted(chosen)]
    return settle("total", add(*terms, *([rest] if rest else [])), total, digits=board.digits)


def _surprise(board: Board, z: Array, total: float, right: int, name: str) -> list[Block]:
    """The image's own -log p, and the mean over the batch."""
    loss = board.trace.loss
    own = loss.inside["total"][-1], loss.inside["z"][-1]
    labels = loss.target
    surprises = np.log(own[0]) - own[1][labels, np.arange(len(labels))]
    one = sub(call("log", Value(total, "total")), Value(z[right], f"z[{right}]"))
    blocks: list[Block] = [
        Sentence("explain_loss.one_term", {"right": name}),
        settle(f"-log p[{right}]", one, surprises[board.row], digits=board.digits),
    ]
    b = len(labels)
    if b == 1:
        return [*blocks, Sentence("explain_loss.batch_of_one")]
    chosen, rest = board.largest_terms(surprises)
    terms = [Value(surprises[k], f"-log p of {board.moment.names[k]}") for k in chosen]
    mean = mul(div(exact(1), exact(b, "B")), worked(add(*terms, *([rest] if rest else []))))
    blocks += [Sentence("explain_loss.mean", {"batch": b}), settle("L", mean, loss.value, digits=board.digits)]
    return blocks


BACKWARD = Formula("dx[i] = (p[i] - t[i]) / B", r"dx_i = \frac{p_i - t_i}{B}")


def backward(board: Board) -> Chapter:
    """(p - t) / B for the classes that matter most."""
    loss, row = board.trace.loss, board.row
    assert loss.dprediction is not None
    dx, p = loss.dprediction[row], loss.inside["dz"][0][:, row]
    right, b = board.outputs[board.trace.layers[-1].name], len(loss.dprediction)
    names = board.moment.classes or tuple(map(str, range(len(dx))))
    targets = loss.inside["t"][-1][:, row] if "t" in loss.inside else (np.arange(len(dx)) == right).astype(dx.dtype)
    shown = [right, *(int(k) for k in np.argsort(-np.abs(dx)) if k != right)][:3]
    blocks: list[Block] = [Sentence("explain_loss.back_batch" if b > 1 else "explain_loss.back_one", {"batch": b})]
    for k in shown:
        t = Value(targets[k], f"t[{k}]", exact=float(targets[k]).is_integer())
        difference = sub(Value(p[k], f"p[{k}]"), t)
        ref = Ref("loss.dprediction", (row, k))
        expression = div(difference, exact(b, "B")) if b > 1 else difference
        blocks.append(settle(f"dx[{k}]", expression, dx[k], digits=board.digits, ref=ref))
    blocks.append(Sentence("explain_loss.back_signs", {"right": names[right]}))
    title = Sentence("explain_loss.back_picture")
    blocks.append(Picture("bars", title, dx, "loss.dprediction", (row, -1), (right,), tuple(names)))
    return Chapter(
        "backward-loss", "backward", Sentence("explain.title_back_loss", {"kind": type(loss.loss).__name__}), "",
        type(loss.loss).__name__, (Sentence("explain_loss.about_back_softmax_cross_entropy"),), (BACKWARD,),
        (shape("dx", "loss.dprediction", loss.dprediction),), tuple(blocks),
    )  # fmt: skip
