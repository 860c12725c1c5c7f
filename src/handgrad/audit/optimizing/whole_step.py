"""Whole step: what a program's own update does with gradients that are right: whom it moves, and which way.

Where an optimizer makes something else of the gradients, these are judged without it. It is run once all the same; a
loop that cannot be run, and updates a dictionary by keys that it writes out, is read.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from handgrad.audit.dialects.turns import Loop
from handgrad.audit.findings import Finding
from handgrad.audit.inspection import Inspection
from handgrad.audit.judging.batch import batch
from handgrad.audit.optimizing.downhill import ROWS, start_and_moves
from handgrad.audit.place.first_wrong import first_wrong, observed_step
from handgrad.audit.place.forgotten import forgotten
from handgrad.audit.place.handing import passing_over
from handgrad.audit.properties.updating import takes_a_step
from handgrad.core.arrays import Array

_UP = 0.1  # cosine of a step and a gradient, at least; an optimizer that scales each number turns its step a little
_ENOUGH = 1e-6  # relative to the largest: gradients that are no larger need not move anything


def check_whole_step(inspection: Inspection) -> list[Finding]:
    """Parameters that no update of the program moves, where it moves others; and an update that goes up with all.

    Everything is put back.
    """
    subject, diagnosis = inspection.reading.subject, inspection.diagnosis
    if subject.gradients is None or not diagnosis.judged:  # its own step was judged
        return []
    if subject.whole is None:
        still, line = _unnamed_keys(inspection)
        return _left_behind(inspection, still, line)
    moves, gradient = _taken(inspection)
    least = _ENOUGH * max(np.abs(value).max() for value in gradient.values())
    felt = [name for name in moves if name in diagnosis.judged and np.abs(gradient[name]).max() > least]
    still = tuple(name for name in felt if not moves[name].any())
    if still and any(value.any() for value in moves.values()):
        return _left_behind(inspection, still, None)
    if diagnosis.ok and felt and all(_cosine(moves[name], gradient[name]) > _UP for name in felt):
        finding = Finding("sign-flipped", "error", tuple(felt), {"factor": -1.0}, {"factor": 1.0})
        return [replace(finding, file=inspection.program.filename, line=next(_movers(inspection), None))]
    return []


def _taken(inspection: Inspection) -> tuple[dict[str, Array], dict[str, Array]]:
    """(how far the first whole step at some point moves each parameter, the gradients there)."""
    subject = inspection.reading.subject
    start, moves = start_and_moves(inspection)
    saved: dict[str, Array] = subject.snapshot()
    try:
        subject.restore(start)
        one = batch(subject, ROWS, 8)
        return moves, subject.gradient(one.x, one.y)
    finally:
        if subject.afresh is not None:
            subject.afresh()
        subject.restore(saved)


def _cosine(one: Array, other: Array) -> float:
    return float(np.vdot(one, other) / (np.linalg.norm(one) * np.linalg.norm(other) or 1.0))


def _movers(inspection: Inspection) -> Iterator[int]:
    """The lines of a whole step at which parameters become what they are afterwards."""
    if inspection.diagnosis.identity is not None:
        step = observed_step(_through_whole(inspection), frozenset(), twice=False)
        yield from (note.line for name in step.after for note in step.moves(name)[:1])
    yield from _lines(inspection)


def _left_behind(inspection: Inspection, still: tuple[str, ...], line: int | None) -> list[Finding]:
    """Parameters that stay as they are, if nothing else is wrong; with the line that leaves them out."""
    errors = [one for one in inspection.diagnosis.findings if one.severity == "error"]
    if not still or any(not one.where or set(one.where) - set(still) for one in errors):
        return []
    finding = Finding("never-updated", "error", still, {"factor": 0.0}, {"factor": 1.0}, inspection.program.filename)
    tree, lines = inspection.program.tree, _lines(inspection)
    skipped = [one for at in lines for one in passing_over(tree, at)]
    chosen = [one for one in skipped if not _counts(tree, one)]
    whole = inspection.reading.subject.whole is not None
    seen = first_wrong(_through_whole(inspection), [finding], everywhere=True) if whole else []
    mine = [one.line for one in seen if one.file is None]
    told = (line, *chosen, forgotten(inspection, finding), *mine, *skipped, *lines)
    found = next((one for one in told if one is not None), None)
    if found is None and seen:  # the update is that of another module
        return [replace(finding, file=seen[0].file or finding.file, line=seen[0].line)]
    return [replace(finding, line=found)]


def _through_whole(inspection: Inspection) -> Inspection:
    """The same, with the whole step in place of the gradients."""
    subject = replace(inspection.reading.subject, step=inspection.reading.subject.whole, gradients=None)
    return replace(inspection, reading=replace(inspection.reading, subject=subject))


def _counts(tree: ast.Module, line: int) -> bool:
    """Whether a loop begins there that goes over numbers, or slices."""
    loops = (node for node in ast.walk(tree) if isinstance(node, ast.For) and node.lineno == line)
    return any(not isinstance(node.iter, ast.Tuple | ast.List) for node in loops)


def _unnamed_keys(inspection: Inspection) -> tuple[tuple[str, ...], int | None]:
    """The arrays of a dictionary that its one update leaves out, a loop over keys that are written out; its line."""
    tree, found = inspection.program.tree, list[tuple[tuple[str, ...], int | None]]()
    for loop in (node for node in ast.walk(tree) if isinstance(node, ast.For)):
        written = loop.iter.elts if isinstance(loop.iter, ast.Tuple | ast.List) else []
        keys = {one.value for one in written if isinstance(one, ast.Constant) and isinstance(one.value, str)}
        for name in _updated(tree, loop) if keys else ():
            held = inspection.namespace.get(name)
            arrays = [k for k, v in held.items() if isinstance(v, np.ndarray)] if isinstance(held, dict) else []
            if keys < set(arrays):
                found.append((tuple(key for key in arrays if key not in keys), loop.lineno))
    return found[0] if len(found) == 1 else ((), None)


def _updated(tree: ast.Module, loop: ast.For) -> set[str]:
    """Names of what a loop updates item by item: params[k] -= lr * grads[k], or rule(params[k], grads[k])."""
    own = {one.name for one in ast.walk(tree) if isinstance(one, ast.FunctionDef)}
    own |= {
        target.id for one in ast.walk(tree) if isinstance(one, ast.Assign) and ast.unparse(one.value) in own
        for target in one.targets if isinstance(target, ast.Name)
    }  # fmt: skip
    found: set[str] = set()
    for node in ast.walk(loop):
        if isinstance(node, ast.AugAssign | ast.Assign) and takes_a_step(node):
            found |= {_item_of(loop, one) for one in (node.targets if isinstance(node, ast.Assign) else [node.target])}
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in own:
            items = [_item_of(loop, one) for one in node.args]
            found |= {items[0]} if len(items) > 1 and all(items[:2]) else set()
    return found - {""}


def _item_of(loop: ast.For, node: ast.expr) -> str:
    """The name of what is asked for the loop's own key."""
    match node:
        case ast.Subscript(value=ast.Name(id=name), slice=ast.Name(id=key)) if key == ast.unparse(loop.target):
            return name
    return ""


def _lines(inspection: Inspection) -> list[int]:
    """The statements that take steps: of the loop that is read, or its calls in loops within; else of the file."""
    loop, tree = getattr(inspection.reading.subject.gradients, "__self__", None), inspection.program.tree
    lines = sorted(one.lineno for one in ast.walk(tree) if isinstance(one, ast.stmt) and takes_a_step(one))
    if not isinstance(loop, Loop):
        return lines[::-1]
    first, last = loop.cut.lines
    inside = [line for line in lines if first <= line <= last]
    loops = (one for one in ast.walk(tree) if isinstance(one, ast.For) and first < one.lineno <= last)
    return (
        inside[::-1] or [part.lineno for one in loops for part in ast.walk(one) if isinstance(part, ast.Call)] or lines
    )
