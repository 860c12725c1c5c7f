"""Dropped: dropout beside the file's own tests. Units that go when it is tested, or are made up for nowhere.

Numbers say what a dropout is: an array of which other entries are gone in each run, and which else is another one times
a number. A test makes up for nothing where the next layer's weights are seen to multiply all units as they are.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, TypeAlias

import numpy as np

from handgrad.audit.dialects.sizes import dropping
from handgrad.audit.findings import Finding
from handgrad.audit.inspection import Inspection
from handgrad.audit.objects import is_own, slots
from handgrad.audit.place.dropped import masks
from handgrad.audit.place.observe import Noted
from handgrad.audit.properties.evaluation import Evaluation, evaluations, noted, run
from handgrad.audit.properties.forward import batch, flat
from handgrad.audit.properties.helpers import layout
from handgrad.audit.properties.places import found
from handgrad.core.arrays import Array
from handgrad.core.layers import ReLU, Sigmoid, Softmax, Tanh

_ROWS, _KEEP, _NEAR = 23, 0.75, 30  # rows; share that stays; notes ahead in which the input is looked for
_SAME = 1e-9


_Place: TypeAlias = tuple[int, str, str, int]  # line, name, how, and the how-manieth time


@dataclass(frozen=True)
class _Drop:
    """A multiplication by a mask: what is left, of what, by which factor, and where that was noted until then."""

    left: Noted
    whole: Array
    scale: float
    places: frozenset[_Place]

    @property
    def share(self) -> float:
        """How much of it is left."""
        return float((self.left.value != 0).mean() / (self.whole != 0).mean())


def dropout_when_tested(inspection: Inspection) -> list[Finding]:
    """Units that are dropped when the network is tested, or dropped in training and made up for nowhere."""
    subject = inspection.reading.subject
    drawn, _ = masks(inspection.program.tree)
    if not drawn or not flat(subject):
        return []
    x, y = batch(subject, _ROWS, 5)
    runs = []
    for seed in (1, 2):
        with dropping(_KEEP, seed):
            runs.append(noted(inspection, lambda: subject.loss(x, y)))
    dropped = _drops(runs[0], runs[1], x)
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
    return []


def _judged(
    inspection: Inspection, test: Evaluation, dropped: list[_Drop], both: list[tuple[list[Noted], Array]], x: Array
) -> Finding | None:
    (notes, first), (again, second) = both
    tested = _drops(notes, again, x)
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


def _drops(run: list[Noted], other: list[Noted], x: Array) -> list[_Drop]:
    """Arrays that are another one times a number, but for entries that are gone, others in each run; not of the input.

    The samples may come in another order in each run.
    """
    twins = {_place(note, at): note for at, note in _counted(other)}
    numbered = _counted(run)
    dropped: dict[int, _Drop] = {}  # by the array that is left, which may be noted under many names
    for i, (at, note) in enumerate(numbered):
        twin = twins.get(_place(note, at))
        if note.array in dropped or twin is None or not _is_layer(note.value) or not _is_layer(twin.value):
            continue
        found: list[tuple[int, _Drop]] = []
        for k, before in numbered[max(0, i - _NEAR) : i]:
            again = twins.get(_place(before, k))
            scale = _thinned(note.value, before.value)
            if scale is None or again is None or _thinned(twin.value, again.value) is None:
                continue
            first, second = _in_order(before.value), _in_order(again.value)
            alike = np.array_equal(before.value[first], again.value[second])
            moved = not np.array_equal(note.value[first] == 0, twin.value[second] == 0)
            if alike and moved and not _same_rows(before.value, x):
                same = (one for one in numbered[:i] if np.array_equal(one[1].value, before.value))
                places = frozenset(_place(n, k) for k, n in same)
                found.append((int(np.count_nonzero(before.value)), _Drop(note, before.value, scale, places)))
        if found:
            dropped[note.array] = min(found, key=lambda one: one[0])[1]
    return list(dropped.values())


def _is_layer(value: Array) -> bool:
    """Whether an array holds numbers for each sample."""
    return value.ndim == 2 and value.dtype.kind == "f" and _ROWS in value.shape and min(value.shape) > 1


def _thinned(left: Array, whole: Array) -> float | None:
    """The number by which all that is left of an array was multiplied, where something is gone; None for any other."""
    if left.shape != whole.shape or whole.dtype.kind != "f":
        return None
    kept, there = left != 0, whole != 0
    if (kept & ~there).any() or not (there & ~kept).any() or kept.sum() < _ROWS:
        return None
    ratio = left[kept] / whole[kept]
    return float(ratio[0]) if np.ptp(ratio) <= _SAME * abs(ratio[0]) else None


def _in_order(value: Array) -> tuple[Any, ...]:
    """An index that brings the samples of an array into an order of their own."""
    axis = value.shape.index(_ROWS)
    order = np.argsort(value.sum(axis=1 - axis))
    return (order,) if axis == 0 else (slice(None), order)


def _same_rows(value: Array, x: Array) -> bool:
    turned = value if value.shape == x.shape else value.T
    return turned.shape == x.shape and np.array_equal(turned[_in_order(turned)], x[_in_order(x)])


def _counted(run: list[Noted]) -> list[tuple[int, Noted]]:
    """Each note with how often its line has made a note of this kind before."""
    seen: dict[tuple[int, str, str], int] = {}
    counted = []
    for note in run:
        key = (note.line, note.name, note.how)
        seen[key] = seen.get(key, -1) + 1
        counted.append((seen[key], note))
    return counted


def _place(note: Noted, at: int) -> _Place:
    return note.line, note.name, note.how, at


def _whole_again(inspection: Inspection, drop: _Drop, notes: list[Noted], last: Array) -> bool:
    """Whether a test multiplies all units by the weights of the next layer, as they are: then nothing makes up."""
    seen = _distinct([*(note.value for note in notes), last])
    here = [n.value for at, n in _counted(notes) if _place(n, at) in drop.places and _is_layer(n.value)]
    return any(
        _follows(value, one)
        for whole in _distinct([drop.whole, *here])
        for weights in _weights(inspection)
        for scores in _products(whole, weights)
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
            if rows.shape[0] == _ROWS and rows.shape[1] == matrix.shape[0]:
                yield rows @ matrix


def _follows(value: Array, scores: Array) -> bool:
    """Whether a value is these scores and a bias, through an activation or not."""
    if value.shape[0] != _ROWS:
        value, scores = value.T, scores.T
    near = _SAME * max(1.0, float(np.abs(scores).max()))
    shift = value - scores
    if bool((np.ptp(shift, axis=0) <= near).all()):
        return bool(np.abs(scores).max() > near)
    made: tuple[Callable[[Array], Array], ...] = (ReLU(), Sigmoid(), Tanh(), Softmax())
    return any(np.allclose(value, bend(scores), rtol=_SAME, atol=_SAME) and np.ptp(value) > 0 for bend in made)


def _left_on(inspection: Inspection, test: Evaluation, left: Noted) -> int:
    """The call of the test where its dropout can be switched off, or is a layer that is called; else where it draws."""
    tree, line = inspection.program.tree, left.line
    holds = [
        node for node in ast.walk(tree) if getattr(node, "lineno", line + 1) <= line <= getattr(node, "end_lineno", 0)
    ]
    function = max((node.lineno for node in holds if isinstance(node, ast.FunctionDef)), default=0)
    drawn = max((one for one in masks(tree)[0] if function <= one <= line), default=line)
    callers = [one for one in left.stack if one in test.lines]
    switched = any(isinstance(node, ast.If | ast.IfExp) and node.lineno >= function for node in holds)
    called = left.stack[0] in test.lines and len(test.body) > 1 if left.stack else False
    return callers[0] if callers and (switched or called) else drawn
