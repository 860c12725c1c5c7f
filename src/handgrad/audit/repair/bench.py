"""Bench: a network held at one random point, where any edit of its code can be measured against the truth.

The truth is the slope of the reported loss, which no edit of the way back can change; an edit that changes the loss is
none of the way back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from handgrad.audit.inspection import Inspection
from handgrad.audit.judging.batch import batch
from handgrad.audit.judging.identify import random_point
from handgrad.audit.judging.measure import Fit, fit, steady, tolerance
from handgrad.audit.judging.stillness import held
from handgrad.audit.judging.truth import slopes
from handgrad.audit.judging.walk import Case, true_gradient
from handgrad.audit.reading.fence import OutOfTime, time_limit
from handgrad.audit.repair.edits import Replacements
from handgrad.audit.repair.keeping import Kept
from handgrad.audit.repair.swap import Live
from handgrad.audit.subject import Subject
from handgrad.core.arrays import Array

ROWS = (5, 8)
RATE = 2.0**-6
_SLOPES = 0.15  # seconds for the true slopes of a batch, of a network that is not known
_SECONDS = 2.0  # for the first measurement; all others may take ten times as long as that one did, and a tenth at least
_SAME = 1e-9  # relative: two losses that are one


@dataclass(frozen=True)
class Truth:
    """One batch with its true gradient, whole or along some directions.

    Attributes:
        x: rows.
        y: their labels.
        values: the true gradient by parameter.
        along: makes a gradient comparable to that.
        exact: by parameter, what rounding may leave over.
        decayed: parameters whose gradient holds a share of themselves, by the file's own convention.
    """

    x: Any
    y: Any
    values: dict[str, Array]
    along: Callable[[Mapping[str, Array]], Mapping[str, Array]]
    exact: dict[str, float]
    decayed: Mapping[str, Array]

    def beside(self, gradient: Mapping[str, Array]) -> dict[str, Fit]:
        """A gradient as a multiple of the true one, parameter by parameter."""
        seen = self.along(gradient)
        found = {}
        for name, value in self.values.items():
            mine, true = seen[name], value
            if name in self.decayed:
                mine, true = _beside(mine, self.decayed[name]), _beside(true, self.decayed[name])
            found[name] = fit(mine, true, self.exact[name])
        return found


@dataclass(frozen=True)
class Score:
    """How right gradients are.

    Attributes:
        right: parameters whose gradient is the true one, by the file's own convention.
        wrong: the others.
        factor: where all are the true ones times one number, that number; else None.
    """

    right: frozenset[str]
    wrong: frozenset[str]
    factor: float | None = None


def _beside(gradient: Array, parameter: Array) -> Array:
    """What of a gradient is no share of the parameter itself."""
    whole: Array = gradient - parameter * (np.vdot(parameter, gradient) / np.vdot(parameter, parameter))
    return whole


class Bench:
    """The subject of an inspection at a random point. Use it in a `with`: everything is put back at its end."""

    def __init__(self, inspection: Inspection, live: Live, codes: set[str], seed: int = 11) -> None:
        self.inspection, self.live = inspection, live
        self.subject: Subject = inspection.reading.subject
        self.careful = bool(codes & {"never-reset", "momentum"})
        self.momentum = {n for f in inspection.diagnosis.findings if f.code == "momentum" for n in f.where}
        self.rng = np.random.default_rng(seed)
        self.saved = self.subject.snapshot()
        self.beside: Mapping[str, Fit] = {}

    def __enter__(self) -> Bench:
        one = batch(self.subject, ROWS[0], 0)
        if self.subject.loss(one.x, one.y) != self.subject.loss(one.x, one.y):
            self.subject = held(self.subject, self.rng)  # dropout draws the same for all tries
        self.subject.restore(random_point(self.subject, self.rng))
        self.point = self.subject.snapshot()
        notes = [one for one in self.inspection.diagnosis.findings if one.code == "weight-decay"]
        self.decayed = {name: self.point[name] for one in notes for name in one.where if name in self.point}
        self.kept = Kept(self.inspection, self.live.functions)
        self.truths = [self._truth(rows) for rows in ROWS]
        self.loss = self._loss()
        errors = [f for f in self.inspection.diagnosis.findings if f.severity == "error"]
        spoilt = {name for one in errors for name in one.where}
        self.usual = [{1.0} for _ in ROWS]
        self.seconds = _SECONDS
        for i in range(len(ROWS)):
            began = time.perf_counter()
            self.score(i)
            self.seconds = max(0.1, 10 * (time.perf_counter() - began))
            healthy = {f.factor for n, f in self.beside.items() if n not in spoilt and f.exact and f.factor > 0}
            self.usual[i] |= healthy
        return self

    def __exit__(self, *_: object) -> None:
        self.kept.put_back()
        self.subject.restore(self.saved)

    def _truth(self, rows: int) -> Truth:
        subject = self.subject
        one = batch(subject, rows, int(self.rng.integers(1 << 30)))
        exact = tolerance(subject)
        identity = self.inspection.diagnosis.identity
        if identity is not None and one.flat is not None:
            true = true_gradient(Case(identity, self.point, *one.flat))
            return Truth(one.x, one.y, true, lambda g: g, dict.fromkeys(true, exact), self.decayed)
        found = slopes(subject, one.x, one.y, self.rng, _SLOPES)
        close = {name: max(exact, 1e-5, 10 * found.noise.get(name, 0.0)) for name in found.values}
        return Truth(one.x, one.y, found.values, found.along, close, {})

    def _loss(self) -> float:
        return float(self.subject.loss(self.truths[0].x, self.truths[0].y))

    def measured(self, replaced: Replacements, *, which: int = 0) -> Score | None:
        """How right the gradients of one batch are with an edit at work; None where it fails or changes the loss."""
        try:
            with self.live.at_work(replaced) as reached:
                if not reached and replaced:
                    return None
                return self.score(which)
        except (SyntaxError, ValueError, TypeError):
            return None

    def score(self, which: int = 0) -> Score | None:
        """The same for the code as it is now."""
        truth = self.truths[which]
        self.kept.begin()
        try:
            with time_limit(self.seconds), np.errstate(all="ignore"):
                carry: Mapping[str, float] = {}
                if self.careful:
                    found = steady(self.subject, truth.x, truth.y, RATE)
                    gradient, carry = found.gradient, found.carry
                else:
                    gradient = self.subject.gradient(truth.x, truth.y, RATE)
                if any(gradient[name].shape != value.shape for name, value in self.point.items()):
                    return None
                beside = truth.beside(gradient)
                carried = {n for n, c in carry.items() if c > 1e-6 and not (n in self.momentum and c < 1 - 1e-6)}
                self.beside = beside
                score = self._score(beside, carried, self.usual[which])
                if score.right and which == 0:
                    self.subject.restore(self.point)
                    if abs(self._loss() - self.loss) > _SAME * abs(self.loss):
                        return None
                return score
        except (Exception, SystemExit, OutOfTime):  # an edit may make anything of somebody's code
            return None
        finally:
            self.kept.put_back()

    def _score(self, beside: Mapping[str, Fit], carried: set[str], usual: set[float]) -> Score:
        exact = {n: f for n, f in beside.items() if f.exact and n not in carried}
        names = frozenset(beside)
        zeros = frozenset(n for n, f in exact.items() if not f.factor and self._is_zero(n))
        best = zeros
        for factor in usual:
            like = zeros | {n for n, f in exact.items() if abs(f.factor - factor) < 1e-4 * factor}
            best = max(best, like, key=len)
        for factor in {round(f.factor, 9) for f in exact.values() if f.factor > 0}:
            if names == zeros | {n for n, f in exact.items() if abs(f.factor - factor) < 1e-4 * factor}:
                return Score(best, names - best, factor)
        return Score(best, names - best)

    def _is_zero(self, name: str) -> bool:
        return not any(truth.values[name].any() for truth in self.truths)
