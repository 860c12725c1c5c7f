"""Left behind: parameters that have right gradients and that the program's own update leaves as they are.

Where an optimizer makes something else of the gradients, these are judged without it. It is run once all the same, to
see whom it moves; a loop that cannot be run, and updates a dictionary by keys that it writes out, is read.
"""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import Any

import numpy as np

from handgrad.audit.dialects.turns import Loop
from handgrad.audit.dialects.world import copies
from handgrad.audit.findings import Finding
from handgrad.audit.inspection import Inspection
from handgrad.audit.judging.batch import batch
from handgrad.audit.judging.identify import random_point
from handgrad.audit.place.forgotten import forgotten
from handgrad.audit.place.handing import passing_over
from handgrad.audit.properties.updating import takes_a_step
from handgrad.core.arrays import Array

_ROWS, _RATE = 6, 2.0**-6
_ENOUGH = 1e-6  # relative to the largest: gradients that are no larger need not move anything


def check_left_behind(inspection: Inspection) -> list[Finding]:
    """Parameters that no update of the program moves, where it moves others. Everything is put back."""
    subject, diagnosis = inspection.reading.subject, inspection.diagnosis
    if subject.gradients is None or not diagnosis.ok or not diagnosis.judged:  # its own step was judged, or is wrong
        return []
    loop = getattr(subject.gradients, "__self__", None)
    still, line = (_unmoved(inspection, loop), None) if isinstance(loop, Loop) else _unnamed_keys(inspection)
    if not still:
        return []
    finding = Finding("never-updated", "error", still, {"factor": 0.0}, {"factor": 1.0}, inspection.program.filename)
    tree, lines = inspection.program.tree, _lines(inspection, loop)
    skipped = [one for at in lines for one in passing_over(tree, at)]
    chosen = [one for one in skipped if not _counts(tree, one)]
    told = (line, *chosen, forgotten(inspection, finding), *skipped, *lines)
    return [replace(finding, line=next((one for one in told if one is not None), None))]


def _counts(tree: ast.Module, line: int) -> bool:
    """Whether a loop begins there that goes over numbers, or slices."""
    loops = (node for node in ast.walk(tree) if isinstance(node, ast.For) and node.lineno == line)
    return any(not isinstance(node.iter, ast.Tuple | ast.List) for node in loops)


def _unmoved(inspection: Inspection, loop: Loop) -> tuple[str, ...]:
    """The parameters that stay as they are in a turn of the loop that moves others."""
    subject, judged = inspection.reading.subject, inspection.diagnosis.judged
    saved: dict[str, Array] = subject.snapshot()
    held = loop.state
    loop.state = copies(held)
    try:
        subject.restore(random_point(subject, np.random.default_rng(8)))
        one = batch(subject, _ROWS, 8)
        gradient = {name: np.abs(value).max() for name, value in loop.gradients(one.x, one.y).items()}
        before = subject.snapshot()
        loop.step(one.x, one.y, _RATE)
        now = subject.snapshot()
    finally:
        loop.state = held
        subject.restore(saved)
    moved = {name for name, value in now.items() if not np.array_equal(value, before[name])}
    least = _ENOUGH * max(gradient.values())
    left = (name for name in saved if name in judged - moved and gradient.get(name, 0.0) > least)
    return tuple(left) if moved else ()


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


def _lines(inspection: Inspection, loop: Any) -> list[int]:
    """The statements that take steps: of the loop, else of the file."""
    nodes = [one for one in ast.walk(inspection.program.tree) if isinstance(one, ast.stmt) and takes_a_step(one)]
    lines = sorted(one.lineno for one in nodes)
    inside = [line for line in lines if isinstance(loop, Loop) and line in loop.cut.lines]
    return (inside or lines)[::-1]
