"""Handing: where the error was handed on as it is, and where a slope alone was taken for it; and what a suspect is."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from handgrad.audit.place.observe import CHANGED, GIVEN, MADE, NAMED, RETURNED, Noted
from handgrad.audit.place.right_numbers import Quantity, Step, factor_of, views
from handgrad.core.arrays import Array


@dataclass(frozen=True)
class Suspect:
    """A line that may hold the mistake.

    Attributes:
        line: of the program's text.
        name: what the number is called there.
        quantity: what it should have been: "dL/dz1", "dL/dW2", "f'(z1)", ...
        factor: how many times too large it is made there, where it is only that; else None.
        residual: the share of it that is none of the right number; 0 where only the factor is wrong.
        file: the module in which the line stands, where that is not the program itself.
        past: whether the line hands an error past a place of the code's own that should have changed it.
    """

    line: int
    name: str
    quantity: str
    factor: float | None = None
    residual: float = 0.0
    file: str | None = None
    past: bool = False


def suspect(step: Step, note: Noted, quantity: Quantity) -> Suspect:
    """The line of a note that should have been some quantity."""
    right = step.right.back[quantity]
    return Suspect(note.line, note.name, quantity.name, None, _residual(note.value, right))


def _residual(value: Array, right: Array) -> float:
    for view in views(value, right.shape):
        size, norm = float(np.vdot(right, right)), float(np.linalg.norm(view))
        if size and norm:
            return float(np.linalg.norm(view - np.vdot(view, right) / size * right)) / norm
    return 1.0


def handed_on(step: Step, layer: int, error: Array, quantity: Quantity) -> Iterator[Suspect]:
    """Where the error was handed on as a delta without the derivative.

    That is the last place to get and return, copy or rename it; or, where the activation has a place of its own which
    nobody called, the call that was handed the error in its stead; or where the error was made.
    """
    trail, ready = step.trail, _ready(step, layer)
    notes = [hit.note for hit in trail.hits(error, None if ready is None else ready.order)]
    first, bent = notes[0], trail.first(step.right.forward[f"a{layer}"])
    given = [note for note in notes if note.how == GIVEN and note.stack and note.call != first.call]
    last = _last(step, layer, notes, [n.array for n in given if ready is not None and n.call == ready.call][-1:])
    beside = bent is not None and _home(step, first.line) in [_home(step, line) for line in (bent.line, *bent.stack)]
    if last is None and given and not beside:
        line = given[-1].stack[0]
        around = next(iter(loops_around(step.tree, line)), None)
        calls = {note.call for note in trail.notes if note.how == GIVEN and note.stack[:1] == (line,)}
        if around is not None and len(calls) > 1 and chooses(around.iter):
            yield Suspect(around.lineno, first.name, quantity.name, None, 1.0, past=True)
        yield Suspect(line, first.name, quantity.name, None, 1.0, past=True)
    yield suspect(step, last or first, quantity)


def _ready(step: Step, layer: int) -> Noted | None:
    """The note that first has the gradient of a layer's weights."""
    return step.trail.first(step.gradient[step.right.case.walk.stages[layer - 1].matrix.weight])


def _last(step: Step, layer: int, notes: list[Noted], taken: list[int]) -> Noted | None:
    """The last of these notes to get and return, copy (into the array that is `taken`, if any) or rename a number."""
    first, got = notes[0], {note.call for note in notes if note.how == GIVEN}
    through = [note for note in notes if note.how == RETURNED and note.call in got and note.call != first.call]
    through.sort(key=lambda note: all((n.call, n.array) != (note.call, note.array) for n in notes if n.how == GIVEN))
    copied = [
        note for note in notes[1:]
        if note.how in (MADE, CHANGED) and note.array != first.array and (not taken or note.array in taken)
        and (note.call != first.call or note.name != first.name or np.array_equal(note.value, first.value))
    ]  # fmt: skip
    names = [note for note in notes if note.how == NAMED and note.name.isidentifier()]
    own = {first.call, *_bending(step, layer)}
    received = {note.call: note for note in reversed(names) if note.call not in own}
    renamed = [note for note in names if note is not received.get(note.call) and note is not first]
    alike = [note for note in renamed if not copied or note.call == copied[-1].call]
    late = sorted([*copied[-1:], *alike[-1:]], key=lambda note: note.order)
    return next(iter(through[:1] or late[-1:]), None)


def _bending(step: Step, layer: int) -> Iterator[int]:
    """The calls that work out a layer's activation, or have a function do it and name what it returns."""
    made = [hit.note for hit in step.trail.hits(step.right.forward[f"a{layer}"])]
    for note in made:
        if note.call == made[0].call or (note.line in made[0].stack[:1] and note.name.isidentifier()):
            yield note.call


def _home(step: Step, line: int) -> ast.stmt | None:
    """The outermost class or function around a line."""
    for one in step.tree.body if step.tree is not None else ():
        if isinstance(one, ast.ClassDef | ast.FunctionDef) and one.lineno <= line <= (one.end_lineno or line):
            return one
    return None


def loops_around(tree: ast.Module | None, line: int) -> list[ast.For]:
    """The loops around a line, the innermost first."""
    around = [
        node for node in ast.walk(tree or ast.Module([], []))
        if isinstance(node, ast.For) and node.lineno < line <= (node.end_lineno or line)
    ]  # fmt: skip
    return sorted(around, key=lambda node: -node.lineno)


def chooses(values: ast.expr) -> bool:
    """Whether a loop goes over what it chooses itself: range(n - 1), layers[1:], (first, third)."""
    calls = {ast.unparse(node.func) for node in ast.walk(values) if isinstance(node, ast.Call)}
    return "range" in calls or lists(values)


def lists(values: ast.expr) -> bool:
    """Whether a loop goes over what it names itself, over parts, or over what it picks: (1, 2, 4), layers[1:]."""
    nodes = list(ast.walk(values))
    sliced = any(isinstance(node, ast.Slice) and not _reverses(node) for node in nodes)
    picked = any(isinstance(node, ast.comprehension) and node.ifs for node in nodes)
    return isinstance(values, ast.Tuple | ast.List) or sliced or picked


def passing_over(tree: ast.Module | None, line: int) -> Iterator[int]:
    """What around an update leaves some parameters out: a turn that is ended before it, or what its loops go over."""
    around = loops_around(tree, line)
    yield from turns_ended(around, line)
    yield from (loop.lineno for i, loop in enumerate(around) if lists(loop.iter) or (not i and chooses(loop.iter)))


def turns_ended(around: list[ast.For], line: int) -> Iterator[int]:
    """The conditions on their own variables by which loops end a turn ahead of a line, or go there at all."""
    for loop in around:
        own = {node.id for node in ast.walk(loop.target) if isinstance(node, ast.Name)}
        for one in (one for one in loop.body if isinstance(one, ast.If) and one.lineno < line):
            ends = any(isinstance(node, ast.Continue) for node in ast.walk(one)) or line <= (one.end_lineno or 0)
            said = any(isinstance(node, ast.Name) and node.id in own for node in ast.walk(one.test))
            asked = any(isinstance(node, ast.Constant | ast.Slice) for node in ast.walk(one.test))
            if ends and said and asked and "hasattr" not in ast.unparse(one.test):
                yield one.lineno


def _reverses(part: ast.Slice) -> bool:
    """[::-1], which leaves nothing out."""
    return part.lower is None and part.upper is None and part.step is not None and ast.unparse(part.step) == "-1"


def slope_alone(step: Step, layer: int, slope: Array, error: Noted | None) -> Noted:
    """Where the slope was taken for a delta: made among the numbers that go back, or named by who had it made."""
    trail, ready = step.trail, _ready(step, layer)
    since = 0 if error is None else error.order
    notes = [hit.note for hit in trail.hits(slope, None if ready is None else ready.order) if hit.note.order >= since]
    first = notes[0]
    da = step.right.back[Quantity("da", layer)]
    got = any(n.call == first.call and factor_of(n.value, da, trail.exact) is not None for n in trail.notes)
    named = [n for n in notes if n.how == NAMED and n.name.isidentifier() and n.call != first.call]
    here = first.how not in (NAMED, GIVEN) and (got or not named)
    return first if here else (named or [first])[-1]
