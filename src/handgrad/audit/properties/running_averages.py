"""Running averages: batch normalisation that is written into a network, and what its averages are for.

Numbers say which they are: vectors that two training runs move by one share towards the mean, or the variance, of an
array that is normalised. A test makes no use of them where what it says of a row depends on the rows beside it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from handgrad.audit.findings import Finding
from handgrad.audit.inspection import Inspection
from handgrad.audit.pieces.norms import normalised
from handgrad.audit.place.observe import CHANGED, MADE, Noted
from handgrad.audit.place.thinned import ROWS, Place, counted, is_layer, place_of
from handgrad.audit.properties.evaluation import Evaluation, evaluations, noted, run
from handgrad.audit.properties.forward import batch, flat
from handgrad.audit.properties.helpers import layout
from handgrad.audit.properties.places import found
from handgrad.core.arrays import Array

_SAME = 1e-9  # relative
_NEAR = 12  # notes after an array in which what is normalised of it is looked for


@dataclass(frozen=True)
class _Average:
    """A running average as it is moved: where, and by which share towards the batch's."""

    note: Noted
    share: float


def running_averages(inspection: Inspection) -> list[Finding]:
    """Averages that all but forget what came before, or that no test uses."""
    subject = inspection.reading.subject
    if not flat(subject) or not _takes_variance(inspection.program.tree):
        return []
    batches = (batch(subject, ROWS, seed) for seed in (5, 6))
    runs = [noted(inspection, partial(subject.loss, x, y)) for x, y in batches]
    averages = list(_averages(*runs))
    for one in averages:
        if one.share > 0.5 + _SAME:
            measured = {"names": one.note.name, "share": one.share}
            where = (one.note.function,)
            return [found(inspection, "norm-momentum-reversed", "warning", one.note.line, measured, where=where)]
    if not averages:
        return []
    tested = [taken for test in evaluations(inspection) if (taken := _means_taken(inspection, test)) is not None]
    if not tested or not all(tested):
        return []
    mean = tested[0][0]
    measured = {"names": ", ".join(dict.fromkeys(one.note.name for one in averages))}
    return [found(inspection, "norm-test-uses-batch", "warning", mean.line, measured, where=(mean.function,))]


def _takes_variance(tree: ast.Module) -> bool:
    """Whether a file takes a root and means at all: without, nothing is normalised."""
    named = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    return bool(named & {"mean", "sum"}) and bool(named & {"var", "std", "sqrt", "mean"})


def _averages(run: list[Noted], other: list[Noted]) -> Iterator[_Average]:
    """Vectors that both runs move by the same share towards a statistic of an array that is normalised."""
    twins = {place_of(note, at): note for at, note in counted(other)}
    before = _statistics_of(run)
    after = _statistics_of(other)
    for at, note in counted(run):
        twin = twins.get(place_of(note, at))
        if note.how not in (MADE, CHANGED) or twin is None or not _is_vector(note.value, twin.value):
            continue
        first, second = note.value.reshape(-1), twin.value.reshape(-1)
        for place in before.keys() & after.keys():
            for old, new in zip(before[place], after[place], strict=True):
                if old.size == first.size and (share := _share(first, second, old, new)) is not None:
                    yield _Average(note, share)


def _share(first: Array, second: Array, old: Array, new: Array) -> float | None:
    """The c with which two runs move an average, c * statistic + (1 - c) * what it was, which they leave at `first` and
    `second`. Before the second run it was as before the first, or as that left it.
    """
    biased = (ROWS - 1) / ROWS  # of a variance itself, in that without bias
    for step, way in ((second - first, new - old), (second - first, new - first)):
        size = float(np.vdot(way, way))
        c = float(np.vdot(step, way)) / size if size else 0.0
        if (
            _SAME < c < 1 - _SAME
            and abs(c - biased) > _SAME
            and float(np.abs(step - c * way).max()) <= _SAME * float(np.abs(step).max())
        ):
            return c
    return None


def _statistics_of(run: list[Noted]) -> dict[Place, list[Array]]:
    """Mean, variances and spread of each array that is normalised, by where it is made."""
    listed, kept = counted(run), dict[Place, list[Array]]()
    for i, (at, note) in enumerate(listed):
        if is_layer(note.value) and any(_from(note.value, later.value) for _, later in listed[i + 1 : i + _NEAR]):
            kept[place_of(note, at)] = list(_moments(note.value))
    return kept


def _moments(value: Array) -> Iterator[Array]:
    axis = value.shape.index(ROWS)
    variance = value.var(axis=axis)
    yield from (value.mean(axis=axis), variance, variance * ROWS / (ROWS - 1), np.sqrt(variance))


def _from(value: Array, later: Array) -> bool:
    """Whether an array is another one normalised, each column by its own, and then perhaps scaled, shifted or bent."""
    if value.shape != later.shape or later.dtype.kind != "f":
        return False
    axis = value.shape.index(ROWS)
    one, other = (v - v.mean(axis=axis, keepdims=True) for v in (value, later))
    size = (one * one).sum(axis=axis, keepdims=True)
    if not (size > 0).all():
        return False
    gain = (one * other).sum(axis=axis, keepdims=True) / size
    if np.abs(other - gain * one).max() <= _SAME * np.abs(other).max():
        return float(np.ptp(gain)) > _SAME
    return normalised(value, later) is not None


def _is_vector(one: Array, other: Array) -> bool:
    return one.shape == other.shape and 1 < one.size == max(one.shape) and one.dtype.kind == "f" and one.ndim < 3


def _means_taken(inspection: Inspection, test: Evaluation) -> list[Noted] | None:
    """The means of its rows that a test takes, where what it gives for one row depends on the others; none where it
    does not; None where the test does not run.
    """
    x = np.random.default_rng(8).random((ROWS, inspection.reading.subject.features))
    other = np.concatenate([x[:1], x[:0:-1] ** 2])  # the same first row, and others beside it
    for rows, more in ((x.T, other.T), (x, other)) if layout(inspection) == "columns" else ((x, other), (x.T, other.T)):
        try:
            (notes, one), (_, two) = (run(inspection, test, each, 1, prepared=True) for each in (rows, more))
        except Exception:  # it wants what is not there
            continue
        if one.shape != two.shape or one.ndim != 2 or ROWS not in one.shape:
            return None
        first, second = (v if v.shape[0] == ROWS else v.T for v in (one, two))
        if np.allclose(first[0], second[0], rtol=_SAME, atol=_SAME):
            return []
        layers = [note.value for note in notes if is_layer(note.value) and note.value.shape != rows.shape]
        means = [v.mean(axis=v.shape.index(ROWS)) for v in layers]
        return [note for note in notes if note.how == MADE and any(_alike(note.value, mean) for mean in means)] or None
    return None


def _alike(value: Array, mean: Array) -> bool:
    return value.size == mean.size and np.allclose(value.reshape(-1), mean, rtol=_SAME, atol=0)
