"""BatchNorm and LayerNorm, told: mean, variance, the normalised number; and back through all three of them.

Both are one formula along another axis: over the batch, or over the features of one image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from handgrad.core.arrays import Array
from handgrad.explain.board import Board, shape
from handgrad.explain.equation import Equation, settle
from handgrad.explain.expression import Node, Ref, Value, add, call, div, exact, mul, sub, worked
from handgrad.explain.story import Block, Chapter, Formula, Sentence
from handgrad.explain.tell.batch_mean import divided_sum
from handgrad.explain.trace import LayerNote

FORMULAS = (
    Formula("xhat = (x - mean) / √(var + eps)", r"\hat x = \frac{x - \mu}{\sqrt{\sigma^2 + \varepsilon}}"),
    Formula("y = scale xhat + shift", r"y = \gamma\, \hat x + \beta"),
)
BACKWARD = (
    Formula("dx = s (dxhat - mean(dxhat) - xhat mean(dxhat xhat)),  dxhat = dy scale,  s = 1/√(var + eps)",
            r"dx = s\left(d\hat x - \overline{d\hat x} - \hat x\,\overline{d\hat x\,\hat x}\right), \quad"
            r" d\hat x = dy\,\gamma"),
    Formula("dscale = Σ_b dy xhat,  dshift = Σ_b dy", r"d\gamma = \sum_b dy_b\,\hat x_b, \quad d\beta = \sum_b dy_b"),
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Line:
    """The numbers that are normalised together: a feature over the batch, or an image over its features."""

    board: Board
    note: LayerNote
    unit: int

    @property
    def over_batch(self) -> bool:
        return "BatchNorm" in self.note.kinds

    def of(self, array: Array) -> Array:
        """The line of an array (B, features)."""
        return array[:, self.unit] if self.over_batch else array[self.board.row]

    @property
    def own(self) -> int:
        """Where the followed number stands in the line."""
        return self.board.row if self.over_batch else self.unit

    def index(self, i: int) -> tuple[int, int]:
        return (i, self.unit) if self.over_batch else (self.board.row, i)

    def value(self, array: Array, name: str, i: int, source: str = "") -> Value:
        """Number i of the line, named by its place in it."""
        ref = Ref(f"{self.note.name}.{source}", self.index(i)) if source else None
        return Value(self.of(array)[i], f"{name}[{i}]", ref)

    def statistic(self, array: Array) -> Any:
        """The one number of this line, of an array of statistics."""
        flat = array.reshape(-1)
        return flat[self.unit if self.over_batch else self.board.row]

    def mean(self, symbol: str, terms: Array, named: Any, result: Any) -> list[Block]:
        """The sum of all terms, and symbol = sum / n."""
        chosen, rest = self.board.largest_terms(terms, few=2)
        parts: list[Node] = [named(i) for i in chosen]
        return divided_sum(self.board, symbol, add(*parts, *([rest] if rest else [])), exact(len(terms), "n"), result)


def forward(board: Board, note: LayerNote) -> Chapter:
    """Mean, variance, and the followed number through them."""
    assert note.x is not None
    assert note.y is not None
    line = _Line(board, note, board.outputs[note.name])
    kind, unit, own = next(k for k in note.kinds if k in ("BatchNorm", "LayerNorm")), line.unit, line.own
    numbers = line.of(note.x)
    mean, var = (line.statistic(note.inside[name][-1]) for name in ("mean", "var"))
    inverse, xhat = line.statistic(note.inside["inverse_std"][-1]), note.inside["xhat"][-1]
    x, mu, s = line.value(note.x, "x", own, "x"), Value(mean, "mean"), Value(inverse, "s")
    squares = (numbers.astype(np.float64) - float(mean)) ** 2
    said = {"unit": unit, "count": len(numbers)}
    blocks: list[Block] = [
        Sentence(f"explain_norm.statistics_{kind.lower()}", said),
        *line.mean("mean", numbers, lambda i: line.value(note.x, "x", i, "x"), mean),
        Sentence("explain_norm.variance"),
        *line.mean("var", squares, lambda i: worked(call("pow", sub(line.value(note.x, "x", i, "x"), mu), exact(2))),
                  var),
        Sentence("explain_norm.normalised"),
        settle("s", div(exact(1), call("sqrt", add(Value(var, "var"), exact(note.layer.eps, "eps")))), inverse,
               digits=board.digits),
        settle(f"xhat[{own}]", mul(sub(x, mu), s), line.of(xhat)[own], digits=board.digits),
        Sentence("explain_norm.scaled"),
        settle(f"y[{own}]", add(mul(board.learned(note, "scale", "scale", unit), line.value(xhat, "xhat", own)),
                                board.learned(note, "shift", "shift", unit)),
               line.of(note.y)[own], digits=board.digits, ref=Ref(f"{note.name}.y", line.index(own))),
    ]  # fmt: skip
    return Chapter(
        f"forward-{note.name}", "forward", Sentence("explain.title_forward", {"name": note.name, "kind": kind}),
        note.name, kind, (Sentence(f"explain_norm.about_{kind.lower()}"),), FORMULAS,
        (shape("x", f"{note.name}.x", note.x), shape("scale", f"{note.name}.scale", note.parameters["scale"]),
         shape("shift", f"{note.name}.shift", note.parameters["shift"]), shape("y", f"{note.name}.y", note.y)),
        tuple(blocks),
    )  # fmt: skip


def backward(board: Board, note: LayerNote) -> Chapter:
    """dx of the followed number, and the gradients of scale and shift."""
    assert note.dy is not None
    assert note.dx is not None
    line = _Line(board, note, board.outputs[note.name])
    kind, unit, own = next(k for k in note.kinds if k in ("BatchNorm", "LayerNorm")), line.unit, line.own
    held = note.inside_backward
    xhat, inverse = held["xhat"][-1], line.statistic(held["inverse_std"][-1])
    dxhat = held["normalise_backward.dxhat"][-1]
    first, second = (line.statistic(held[f"normalise_backward.{name}"][-1]) for name in ("mean_of_d", "mean_of_dx"))
    ds, xs = line.of(dxhat), line.of(xhat)
    m1, m2, s = Value(first, "m1"), Value(second, "m2"), Value(inverse, "s")
    d, x = line.value(dxhat, "dxhat", own), line.value(xhat, "xhat", own)
    products = ds.astype(np.float64) * xs.astype(np.float64)
    scaled = mul(line.value(note.dy, "dy", own, "dy"), board.learned(note, "scale", "scale", unit))
    blocks: list[Block] = [
        settle(f"dxhat[{own}]", scaled, ds[own], digits=board.digits),
        Sentence("explain_norm.back_means"),
        *line.mean("m1", ds, lambda i: line.value(dxhat, "dxhat", i), first),
        *line.mean("m2", products, lambda i: worked(mul(line.value(dxhat, "dxhat", i), line.value(xhat, "xhat", i))),
                  second),
        Sentence("explain_norm.back_input"),
        settle(f"dx[{own}]", mul(s, sub(sub(d, m1), mul(x, m2))), line.of(note.dx)[own], digits=board.digits,
               ref=Ref(f"{note.name}.dx", line.index(own))),
        Sentence("explain_norm.back_learned", {"unit": unit}),
        *board.products(
            board.gradient(note, "scale", "scale", unit), note.dy[:, unit], xhat[:, unit],
            lambda b: board.value(note, "dy", unit, b), lambda b: Value(xhat[b, unit], f"xhat[{b},{unit}]"),
        ),
        _shift(board, note, unit),
    ]  # fmt: skip
    return Chapter(
        f"backward-{note.name}", "backward", Sentence("explain.title_backward", {"name": note.name, "kind": kind}),
        note.name, kind, (Sentence(f"explain_norm.back_{kind.lower()}"),), BACKWARD,
        (shape("dy", f"{note.name}.dy", note.dy), shape("dx", f"{note.name}.dx", note.dx)), tuple(blocks),
    )  # fmt: skip


def _shift(board: Board, note: LayerNote, unit: int) -> Equation:
    assert note.dy is not None
    chosen, rest = board.largest_terms(note.dy[:, unit])
    terms = [board.value(note, "dy", unit, b) for b in chosen]
    return board.equation(board.gradient(note, "shift", "shift", unit), add(*terms, *([rest] if rest else [])))
