"""The update of a weight by somebody's own optimizer: its own lines, in the order in which they ran for that weight."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

import numpy as np

from handgrad.audit.optimizing.claims import TITLES, says
from handgrad.audit.reading.source import Program
from handgrad.core.arrays import Array
from handgrad.explain.board import FEW_TERMS
from handgrad.explain.decimals import signed, to_digits
from handgrad.explain.equation import settle
from handgrad.explain.expression import Value, add, exact, mul, sub
from handgrad.explain.story import Block, Chapter, Sentence
from handgrad.explain.strangers.longhand import equations_of
from handgrad.explain.strangers.statements import Done
from handgrad.explain.strangers.update_lines import UpdateWatcher
from handgrad.explain.tell.update import FORMULAS, LETTERS

_FORMULAS = {"sgd": "SGD", "rmsprop": "RMSprop", "adam": "Adam", "adamw": "AdamW"}  # momentum has many forms
# What the names in an update say that it is, the more special first.
_SIGNS = (
    ("adam", r"beta_?2|\bb2\b|[mv]_?hat|_corrected"), ("rmsprop", r"rms|\brho\b|decay_?rate|sqrt"),
    ("momentum", r"velocit|momentum|\bmu\b"),
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class OwnUpdate:
    """What a step of the file did to one parameter, in the file's layout.

    Attributes:
        name: ours, "fc1.weight".
        theirs: what the file calls it.
        before, after: its array before and after the step.
        alone: its gradient as the way back leaves it; None where that was not told.
        whole: with what the loss charges for the weights.
        charged: what that is of the weight itself: whole = alone + charged * before; 0 for nothing of that kind.
        turned: whether the file has its rows where we have columns.
        watcher: what was seen of the step.
        rate: (the learning rate of the step, the line of the file that sets it; 0 where none was found).
        called: the name of the file's update function, where the step does not reach it.
    """

    name: str
    theirs: str
    before: Array
    after: Array
    alone: Array
    whole: Array
    charged: float
    turned: bool
    watcher: UpdateWatcher
    rate: tuple[float, int]
    called: str = ""

    def index(self, ours: tuple[int, ...]) -> tuple[int, ...]:
        """The place of a weight in the file's array."""
        if len(ours) == 2:
            return ours[::-1] if self.turned else ours
        return tuple(int(i) for i in np.unravel_index(ours[0], self.before.shape))


def update_chapter(program: Program, update: OwnUpdate, ours: tuple[int, ...], digits: int) -> Chapter:
    """The update of one weight, by the file's own lines; old and new value where they cannot be read."""
    index = update.index(ours)
    layer, _, short = update.name.rpartition(".")
    shown = f"{update.name}[{','.join(map(str, ours))}]"
    theirs = f"{update.theirs}[{','.join(map(str, index))}]"
    before, after = update.before[index], update.after[index]
    chain = update.watcher.chain(update.after, update.alone, update.whole)
    claim = _claim(chain)
    lines = _lines(program, chain, index, digits)
    said = bool(lines) and any(np.array_equal(done.result, update.whole) for done in chain)  # by a line of the file
    blocks: list[Block] = [] if said else _charged(update, index, LETTERS.get(short, short), digits)
    blocks += lines if lines else _values(update, index, digits)
    change = float(after) - float(before)
    key = "explain_update.moved" if change else "explain_update.not_moved"
    blocks.append(Sentence(key, {"name": f"{shown} ({theirs})", "change": signed(change)}))
    kind = TITLES.get(claim, "") or (chain[-1].function if chain else "") or "w - lr g"
    about = [Sentence("explain_file.update_lines" if lines else "explain_file.update_values", {"name": theirs})]
    known = _FORMULAS.get(claim, "")
    if known:
        about.insert(0, Sentence(f"explain_update.about_{known.lower()}"))
    rate, line = update.rate
    if update.called:
        about.append(Sentence("explain_file.update_called", {"name": update.called}))
    elif not line:
        about.append(Sentence("explain_file.no_rate", {"rate": f"{rate:g}"}))
    title = Sentence("explain.title_update", {"kind": kind, "name": shown})
    return Chapter("update", "update", title, layer, kind, tuple(about), FORMULAS.get(known, ()), (), tuple(blocks))


def _claim(chain: list[Done]) -> str:
    """Which optimizer the update says that it is: by the name of its class or function, or by those in its lines."""
    if not chain:
        return ""
    named = next((claim for part in chain[-1].function.split(".") if (claim := says(part))), "")
    text = "\n".join(ast.unparse(done.node) for done in chain)
    return named or next((claim for claim, sign in _SIGNS if re.search(sign, text)), "sgd")


def _charged(update: OwnUpdate, index: tuple[int, ...], letter: str, digits: int) -> list[Block]:
    """What the loss charges for the weights joins the gradient."""
    if not update.charged:
        return []
    alone, whole = Value(update.alone[index], f"d{letter}"), update.whole[index]
    part = mul(exact(float(f"{update.charged:.12g}")), Value(update.before[index], letter))
    try:
        equation = settle(f"d{letter}_new", add(alone, part), whole, digits=digits, fine=True)
    except ArithmeticError:
        return []
    return [Sentence("explain_file.charged"), equation]


def _lines(program: Program, chain: list[Done], index: tuple[int, ...], digits: int) -> list[Block]:
    """Each statement and its arithmetic; nothing where one of them cannot be read."""
    blocks: list[Block] = []
    for done in chain:
        equations = equations_of(done, FEW_TERMS, digits, at=index, fine=True)
        begins = "zeros" in ast.unparse(done.node) and not np.any(done.result)
        if not equations and not begins:
            return []
        _, line, cell = program.place(done.line)
        said = {"line": line, "cell": cell, "text": " ".join(ast.unparse(done.node).split())}
        blocks.append(Sentence("explain_file.statement" if cell is None else "explain_file.statement_cell", said))
        blocks += equations
    return blocks


def _values(update: OwnUpdate, index: tuple[int, ...], digits: int) -> list[Block]:
    """The gradient, and the weight before and after."""
    before, after, gradient = update.before[index], update.after[index], update.whole[index]
    said = {"gradient": to_digits(gradient, digits), "rate": f"{update.rate[0]:g}"}
    difference = sub(Value(after, "new"), Value(before, "old"))
    change = np.asarray(after - before)
    return [
        Sentence("explain_file.update_gradient", said),
        settle("change", difference, change[()], digits=digits, fine=True),
    ]
