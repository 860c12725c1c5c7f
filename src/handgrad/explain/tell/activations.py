"""The activations, told: each number alone is bent, and on the way back its gradient is multiplied by the slope."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from handgrad.explain.board import Board, shape
from handgrad.explain.decimals import to_digits
from handgrad.explain.equation import settle
from handgrad.explain.expression import Apply, Node, Value, add, call, div, exact, mul, sub, work_out
from handgrad.explain.story import Block, Chapter, Formula, Picture, Sentence
from handgrad.explain.trace import LayerNote


@dataclass(frozen=True)
class Curve:
    """One activation: its two formulas, and the arithmetic of each for one number, from x, or from dy, x and y."""

    formula: Formula
    slope: Formula
    forward: Callable[[LayerNote, Value], Node]
    backward: Callable[[LayerNote, Value, Value, Value], Node]


def _sigmoid(note: LayerNote, x: Value) -> Node:
    return div(exact(1), add(exact(1), call("exp", call("neg", x))))


def _left(x: Value) -> bool:
    return not float(x.value) > 0


def _elu(note: LayerNote, x: Value) -> Node:
    return mul(exact(note.layer.alpha), sub(call("exp", x), exact(1))) if _left(x) else call("max", exact(0), x)


def _gelu(note: LayerNote, x: Value) -> Node:
    return mul(x, _held(note, "phi", x) if note.layer.approximate == "tanh" else call("Phi", x))


def _gelu_steps(board: Board, note: LayerNote, x: Value) -> list[Block]:
    """The approximation of Phi, in two steps."""
    if note.layer.approximate != "tanh":
        return []
    cube = mul(exact(0.044715), call("pow", x, exact(3)))
    u = mul(call("sqrt", div(exact(2), Value(math.pi, "π"))), add(x, cube))
    phi = mul(exact(0.5), add(exact(1), call("tanh", Value(work_out(u), "u"))))
    return [
        settle("u", u, work_out(u), digits=board.digits),
        settle("phi", phi, _held(note, "phi", x).value, digits=board.digits),
    ]


def _slope_elu(note: LayerNote, dy: Value, x: Value, y: Value) -> Node:
    return mul(dy, add(y, exact(note.layer.alpha))) if _left(x) else mul(dy, exact(1))


def _slope_gelu(note: LayerNote, dy: Value, x: Value, y: Value) -> Node:
    phi, density = (_held(note, name, x) for name in ("phi", "slope"))
    return mul(dy, add(phi, mul(x, density)))


def _slope_silu(note: LayerNote, dy: Value, x: Value, y: Value) -> Node:
    s = _held(note, "s", x)
    return mul(dy, add(s, mul(y, sub(exact(1), s))))


def _held(note: LayerNote, variable: str, at: Value) -> Value:
    """What a variable of backward held for the number that `at` is."""
    assert at.ref is not None
    return Value((note.inside_backward | note.inside)[variable][-1][at.ref.index], variable)


CURVES: dict[str, Curve] = {
    "Sigmoid": Curve(
        Formula("y = 1 / (1 + exp(-x))", r"y = \frac{1}{1 + e^{-x}}"),
        Formula("dx = dy y (1 - y)", r"dx = dy \cdot y\,(1 - y)"),
        _sigmoid,
        lambda note, dy, x, y: mul(dy, y, sub(exact(1), y)),
    ),
    "Tanh": Curve(
        Formula("y = tanh(x)", r"y = \tanh x"),
        Formula("dx = dy (1 - y²)", r"dx = dy\,(1 - y^2)"),
        lambda note, x: call("tanh", x),
        lambda note, dy, x, y: mul(dy, sub(exact(1), call("pow", y, exact(2)))),
    ),
    "ReLU": Curve(
        Formula("y = max(0, x)", r"y = \max(0, x)"),
        Formula("dx = dy if x > 0 else 0", r"dx = \begin{cases} dy & x > 0 \\ 0 & x \le 0 \end{cases}"),
        lambda note, x: call("max", exact(0), x),
        lambda note, dy, x, y: mul(dy, exact(0 if _left(x) else 1)),
    ),
    "LeakyReLU": Curve(
        Formula("y = max(x, slope x)", r"y = \max(x, s\,x)"),
        Formula("dx = dy if x > 0 else slope dy", r"dx = \begin{cases} dy & x > 0 \\ s\,dy & x \le 0 \end{cases}"),
        lambda note, x: call("max", x, mul(exact(note.layer.slope), x)),
        lambda note, dy, x, y: mul(dy, exact(note.layer.slope if _left(x) else 1)),
    ),
    "ELU": Curve(
        Formula(
            "y = x if x > 0 else α (exp(x) - 1)",
            r"y = \begin{cases} x & x > 0 \\ \alpha (e^x - 1) & x \le 0 \end{cases}",
        ),
        Formula(
            "dx = dy if x > 0 else dy (y + α)",
            r"dx = \begin{cases} dy & x > 0 \\ dy\,(y + \alpha) & x \le 0 \end{cases}",
        ),
        _elu,
        _slope_elu,
    ),
    "GELU": Curve(
        Formula("y = x Φ(x)", r"y = x\,\Phi(x)"),
        Formula("dx = dy (Φ(x) + x Φ'(x))", r"dx = dy\,(\Phi(x) + x\,\Phi'(x))"),
        _gelu,
        _slope_gelu,
    ),
    "SiLU": Curve(
        Formula("y = x s,  s = 1 / (1 + exp(-x))", r"y = x\,s, \quad s = \frac{1}{1 + e^{-x}}"),
        Formula("dx = dy (s + y (1 - s))", r"dx = dy\,(s + y\,(1 - s))"),
        lambda note, x: div(x, add(exact(1), call("exp", call("neg", x)))),
        _slope_silu,
    ),
    "Softplus": Curve(
        Formula("y = log(1 + exp(x))", r"y = \log(1 + e^x)"),
        Formula("dx = dy / (1 + exp(-x))", r"dx = \frac{dy}{1 + e^{-x}}"),
        lambda note, x: call("log", add(exact(1), call("exp", x))),
        lambda note, dy, x, y: div(dy, add(exact(1), call("exp", call("neg", x)))),
    ),
}


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
    blocks: list[Block] = _gelu_steps(board, note, board.value(note, "x", cell)) if name == "GELU" else []
    blocks.append(board.equation(board.value(note, "y", cell), expression))
    if name == "ReLU":
        passed = int(np.count_nonzero(row > 0))
        blocks.append(Sentence("explain_activations.passed", {"passed": passed, "units": len(row)}))
    else:
        low, high = (to_digits(v, 3) for v in (row.min(), row.max()))
        blocks.append(Sentence("explain_activations.range", {"units": len(row), "low": low, "high": high}))
    title = Sentence("explain_activations.picture", {"name": note.name})
    blocks.append(Picture("bars", title, note.y[board.row].reshape(-1), f"{note.name}.y", (board.row, -1), (cell,)))
    about = Sentence(f"explain_activations.about_{name.lower()}")
    return Chapter(
        f"forward-{note.name}", "forward", Sentence("explain.title_forward", {"name": note.name, "kind": name}),
        note.name, name, (about,), (curve.formula,),
        (shape("x", f"{note.name}.x", note.x), shape("y", f"{note.name}.y", note.y)), tuple(blocks),
    )  # fmt: skip


def backward(board: Board, note: LayerNote) -> Chapter:
    """dx = dy f'(x) at the unit that is followed, and how much of the gradient gets through the layer."""
    assert note.dy is not None
    assert note.dx is not None
    name, curve = curve_of(note)
    cell = board.outputs[note.name]
    dy, x, y = (board.value(note, which, cell) for which in ("dy", "x", "y"))
    blocks: list[Block] = [*board.told(board.value(note, "dx", cell), curve.backward(note, dy, x, y))]
    came, left = (float(np.abs(array[board.row]).max()) for array in (note.dy, note.dx))
    if name == "ReLU":
        stopped = int(np.count_nonzero((note.dx[board.row] == 0) & (note.dy[board.row] != 0)))
        blocks.append(Sentence("explain_activations.stopped", {"stopped": stopped, "units": note.dy[board.row].size}))
    else:
        said = {"came": to_digits(came, 3), "left": to_digits(left, 3)}
        blocks.append(Sentence("explain_activations.through", said))
    return Chapter(
        f"backward-{note.name}", "backward", Sentence("explain.title_backward", {"name": note.name, "kind": name}),
        note.name, name, (Sentence("explain_activations.about_backward"),), (curve.slope,),
        (shape("dy", f"{note.name}.dy", note.dy), shape("dx", f"{note.name}.dx", note.dx)), tuple(blocks),
    )  # fmt: skip
