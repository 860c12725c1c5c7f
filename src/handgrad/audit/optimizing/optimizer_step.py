"""Optimizer step: glue's `optimizer_step(x, y)`, a training step with the code's own optimizer, and its definition.

The gradient before each step has to be known: the code's own where it gives one, else that of the identified network,
else the numeric derivative by a handful of single numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from handgrad.audit.findings import Finding
from handgrad.audit.inspection import Inspection
from handgrad.audit.judging.batch import batch
from handgrad.audit.judging.walk import Case, true_gradient
from handgrad.audit.optimizing.optimizers import judge_optimizer_step
from handgrad.audit.reading.fence import OutOfTime, time_limit
from handgrad.audit.subject import Subject
from handgrad.core.arrays import Array

SECONDS = 3.0
_ROWS = 8
_NUMBERS = 6  # of a parameter, for which the derivative is taken numerically
_STEP = 1e-4  # relative to the size of a parameter


def of_glue(inspection: Inspection) -> list[Finding]:
    """What the optimizer of a file with `optimizer_step` and `OPTIMIZER` is not; nothing without the two."""
    functions, subject = inspection.reading.functions, inspection.reading.subject
    step, name = functions.get("optimizer_step"), inspection.namespace.get("OPTIMIZER")
    if inspection.reading.dialect != "glue" or step is None or not isinstance(name, str):
        return []
    wrong = any(finding.severity == "error" for finding in inspection.diagnosis.findings)
    if wrong and subject.gradients is None:  # then nobody knows what the optimizer gets
        return []
    source = _Gradients(inspection)
    saved = subject.snapshot()
    try:
        with inspection.program.guarded(), time_limit(SECONDS):
            findings = judge_optimizer_step(
                subject.parameters, source.at, lambda k: step(*source.batch(k)), name, exact=source.exact
            )
    except (Exception, SystemExit, OutOfTime):  # the code is a stranger's: what fails says nothing of its numbers
        return []
    finally:
        subject.restore(saved)
    return findings


class _Gradients:
    """The gradient of batch k at the present parameters."""

    def __init__(self, inspection: Inspection) -> None:
        self.subject: Subject = inspection.reading.subject
        self.identity = inspection.diagnosis.identity
        self.own = self.subject.gradients is not None  # right or wrong, these are what the optimizer gets
        self.exact = 1e-5
        self.rng = np.random.default_rng(0)

    def batch(self, k: int) -> tuple[Any, Any]:
        one = batch(self.subject, _ROWS, k)
        return one.x, one.y

    def at(self, k: int) -> Mapping[str, Array]:
        one = batch(self.subject, _ROWS, k)
        if self.own and self.subject.gradients is not None:
            return {name: np.array(value, np.float64) for name, value in self.subject.gradients(one.x, one.y).items()}
        if self.identity is not None and one.flat is not None:
            return true_gradient(Case(self.identity, self.subject.snapshot(), *one.flat))
        return self._numeric(one.x, one.y)

    def _numeric(self, x: Any, y: Any) -> dict[str, Array]:
        """Some entries of each parameter's gradient, NaN for all others."""
        found = {}
        for name, value in self.subject.snapshot().items():
            gradient = np.full(value.shape, np.nan)
            h = _STEP * (float(np.sqrt(np.mean(value * value))) or 1.0)
            for at in self._entries(name, value):
                gradient.flat[at] = self._slope(x, y, name, at, h)
            found[name] = gradient
        return found

    def _entries(self, name: str, value: Array) -> list[int]:
        """The same few for each batch."""
        rng = np.random.default_rng(len(name) + value.size)
        return sorted(rng.permutation(value.size)[:_NUMBERS].tolist())

    def _slope(self, x: Any, y: Any, name: str, at: int, h: float) -> float:
        """By differences of fourth order."""
        live = self.subject.parameters()[name]
        start = float(live.flat[at])

        def loss(t: float) -> float:
            live.flat[at] = start + t
            return float(self.subject.loss(x, y))

        found = (8 * (loss(h) - loss(-h)) - (loss(2 * h) - loss(-2 * h))) / (12 * h)
        live.flat[at] = start
        return found
