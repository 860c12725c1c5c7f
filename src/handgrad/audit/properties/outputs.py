"""Outputs: what the last layer, or a missing activation, does to a network whose gradients are all right."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from math import exp, log

import numpy as np

from handgrad.audit.findings import Finding
from handgrad.audit.inspection import Inspection
from handgrad.audit.judging.batch import batch as any_batch
from handgrad.audit.judging.identify import Identity, targets
from handgrad.audit.place.observe import Noted, observe
from handgrad.audit.properties.bounded import limited_by
from handgrad.audit.properties.descent import descend
from handgrad.audit.properties.forward import batch, flat, made_small, squashed
from handgrad.audit.properties.making import loops, pieces_at, unbent_at
from handgrad.audit.properties.naming import last_name
from handgrad.audit.properties.places import found, line_of
from handgrad.core.arrays import Array
from handgrad.core.layers import Softmax

_SPAN = {"softmax": (0.0, 1.0), "sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}
_ROWS, _ALIKE, _EVEN = 5, 1e-6, 1e-6  # samples; relative; shares that differ by less are all the same
_UNEVEN = 1e-4  # within a row of shares
_FEWEST = 2  # classes: fewer show no pattern
_OTHERS = 0.7  # outputs of wrong classes, on average, that show where a loss leads


def squashed_scores(inspection: Inspection) -> list[Finding]:
    """Scores that go through a function of their own before the softmax of the loss."""
    matched = squashed(inspection)
    if matched is None:
        twice = _shares_of_shares(inspection)
        bound = None if twice else _bound(inspection)
        return twice if bound is None else [_said_squashed(inspection, bound, ())]
    classes, first = matched.reading.subject.classes, matched.identity.output
    inspection = replace(inspection, reading=matched.reading)
    where = (matched.identity.matrices[-1].weight,)
    if first == "softmax":
        return [_said_twice(inspection, _twice(inspection), classes, where)]
    return [_said_squashed(inspection, first, where)]


def _bound(inspection: Inspection) -> str | None:
    """The function that bounds the scores of a network that is not known, told from its losses alone."""
    reading, diagnosis = inspection.reading, inspection.diagnosis
    told = "none reported" not in reading.facts.get("loss", "")
    usable = diagnosis.identity is None and told and flat(reading.subject) and reading.subject.classes > _FEWEST
    return limited_by(reading.subject) if usable and _is_cross_entropy(inspection) else None


def _is_cross_entropy(inspection: Inspection) -> bool:
    """Whether the loss is -log of the shares that were seen on the way there: others are bounded by themselves."""
    subject = inspection.reading.subject
    rng, y = np.random.default_rng(7), np.arange(_ROWS) % subject.classes
    x, losses = rng.random((_ROWS, subject.features)), list[float]()
    notes = observe(lambda: losses.append(float(subject.loss(x, y))), {inspection.program.filename, "<audit>"})
    if not losses:
        return False
    for note in notes:
        for rows in _shares(note.value):
            if rows.shape == (_ROWS, subject.classes):
                cost = -np.log(rows[np.arange(_ROWS), y])
                if np.isclose(losses[0], [cost.mean(), cost.sum()], rtol=_ALIKE, atol=0).any():
                    return True
    return False


def _said_squashed(inspection: Inspection, first: str, where: tuple[str, ...]) -> Finding:
    classes = inspection.reading.subject.classes
    line = _applied(inspection, first) or line_of(inspection, "forward", "loss", "step")
    if first not in _SPAN:  # a ReLU
        return found(inspection, "relu-before-softmax", "warning", line, {"classes": classes}, {}, where)
    low, high = _SPAN[first]
    best = -log(exp(high) / (exp(high) + (classes - 1) * exp(low)))
    measured = {"lowest": best, "most": exp(-best), "classes": classes, "activation": first}
    return found(inspection, "squashed-scores", "warning", line, measured, {"lowest": 0.0}, where)


def _shares_of_shares(inspection: Inspection) -> list[Finding]:
    """A softmax of a softmax among the numbers of the way there, in a network of any form."""
    both = _twice(inspection) if inspection.diagnosis.identity is None else None
    return [] if both is None else [_said_twice(inspection, both, both[0].value.shape[1])]


def _twice(inspection: Inspection) -> tuple[Noted, Noted] | None:
    """Two notes of one loss, the second the softmax of the shares that the first holds, or of such without a name."""
    subject = inspection.reading.subject
    one = any_batch(subject, _ROWS, 3)
    notes = observe(lambda: subject.loss(one.x, one.y), {inspection.program.filename, "<audit>"})
    shares = [(note, rows) for note in notes if note.line > 0 for rows in _shares(note.value)]
    for i, (last, rows) in enumerate(shares):
        if not np.ptp(rows, axis=1).max() > _UNEVEN:
            continue  # units that are all alike share evenly, and so does a softmax of theirs
        before = [
            (note, p) for note, p in shares[:i]
            if p.shape == rows.shape and np.allclose(rows, Softmax()(p), rtol=_ALIKE, atol=0)
        ]  # fmt: skip
        if before:
            return next((note for note, p in before if np.isclose(note.value.sum(), len(p))), last), last
    return None


def _shares(value: Array) -> Iterator[Array]:
    """What an array (B, C), either way round, gives as shares with a sum of 1: positive numbers, or logarithms."""
    if value.dtype.kind != "f" or value.ndim != 2 or min(value.shape) < 2 or not np.ptp(value) > _EVEN:
        return
    for rows in (value.astype(np.float64), value.T.astype(np.float64)):
        if (rows > 0).all():
            yield rows / rows.sum(axis=1, keepdims=True)
        elif (rows < 0).all() and np.allclose(np.exp(rows).sum(axis=1), 1.0, rtol=_ALIKE, atol=0):
            yield np.exp(rows)


def _said_twice(
    inspection: Inspection, both: tuple[Noted, Noted] | None, classes: int, where: tuple[str, ...] = ()
) -> Finding:
    """At the first of the two, for the loss is to be handed scores; or where the function that does both is called."""
    best = -log(exp(1.0) / (exp(1.0) + classes - 1))
    measured = {"lowest": best, "most": exp(-best), "classes": classes, "activation": "softmax"}
    line = None
    if both is not None:
        first, last = both
        apart = first is last or first.function != last.function or first.call == last.call
        line = first.line if apart else first.stack[0] if first.stack[:1] != last.stack[:1] else None
    line = line or _applied(inspection, "softmax") or line_of(inspection, "forward", "loss", "step")
    return found(inspection, "softmax-twice", "error", line, measured, {"lowest": 0.0}, where)


def _applied(inspection: Inspection, kind: str) -> int | None:
    """The last line that applies a function by name, or a softmax written out: in the forward pass if it does so.

    A way forward that is a loop over layers applies what the network was put together of.
    """
    tree, forward = inspection.program.tree, line_of(inspection, "forward")
    scopes = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.lineno == forward]
    if loops(inspection) and not any(_applies(node, kind) for scope in scopes for node in _expressions(scope)):
        made = [line for line, name in pieces_at(inspection) if kind in _plain(name)]
        if made:
            return made[-1]
    for scope in [*scopes, tree]:
        nested = [node.lineno for node in _expressions(scope) if _applies_twice(node, kind)]
        lines = nested or [node.lineno for node in _expressions(scope) if _applies(node, kind)]
        if lines:
            return max(lines)
    return None


def _expressions(scope: ast.AST) -> Iterator[ast.expr]:
    return (node for node in ast.walk(scope) if isinstance(node, ast.expr))


def _applies_twice(node: ast.expr, kind: str) -> bool:
    """softmax(softmax(z))"""
    return isinstance(node, ast.Call) and _applies(node, kind) and any(_applies(one, kind) for one in node.args)


def _plain(name: str) -> str:
    return name.lower().replace("_", "").removeprefix("activation")


def _applies(node: ast.expr, kind: str) -> bool:
    if isinstance(node, ast.Call):
        return _plain(last_name(node.func)) == kind
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and kind == "softmax":
        sums_up = [
            part for part in ast.walk(node.right) if isinstance(part, ast.Call) and last_name(part.func) == "sum"
        ]
        return any(ast.unparse(node.left) in ast.unparse(part) for part in sums_up)
    return False


def no_nonlinearity(inspection: Inspection) -> list[Finding]:
    """Layers that collapse into one matrix. Where they narrow on the way they may be meant so, as word vectors are."""
    identity = inspection.diagnosis.identity
    if identity is None or len(identity.matrices) < 2:
        return []
    shapes = [inspection.reading.subject.parameters()[m.weight].shape for m in identity.matrices]
    sides = [shape[::-1] if m.transposed else shape for shape, m in zip(shapes, identity.matrices, strict=True)]
    for first, last in _runs(identity):
        if min(inputs for inputs, _ in sides[first + 1 : last + 1]) < min(sides[first][0], sides[last][1]):
            continue
        where = tuple(matrix.weight for matrix in identity.matrices[first : last + 1])
        severity = "error" if identity.output in ("softmax", "sigmoid") else "warning"
        line, measured = unbent_at(inspection, *where[:2]), {"matrices": len(where)}
        return [found(inspection, "no-nonlinearity", severity, line, measured, {"matrices": 1}, where)]
    return []


def _runs(identity: Identity) -> list[tuple[int, int]]:
    """(first, last) of each row of layers with nothing between them."""
    runs: list[tuple[int, int]] = []
    for i, bend in enumerate(identity.bends):
        if bend == "none":
            runs = [*runs[:-1], (runs[-1][0], i + 1)] if runs and runs[-1][1] == i else [*runs, (i, i + 1)]
    return runs


def not_normalised(inspection: Inspection) -> list[Finding]:
    """-sum(t log p) over outputs that do not share a sum of 1: all at 1 reach 0. Judged by what descent does."""
    identity, subject = inspection.diagnosis.identity, inspection.reading.subject
    if identity is None or subject.classes < 2 or not flat(subject):
        return []
    line = line_of(inspection, "loss", "step")
    if identity.loss == "binary cross-entropy" and not made_small(subject):
        return [found(inspection, "independent-outputs", "note", line, {"classes": subject.classes})]
    if identity.loss != "cross-entropy" or identity.output != "sigmoid":
        return []
    x, y = batch(subject, 8, 3)
    after = descend(subject, x, y, 0.5, steps=200, seconds=0.15)
    if after is None or not after.fell:
        return []
    output = identity.net(after.parameters)(x)
    others = float(output[targets(y, subject.classes) == 0].mean())
    if not np.isfinite(others) or others < _OTHERS:
        return []
    measured = {"others": others, "loss": after.best}
    return [found(inspection, "not-normalised", "error", line, measured, {"others": 0.0})]
