"""Outputs: what the last layer, or a missing activation, does to a network whose gradients are all right."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from math import exp, log

import numpy as np

from handgrad.audit.findings import Finding
from handgrad.audit.inspection import Inspection
from handgrad.audit.judging.batch import batch as any_batch
from handgrad.audit.judging.identify import Identity, Matrix, random_point, targets
from handgrad.audit.judging.stillness import drawn, draws
from handgrad.audit.place.observe import Noted, observe
from handgrad.audit.properties.bounded import limited_by
from handgrad.audit.properties.descent import descend
from handgrad.audit.properties.forward import batch, flat, made_small, squashed
from handgrad.audit.properties.making import loops, pieces_at, unbent_at
from handgrad.audit.properties.naming import last_name
from handgrad.audit.properties.places import found, line_of
from handgrad.audit.properties.sharing import Sharing, chain, shares, sharing
from handgrad.core.arrays import Array
from handgrad.core.layers import Softmax

_SPAN = {"softmax": (0.0, 1.0), "sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}
_ROWS, _ALIKE = 5, 1e-6  # samples; relative
_LARGE, _MOVES = 8.0, 1e-3  # times the usual weights; what scores differ by at least
_UNEVEN = 1e-4  # within a row of shares
_OTHERS = 0.7  # outputs of wrong classes, on average, that show where a loss leads


def squashed_scores(inspection: Inspection) -> list[Finding]:
    """Scores that go through a function of their own before the softmax of the loss."""
    shown = sharing(inspection) if inspection.diagnosis.identity is None else None
    if shown is not None:
        if twice := _shares_of_shares(inspection):
            return twice
        if bound := limited_by(shown.subject, shown.scores):
            return [_said_squashed(inspection, bound, (), shown)]
    matched = squashed(inspection)
    if matched is None:
        return _shares_of_shares(inspection)
    classes, first = matched.reading.subject.classes, matched.identity.output
    inspection = replace(inspection, reading=matched.reading)
    where = (matched.identity.matrices[-1].weight,)
    if first == "softmax":
        return [_said_twice(inspection, _twice(inspection), classes, where)]
    return [_said_squashed(inspection, first, where, shown)]


def _said_squashed(inspection: Inspection, first: str, where: tuple[str, ...], shown: Sharing | None = None) -> Finding:
    classes = inspection.reading.subject.classes
    line = _applied(inspection, first) or (None if shown is None else _first_scores(shown))
    line = line or line_of(inspection, "forward", "loss", "step")
    if first not in _SPAN:  # a ReLU
        return found(inspection, "relu-before-softmax", "warning", line, {"classes": classes}, {}, where)
    low, high = _SPAN[first]
    best = -log(exp(high) / (exp(high) + (classes - 1) * exp(low)))
    measured = {"lowest": best, "most": exp(-best), "classes": classes, "activation": first}
    return found(inspection, "squashed-scores", "warning", line, measured, {"lowest": 0.0}, where)


def _first_scores(shown: Sharing) -> int | None:
    """The line that makes the scores: the first array that differs from them by no more than one number a row."""
    scores, notes = shown.seen(
        np.random.default_rng(5).random((_ROWS + (shown.subject.classes == _ROWS), shown.subject.features))
    )
    floats = [note for note in notes if note.line > 0 and note.value.dtype.kind == "f"]
    for note, rows in ((one, rows) for one in floats for rows in (one.value, one.value.T)):
        if rows.shape == scores.shape and np.allclose(np.diff(rows), np.diff(scores), rtol=_ALIKE, atol=_ALIKE):
            return note.line
    return None


def _shares_of_shares(inspection: Inspection) -> list[Finding]:
    """A softmax of a softmax among the numbers of the way there, in a network of any form; where the gradients are
    right for one softmax, it is only the loss that is told.
    """
    silent, diagnosis = inspection.reading.silent, inspection.diagnosis
    both = _twice(inspection) if diagnosis.identity is None or silent else None
    if both is None:
        return []
    said = _said_twice(inspection, both, inspection.reading.subject.classes)
    if not (silent and diagnosis.ok):
        return [said]
    first, last = both
    again = last.stack[0] if first.function == last.function and last.stack else last.line
    return [replace(said, severity="warning", line=again)]


def _twice(inspection: Inspection) -> tuple[Noted, Noted] | None:
    """Two notes of one loss, the second the softmax of the shares that the first holds, or of such without a name."""
    subject = inspection.reading.subject
    one = any_batch(subject, _ROWS, 3)
    notes = observe(lambda: subject.loss(one.x, one.y), {inspection.program.filename, "<audit>"})
    seen = [(note, rows) for note in notes if note.line > 0 for rows in shares(note.value)]
    for i, (last, rows) in enumerate(seen):
        if not np.ptp(rows, axis=1).max() > _UNEVEN:
            continue  # units that are all alike share evenly, and so does a softmax of theirs
        before = [
            (note, p) for note, p in seen[:i]
            if p.shape == rows.shape and np.allclose(rows, Softmax()(p), rtol=_ALIKE, atol=0)
        ]  # fmt: skip
        if before:
            return next((note for note, p in before if np.isclose(note.value.sum(), len(p))), last), last
    return None


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
    identity, parameters = inspection.diagnosis.identity, inspection.reading.subject.parameters()
    matrices = chain(inspection, parameters) if identity is None else identity.matrices
    if len(matrices) < 2:
        return []
    sides = [parameters[m.weight].shape[:: -1 if m.transposed else 1] for m in matrices]
    for first, last in _runs(identity) if identity is not None else _whole(inspection, matrices):
        if min(inputs for inputs, _ in sides[first + 1 : last + 1]) < min(sides[first][0], sides[last][1]):
            continue
        where = tuple(matrix.weight for matrix in matrices[first : last + 1])
        severity = "error" if identity is not None and identity.output in ("softmax", "sigmoid") else "warning"
        line, measured = unbent_at(inspection, *where[:2]), {"matrices": len(where)}
        return [found(inspection, "no-nonlinearity", severity, line, measured, {"matrices": 1}, where)]
    return []


def _whole(inspection: Inspection, matrices: Sequence[Matrix]) -> list[tuple[int, int]]:
    """(first, last) of all layers, where there is nothing between any two of them."""
    return [(0, len(matrices) - 1)] if _straight(inspection, matrices) else []


def _straight(inspection: Inspection, matrices: Sequence[Matrix]) -> bool:
    """Whether samples on a straight line have scores on one, whatever the weights, in a network that is not known.

    A normalisation by the batch keeps them on one within a batch, a mask that is held keeps those that it meets. The
    weights are large once, for there are activations that are straight in their middle.
    """
    shown = sharing(inspection)
    if shown is None:
        return False
    subject, saved = shown.subject, shown.subject.snapshot()
    ends = np.random.default_rng(12).random((2, _ROWS, subject.features))
    between = [share * ends[0] + (1 - share) * ends[1] for share in (0.0, 0.4, 1.0)]
    line = np.stack([x[0] for x in between] + [ends[0, 0] + share * (ends[1, 0] - ends[0, 0]) for share in (0.2, 0.9)])
    try:
        for scale in (1.0, _LARGE):
            point = {k: scale * v for k, v in random_point(subject, np.random.default_rng(3)).items()}
            point[matrices[-1].weight] /= scale ** len(matrices)  # or some scores would be too low for a share
            subject.restore(point)
            if _on_a_line(_differences(shown, line)):
                continue
            run = partial(subject.loss, line, np.arange(len(line)) % subject.classes)
            if not (drawn(run) or draws(run, np.random.default_rng(0))):
                return False
            if not all(
                _on_a_line(np.stack(one)) for one in zip(*(_differences(shown, x) for x in between), strict=True)
            ):
                return False
    finally:
        subject.restore(saved)
    return True


def _differences(shown: Sharing, x: Array) -> Array:
    """How far each score is above the first (B, C)."""
    scores = shown.scores(x)
    return scores - scores[:, :1]


def _on_a_line(points: Array) -> bool:
    """Whether some rows are apart, and all of them on one straight line."""
    sizes = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
    return bool(sizes[0] > _MOVES and sizes[1] <= _ALIKE * sizes[0])


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
    if identity.loss == "binary cross-entropy" and identity.output != "softmax" and not made_small(subject):
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
