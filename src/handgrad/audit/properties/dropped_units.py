"""Dropped units: dropout beside the file's own tests. Units that go when it is tested, or are made up for nowhere.

Numbers say what a dropout is: an array of which other entries are gone in each run, and which else is another one times
a number. A test makes up for nothing where the next layer's weights are seen to multiply all units as they are.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from itertools import product
from typing import Any

import numpy as np

from handgrad.audit.dialects.sizes import aside, dropping
from handgrad.audit.findings import Finding
from handgrad.audit.inspection import Inspection
from handgrad.audit.objects import is_own, slots
from handgrad.audit.place.dropped import masks
from handgrad.audit.place.observe import Noted
from handgrad.audit.place.thinned import ROWS, Drop, counted, drops, is_layer, place_of, unkept
from handgrad.audit.properties.evaluation import Evaluation, evaluations, noted, run
from handgrad.audit.properties.forward import batch, flat
from handgrad.audit.properties.helpers import layout
from handgrad.audit.properties.naming import last_name
from handgrad.audit.properties.places import found
from handgrad.core.arrays import Array
from handgrad.core.layers import ReLU, Sigmoid, Softmax, Tanh

_KEEP, _SAME = 0.75, 1e-9  # the share that stays; relative


def dropout_when_tested(inspection: Inspection) -> list[Finding]:
    """Units that are dropped when the network is tested, or dropped in training and made up for nowhere."""
    subject = inspection.reading.subject
    drawn, _ = masks(inspection.program.tree)
    if not drawn or not flat(subject):
        return []
    x, y = batch(subject, ROWS, 5)
    runs = []
    for seed in (1, 2):
        with dropping(_KEEP, seed):
            runs.append(noted(inspection, lambda: subject.loss(x, y)))
    dropped = _dropped(inspection, runs[0], runs[1], x)
    if not dropped:
        return []
    trained = {dropped[0].left.line, *dropped[0].left.stack}
    for test in evaluations(inspection):
        for prepared, rows in product((True, False), (x.T, x) if layout(inspection) == "columns" else (x, x.T)):
            if test.lines & trained:
                continue
            try:
                both = [run(inspection, test, rows, seed, prepared=prepared) for seed in (1, 2)]
            except Exception:  # it wants what is not there
                continue
            finding = _judged(inspection, test, dropped, both, rows)
            if finding is not None:
                return [finding]
            break  # it ran, and that is what it does
    return []


def _judged(
    inspection: Inspection, test: Evaluation, dropped: list[Drop], both: list[tuple[list[Noted], Array]], x: Array
) -> Finding | None:
    (notes, first), (again, second) = both
    tested = _dropped(inspection, notes, again, x)
    if tested:
        size = float(np.abs(first).mean()) or 1.0
        measured = {"function": ast.unparse(test.last)[:60], "apart": 100 * float(np.abs(first - second).mean()) / size}
        line = _left_on(inspection, test, tested[0].left)
        return found(inspection, "predicts-at-random", "warning", line, measured, {"apart": 0.0})
    for drop in dropped:
        if abs(drop.scale - 1) < _SAME and _whole_again(inspection, drop, notes, first):
            measured = {"train": drop.share, "test": 1.0}
            line = drop.left.line
            return found(inspection, "dropout-modes-disagree", "warning", line, measured, where=("dropout",))
    return None


def _dropped(inspection: Inspection, run: list[Noted], other: list[Noted], x: Array) -> list[Drop]:
    """The multiplications by a mask; where none is kept under a name, those that the next layer is seen to take."""
    kept = drops(run, other, x)
    if kept:
        return kept
    weights, seen = _weights(inspection), _distinct(note.value for note in run)
    return [one for one in unkept(run, other) if _taken(one.left.value, weights, seen)]


def _whole_again(inspection: Inspection, drop: Drop, notes: list[Noted], last: Array) -> bool:
    """Whether a test multiplies all units by the weights of the next layer, as they are: then nothing makes up."""
    seen = _distinct([*(note.value for note in notes), last])
    here = [n.value for at, n in counted(notes) if place_of(n, at) in drop.places and is_layer(n.value)]
    weights = _weights(inspection)
    return any(_taken(whole, weights, seen) for whole in _distinct([drop.whole, *here]))


def _taken(layer: Array, weights: list[Array], seen: list[Array]) -> bool:
    """Whether any value that was seen is this layer times some weights and what follows."""
    return any(
        _follows(value, one)
        for matrix in weights
        for scores in _products(layer, matrix)
        for value in seen
        for one in _distinct([scores, scores.T])
        if value.dtype.kind == "f" and one.shape == value.shape
    )


def _distinct(values: Iterable[Array]) -> list[Array]:
    """Each array once, however often it was noted."""
    return list({(value.shape, float(value.sum()), float(value.flat[0])): value for value in values}.values())


def _weights(inspection: Inspection) -> list[Array]:
    """Every matrix of the file and of the network that was read."""
    names = inspection.namespace
    held = [slot.get() for slot in slots({k: v for k, v in names.items() if isinstance(v, dict) or _holds(v)})]
    held += [*names.values(), *inspection.reading.subject.parameters().values()]
    found = (v for v in held if isinstance(v, np.ndarray) and v.ndim == 2 and v.dtype.kind == "f" and min(v.shape) > 0)
    return _distinct(found)


def _holds(value: Any) -> bool:
    return is_own(value) or isinstance(value, (list, tuple)) or callable(value)


def _products(whole: Array, weights: Array) -> Iterator[Array]:
    """All ways in which a layer may multiply, samples as rows (B, H)."""
    for rows in (whole, whole.T):
        for matrix in (weights, weights.T):
            if rows.shape[0] == ROWS and rows.shape[1] == matrix.shape[0]:
                yield rows @ matrix


def _follows(value: Array, scores: Array) -> bool:
    """Whether a value is these scores and a bias, through an activation or not."""
    if value.shape[0] != ROWS:
        value, scores = value.T, scores.T
    near = _SAME * max(1.0, float(np.abs(scores).max()))
    shift = value - scores
    if bool((np.ptp(shift, axis=0) <= near).all()):
        return bool(np.abs(scores).max() > near)
    made: tuple[Callable[[Array], Array], ...] = (ReLU(), Sigmoid(), Tanh(), Softmax())
    return any(np.allclose(value, bend(scores), rtol=_SAME, atol=_SAME) and np.ptp(value) > 0 for bend in made)


def _left_on(inspection: Inspection, test: Evaluation, left: Noted) -> int:
    """The call of the test where its dropout can be switched off, or is a layer that is called; else where it draws."""
    tree = inspection.program.tree
    within = [one for one in left.stack if one not in test.lines]
    drawn, switched = _drawn_at(tree, left.line)
    switched = switched or any(_drawn_at(tree, one)[1] for one in within)
    callers = [one for one in left.stack if one in test.lines]
    called = left.stack[0] in test.lines and len(test.body) > 1 if left.stack else False
    return callers[0] if callers and (switched or called or _sets_share(tree, callers[0])) else drawn


def _drawn_at(tree: ast.Module, line: int) -> tuple[int, bool]:
    """(where the mask is drawn that a line multiplies by, else the line itself; whether that is on a condition)."""
    holds = [
        node for node in ast.walk(tree) if getattr(node, "lineno", line + 1) <= line <= getattr(node, "end_lineno", 0)
    ]
    function = max((node.lineno for node in holds if isinstance(node, ast.FunctionDef)), default=0)
    drawn = max((one for one in masks(tree)[0] if function <= one <= line), default=line)
    ifs = [node for node in ast.walk(tree) if isinstance(node, ast.If) and function <= node.lineno <= line]
    left = any(isinstance(node.body[-1], ast.Return) for node in ifs if node not in holds)
    return drawn, left or any(isinstance(node, ast.If | ast.IfExp) and node.lineno >= function for node in holds)


def _sets_share(tree: ast.Module, line: int) -> bool:
    """Whether a call in a line says how much is dropped, or kept: forward(X, params, 0.8)."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.lineno == line]
    functions = {node.name: node.args.args for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    for call in calls:
        asked = [one.arg for one in functions.get(last_name(call.func), ()) if one.arg != "self"]
        given = [*asked[: len(call.args)], *(one.arg for one in call.keywords if one.arg in asked)]
        if any(aside(name) is not None for name in given):
            return True
    return False
