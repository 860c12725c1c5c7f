"""CrossEntropy of probabilities, told; and the published one, which hands back something else than its gradient."""

from __future__ import annotations

import numpy as np

from handgrad.explain.board import Board, shape
from handgrad.explain.decimals import to_digits
from handgrad.explain.equation import settle
from handgrad.explain.expression import Node, Ref, Value, add, call, div, exact, mul, sub, worked
from handgrad.explain.story import Block, Chapter, Formula, Sentence
from handgrad.explain.tell.batch_mean import batch_mean

FORMULA = Formula("L = -(1/B) Σ_b Σᵢ t[b,i] log x[b,i]", r"L = -\frac{1}{B} \sum_b \sum_i t_{bi} \log x_{bi}")
BACKWARD = Formula("dx[i] = -t[i] / x[i] / B", r"dx_i = -\frac{t_i}{B\,x_i}")
PUBLISHED = Formula("L = -(1/B) Σ_b Σᵢ t[b,i] log(x[b,i] + 1e-7)",
                    r"L = -\frac{1}{B} \sum_b \sum_i t_{bi} \log(x_{bi} + 10^{-7})")  # fmt: skip
PUBLISHED_BACK = {
    True: Formula("dx[i] = (x[i] - t[i]) / B", r"\frac{x_i - t_i}{B}"),
    False: Formula("dx[i] = x[i] - t[i]", "x_i - t_i"),
}


def chapters(board: Board, kind: str) -> list[Chapter]:
    """The loss and the first step back."""
    note, row, right = board.trace.loss, board.row, board.right
    published = kind == "PublishedCrossEntropy"
    assert note.dprediction is not None
    batch = len(note.prediction)
    x, t = note.prediction, _targets(board)
    offset = 1e-7 if published else 0.0
    logs = np.log(x + offset if published else note.inside["p"][-1])
    losses = -(t * logs).sum(axis=1) if published else note.inside["mean.values"][0]
    value = Value(x[row, right], f"x[{right}]", Ref("loss.prediction", (row, right)))
    log: Node = call("log", add(value, exact(offset)) if published else value)
    shown = [int(k) for k in np.argsort(-t[row]) if t[row, k]]
    if len(shown) == 1:
        own: Node = call("neg", log)
        said = Sentence("explain_loss.one_term_probability", {"right": board.class_name(right)})
    else:
        chosen, rest = board.largest_terms((t * -logs)[row])
        parts = [worked(mul(Value(t[row, k], f"t[{k}]"), Value(-logs[row, k], f"-log x[{k}]"))) for k in chosen]
        own, said = add(*parts, *([rest] if rest else [])), Sentence("explain_loss.all_terms")
    blocks: list[Block] = [said, settle("own loss", own, losses[row], digits=board.digits)]
    blocks += batch_mean(board, losses)
    forms = (PUBLISHED, PUBLISHED_BACK[note.loss.average]) if published else (FORMULA, BACKWARD)
    shapes = (shape("x", "loss.prediction", x), shape("t", "loss.target", note.target))
    about = "explain_loss.about_published" if published else "explain_loss.about_cross_entropy"
    said_back = "explain_loss.back_published" if published else "explain_loss.back_probability"
    share = {"share": to_digits(x[row, right], board.digits), "right": board.class_name(right), "batch": batch}
    return [
        Chapter("loss", "loss", Sentence("explain.title_loss", {"kind": kind}), "", kind, (Sentence(about),),
                forms[:1], shapes, tuple(blocks)),
        Chapter("backward-loss", "backward", Sentence("explain.title_back_loss", {"kind": kind}), "", kind,
                (Sentence(said_back, share),), forms[1:],
                (shape("dx", "loss.dprediction", note.dprediction),), tuple(_back(board, t, published))),
    ]  # fmt: skip


def _back(board: Board, t: np.ndarray, published: bool) -> list[Block]:
    note, row, right = board.trace.loss, board.row, board.right
    assert note.dprediction is not None
    x, dx, batch = note.prediction[row], note.dprediction[row], len(note.prediction)
    shown = [right, *(int(k) for k in np.argsort(-np.abs(dx)) if k != right)][: 3 if published else 1]
    blocks: list[Block] = []
    for k in shown:
        target = Value(t[row, k], f"t[{k}]", exact=float(t[row, k]).is_integer())
        value = Value(x[k], f"x[{k}]", Ref("loss.prediction", (row, k)))
        gradient: Node = sub(value, target) if published else call("neg", div(target, value))
        if not published or note.loss.average:
            by = float(getattr(note.loss, "divide_by", batch)) / board.trace.times.get("loss.dprediction", 1.0)
            gradient = div(gradient, exact(by, "B" if by == batch else "")) if by != 1 or batch == 1 else gradient
        share = board.share(row)
        if share is not None and not published:
            gradient = mul(call("neg", div(target, value)), share)
        ref = Ref("loss.dprediction", (row, k))
        blocks.append(settle(f"dx[{k}]", gradient, dx[k], digits=board.digits, ref=ref))
    return blocks


def _targets(board: Board) -> np.ndarray:
    """The targets as rows (B, classes), as the loss made them where it did."""
    note = board.trace.loss
    if note.inside.get("t"):
        return np.asarray(note.inside["t"][-1])
    return note.target.astype(note.prediction.dtype)
