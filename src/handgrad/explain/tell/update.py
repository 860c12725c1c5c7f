"""The update, told: what the optimizer does with one gradient, from the old value of a weight to the new one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from handgrad.explain.board import Board
from handgrad.explain.decimals import signed
from handgrad.explain.equation import Equation, settle
from handgrad.explain.expression import Ref, Value, add, call, div, exact, mul, sub, work_out
from handgrad.explain.story import Block, Chapter, Formula, Sentence
from handgrad.explain.trace import WeightUpdate

FORMULAS: dict[str, tuple[Formula, ...]] = {
    "SGD": (Formula("w ← w - lr g", r"w \leftarrow w - \eta\, g"),),
    "SGD momentum": (
        Formula("v ← μ v + g", r"v \leftarrow \mu v + g"), Formula("w ← w - lr v", r"w \leftarrow w - \eta\, v"),
    ),
    "SGD nesterov": (
        Formula("v ← μ v + g", r"v \leftarrow \mu v + g"),
        Formula("w ← w - lr (g + μ v)", r"w \leftarrow w - \eta\,(g + \mu v)"),
    ),
    "RMSprop": (
        Formula("s ← α s + (1 - α) g²", r"s \leftarrow \alpha s + (1 - \alpha) g^2"),
        Formula("w ← w - lr g / (√s + ε)", r"w \leftarrow w - \eta \frac{g}{\sqrt{s} + \varepsilon}"),
    ),
    "Adam": (
        Formula("m ← β₁ m + (1 - β₁) g        v ← β₂ v + (1 - β₂) g²",
                r"m \leftarrow \beta_1 m + (1 - \beta_1) g, \quad v \leftarrow \beta_2 v + (1 - \beta_2) g^2"),
        Formula("w ← w - lr m̂ / (√v̂ + ε),  m̂ = m / (1 - β₁ᵗ),  v̂ = v / (1 - β₂ᵗ)",
                r"w \leftarrow w - \eta \frac{\hat m}{\sqrt{\hat v} + \varepsilon}, \quad"
                r" \hat m = \frac{m}{1 - \beta_1^t}, \quad \hat v = \frac{v}{1 - \beta_2^t}"),
    ),
}  # fmt: skip
FORMULAS["AdamW"] = (
    Formula("w ← w (1 - lr λ)", r"w \leftarrow w\,(1 - \eta \lambda)"), *FORMULAS["Adam"],
)  # fmt: skip


LETTERS = {"weight": "W", "bias": "b"}  # what the formulas call them; other parameters by their names


def chapter(board: Board, name: str, index: tuple[int, ...]) -> Chapter | None:
    """The update of one weight, such as ("fc1.weight", (392, 17)); None where nothing was updated."""
    trace = board.trace
    if trace.update_teller is not None:
        told: Chapter | None = trace.update_teller(board, name, index)
        return told
    if trace.optimizer is None:
        return None
    done = trace.update_of(name, index)
    kinds = [kind.__name__ for kind in type(trace.optimizer).__mro__]
    kind = next((kind for kind in kinds if kind in TELLERS), "")
    said = {"name": f"{name}[{','.join(map(str, index))}]", "count": f"{sum(w.size for w in trace.before.values()):,}"}
    blocks: list[Block] = [*_clipping(board)]
    weight = _Weight(board, done, name, index)
    try:
        blocks += TELLERS[kind](weight) if kind else [Sentence("explain_update.unknown", {"name": kinds[0]})]
    except (ArithmeticError, KeyError):  # somebody's optimizer inherits from ours, and does something else
        kind, blocks = "", [Sentence("explain_update.unknown", {"name": kinds[0]})]
    if not kind:
        blocks.append(weight.moved())
    change = float(done.after) - float(done.before)
    blocks.append(Sentence("explain_update.moved" if change else "explain_update.not_moved",
                           said | {"change": signed(change)}))  # fmt: skip
    about = (
        Sentence("explain_update.about", said),
        *([Sentence(f"explain_update.about_{kind.lower()}")] if kind else []),
    )
    return Chapter(
        "update", "update", Sentence("explain.title_update", {"kind": kinds[0], "name": said["name"]}),
        name.rpartition(".")[0], kinds[0], about, FORMULAS.get(_form(trace.optimizer, kind), ()), (), tuple(blocks),
    )  # fmt: skip


def _form(optimizer: Any, kind: str) -> str:
    """SGD has three forms, each with its formula."""
    if kind != "SGD" or not optimizer.momentum:
        return kind
    return "SGD nesterov" if optimizer.nesterov else "SGD momentum"


def _clipping(board: Board) -> list[Block]:
    trace = board.trace
    if trace.gradient_norm is None or trace.clip_norm is None:
        return []
    said = {"norm": f"{trace.gradient_norm:.4g}", "most": f"{trace.clip_norm:g}"}
    return [Sentence("explain_update.clipped" if trace.gradient_norm > trace.clip_norm else "explain_update.unclipped",
                     said)]  # fmt: skip


class _Weight:
    """One weight on the board: its numbers with their names, and the equations that every optimizer needs."""

    def __init__(self, board: Board, done: WeightUpdate, name: str, index: tuple[int, ...]) -> None:
        self.board, self.done, self.trace = board, done, board.trace
        self.optimizer = board.trace.optimizer
        layer, _, short = name.rpartition(".")
        letter, shown = LETTERS.get(short, short), ",".join(map(str, index))
        self.new_w = f"{letter}_new[{shown}]"
        self.w = Value(done.before, f"{letter}[{shown}]", Ref(f"{layer}.{short}", index))
        self.g = Value(done.gradient, f"d{letter}[{shown}]", Ref(f"{layer}.d{short}", index))
        self.lr = setting(self.trace.lr, "lr")

    def last(self, variable: str) -> Any:
        """What a variable of `update` held at the end."""
        return self.done.inside[variable][-1]

    def equation(self, symbol: str, expression: Any, result: Any, *, fine: bool = False) -> Equation:
        """symbol = expression = result."""
        return settle(symbol, expression, result, digits=self.board.digits, fine=fine)

    def old(self, name: str, letter: str) -> Value:
        """What the optimizer remembered before."""
        return Value(self.done.state[name][0], f"{letter}_old")

    def new(self, name: str, letter: str) -> Value:
        """What it remembers now."""
        return Value(self.done.state[name][1], letter)

    def moved(self) -> Equation:
        """Old value and new one, where nothing is known of what lies between."""
        change = float(self.done.after) - float(self.done.before)
        return self.equation("change", sub(Value(self.done.after, self.new_w), self.w), change, fine=True)

    def decayed(self) -> tuple[list[Block], Value]:
        """(the equation of weight decay that is part of the gradient, the gradient that goes on)."""
        if not self.done.decay:
            return [], self.g
        inside = self.done.inside
        g = Value(inside["g" if "g" in inside else "_adam.g"][0], "g")
        decay = mul(setting(self.done.decay, "decay"), self.w)
        return [Sentence("explain_update.decay"), self.equation("g", add(self.g, decay), g.value, fine=True)], g


def setting(value: float, name: str) -> Value:
    """A setting in full where it is short; a rate that a schedule worked out is rounded like any number."""
    return Value(value, name, exact=len(repr(value)) <= 8)


def _sgd(weight: _Weight) -> list[Block]:
    blocks, g = weight.decayed()
    direction = g
    if "velocity" in weight.done.state:
        mu, v = setting(weight.optimizer.momentum, "μ"), weight.new("velocity", "v")
        blocks.append(Sentence("explain_update.velocity"))
        blocks.append(weight.equation("v", add(mul(mu, weight.old("velocity", "v")), g), v.value))
        direction = v
        if weight.optimizer.nesterov:
            direction = Value(weight.last("g"), "d")
            blocks.append(Sentence("explain_update.nesterov"))
            blocks.append(weight.equation("d", add(g, mul(mu, v)), direction.value))
    blocks.append(Sentence("explain_update.step_sgd"))
    new = sub(weight.w, mul(weight.lr, direction))
    return [*blocks, weight.equation(weight.new_w, new, weight.done.after, fine=True)]


def _square(decay: Value, old: Value, g: Value) -> Any:
    return add(mul(decay, old), mul(sub(exact(1), decay), call("pow", g, exact(2))))


def _rmsprop(weight: _Weight) -> list[Block]:
    blocks, g = weight.decayed()
    alpha, s = setting(weight.optimizer.alpha, "α"), weight.new("square", "s")
    blocks.append(Sentence("explain_update.square"))
    blocks.append(weight.equation("s", _square(alpha, weight.old("square", "s"), g), s.value))
    blocks.append(Sentence("explain_update.step_rmsprop"))
    step = div(mul(weight.lr, g), add(call("sqrt", s), setting(weight.optimizer.eps, "ε")))
    return [*blocks, weight.equation(weight.new_w, sub(weight.w, step), weight.done.after, fine=True)]


def _moments(weight: _Weight, g: Value) -> tuple[list[Block], Value]:
    """Adam's two moments, the correction, and the step."""
    one, t = exact(1), exact(weight.trace.steps, "t")
    b1, b2 = (setting(beta, name) for beta, name in zip(weight.optimizer.betas, ("β₁", "β₂"), strict=True))
    m, v = weight.new("m", "m"), weight.new("v", "v")
    first = add(mul(b1, weight.old("m", "m")), mul(sub(one, b1), g))
    c, step = Value(weight.last("_adam.c"), "c"), Value(weight.last("_adam.step"), "step")
    rate = div(mul(weight.lr, c), sub(one, call("pow", b1, t)))
    size, eps = Value(work_out(rate), "rate"), setting(weight.optimizer.eps, "ε")
    blocks: list[Block] = [
        Sentence("explain_update.moments"),
        weight.equation("m", first, m.value),
        weight.equation("v", _square(b2, weight.old("v", "v"), g), v.value),
        Sentence("explain_update.correction", {"step": f"{weight.trace.steps:,}"}),
        weight.equation("c", call("sqrt", sub(one, call("pow", b2, t))), c.value),
        Sentence("explain_update.step_adam"),
        weight.equation("rate", rate, work_out(rate)),
        weight.equation("step", div(mul(size, m), add(call("sqrt", v), mul(eps, c))), step.value),
    ]
    return blocks, step


def _adam(weight: _Weight) -> list[Block]:
    blocks, g = weight.decayed()
    moments, step = _moments(weight, g)
    new = sub(weight.w, step)
    return [*blocks, *moments, Sentence("explain_update.subtract"),
            weight.equation(weight.new_w, new, weight.done.after, fine=True)]  # fmt: skip


def _adamw(weight: _Weight) -> list[Block]:
    blocks, step = _moments(weight, weight.g)
    decay = mul(weight.lr, setting(weight.done.decay or 0.0, "decay"))
    new = sub(mul(weight.w, sub(exact(1), decay)), step)
    return [*blocks, Sentence("explain_update.subtract_decayed"),
            weight.equation(weight.new_w, new, weight.done.after, fine=True)]  # fmt: skip


TELLERS: dict[str, Callable[[_Weight], list[Block]]] = {
    "SGD": _sgd, "RMSprop": _rmsprop, "AdamW": _adamw, "Adam": _adam,
}  # fmt: skip
