"""The activations, told: each number alone is bent, and on the way back its gradient is multiplied by the slope."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from handgrad.explain.board import Board, shape
from handgrad.explain.expression import Apply, Node, Value, add, call, div, exact, mul, sub
from handgrad.explain.story import Block, Chapter, Formula, Picture, Sentence
from handgrad.explain.trace import LayerNote


@dataclass(frozen=True)
class Curve:
    """One activation: its formula, and its arithmetic for one number x."""

    formula: Formula
    forward: Callable[[LayerNote, Value], Node]


def _sigmoid(note: LayerNote, x: Value) -> Node:
    return div(exact(1), add(exact(1), call("exp", call("neg", x))))


def _left(x: Value) -> bool:
    return not float(x.value) > 0


def _elu(note: LayerNote, x: Value) -> Node:
    return mul(exact(note.layer.alpha), sub(call("exp", x), exact(1))) if _left(x) else call("max", exact(0), x)


def _gelu(note: LayerNote, x: Value) -> Node:
    if note.layer.approximate != "tanh":
        return mul(x, call("Phi", x))
    cube = mul(exact(0.044715), call("pow", x, exact(3)))
    inner = mul(call("sqrt", div(exact(2), Value(math.pi, "π"))), add(x, cube))
    return mul(exact(0.5), x, add(exact(1), call("tanh", inner)))


CURVES: dict[str, Curve] = {
    "Sigmoid": Curve(Formula("y = 1 / (1 + exp(-x))", r"y = \frac{1}{1 + e^{-x}}"), _sigmoid),
    "Tanh": Curve(Formula("y = tanh(x)", r"y = \tanh x"), lambda note, x: call("tanh", x)),
    "ReLU": Curve(Formula("y = max(0, x)", r"y = \max(0, x)"), lambda note, x: call("max", exact(0), x)),
    "LeakyReLU": Curve(
        Formula("y = max(x, slope · x)", r"y = \max(x, s\,x)"),
        lambda note, x: call("max", x, mul(exact(note.layer.slope), x)),
    ),
    "ELU": Curve(
        Formula("y = x for x > 0, else α (exp(x) - 1)", r"y = \begin{cases} x & x > 0 \\ \alpha (e^x - 1) & x \le 0"
                r"\end{cases}"), _elu,
    ),
    "GELU": Curve(Formula("y = x Φ(x)", r"y = x\,\Phi(x)"), _gelu),
    "SiLU": Curve(
        Formula("y = x / (1 + exp(-x))", r"y = \frac{x}{1 + e^{-x}}"),
        lambda note, x: div(x, add(exact(1), call("exp", call("neg", x)))),
    ),
    "Softplus": Curve(
        Formula("y = log(1 + exp(x))", r"y = \log(1 + e^x)"),
        lambda note, x: call("log", add(exact(1), call("exp", x))),
    ),
}  # fmt: skip


def curve_of(note: LayerNote) -> tuple[str, Curve]:
    """(name, curve) of an activation."""
    name = next(kind for kind in note.kinds if kind in CURVES)
    return name, CURVES[name]


def forward(board: Board, note: LayerNote) -> Chapter:
    """y = f(x) at the unit that is followed, and how many of the others pass."""
    assert note.x is not None
    assert note.y is not None
    name, curve = curve_of(note)
    cell, row = board.outputs[note.name], note.y[board.row].reshape(-1)
    expression: Apply | Node = curve.forward(note, board.value(note, "x", cell))
    blocks: list[Block] = [board.equation(board.value(note, "y", cell), expression)]
    if name == "ReLU":
        passed = int(np.count_nonzero(row > 0))
        blocks.append(Sentence("explain_activations.passed", {"passed": passed, "units": len(row)}))
    else:
        low, high = (f"{float(v):.3g}" for v in (row.min(), row.max()))
        blocks.append(Sentence("explain_activations.range", {"units": len(row), "low": low, "high": high}))
    title = Sentence("explain_activations.picture", {"name": note.name})
    blocks.append(Picture("bars", title, note.y[board.row].reshape(-1), f"{note.name}.y", (board.row, -1), (cell,)))
    about = Sentence(f"explain_activations.about_{name.lower()}")
    return Chapter(
        f"forward-{note.name}", "forward", Sentence("explain.title_forward", {"name": note.name, "kind": name}),
        note.name, name, (about,), (curve.formula,),
        (shape("x", f"{note.name}.x", note.x), shape("y", f"{note.name}.y", note.y)), tuple(blocks),
    )  # fmt: skip
