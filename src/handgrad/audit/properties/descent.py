"""Descent: a subject's own steps on one small batch, within a budget of time, and whether its loss falls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from time import thread_time

import numpy as np

from handgrad.audit.findings import Finding
from handgrad.audit.inspection import Inspection
from handgrad.audit.judging.identify import random_point
from handgrad.audit.properties.forward import batch, flat
from handgrad.audit.properties.places import found, line_of
from handgrad.audit.subject import Subject
from handgrad.core.arrays import Array

_RATES = (0.1, 0.5, 0.02, 0.002)
_FALLS = 0.9  # of the first loss: below it a batch is being learnt
_STEPS, _SECONDS = 60, 0.07  # for one learning rate at one starting point
_ROWS = 8


@dataclass(frozen=True)
class Descent:
    """What some steps did to the loss of a batch.

    Attributes:
        first: the loss before them.
        best: the lowest on the way.
        steps: how many were made.
        parameters: copies of the parameters after them.
    """

    first: float
    best: float
    steps: int
    parameters: Mapping[str, Array]

    @property
    def fell(self) -> bool:
        """Whether the loss fell by a tenth."""
        return self.best < self.first - (1 - _FALLS) * abs(self.first)


def descend(
    subject: Subject, x: Array, y: Array, lr: float, steps: int, seconds: float, *, stop: bool = False
) -> Descent | None:
    """Steps from where the parameters are, which are restored. None where the subject has no step, or it fails.

    With `stop` they end as soon as the loss has fallen.
    """
    if subject.step is None:
        return None
    saved, ends = subject.snapshot(), thread_time() + seconds
    try:
        first = best = float(subject.loss(x, y))
        done = 0
        for done in range(1, steps + 1):
            subject.step(x, y, lr)
            if done % 5 == 0 or done < 3:
                best = min(best, float(subject.loss(x, y)))
                if thread_time() > ends or (stop and best < first - (1 - _FALLS) * abs(first)):
                    break
        return Descent(first, best, done, subject.snapshot())
    except Exception:  # somebody else's code may raise anything
        return None
    finally:
        subject.restore(saved)


def cannot_overfit(inspection: Inspection) -> list[Finding]:
    """A batch of eight rows that no learning rate can fit, though no gradient was found wrong."""
    subject = inspection.reading.subject
    findings = inspection.diagnosis.findings
    wrong = any(finding.severity == "error" or finding.code == "network-unknown" for finding in findings)
    if wrong or subject.step is None or not flat(subject) or not _has_room(inspection, _ROWS):
        return []
    x, y = batch(subject, _ROWS, 4)
    tried: list[tuple[float, Descent]] = []
    saved = subject.snapshot()
    try:
        for seed in (None, 5):
            if seed is not None:
                subject.restore(random_point(subject, np.random.default_rng(seed)))
            for lr in _RATES:
                one = descend(subject, x, y, lr, _STEPS, _SECONDS, stop=True)
                if one is None or not np.isfinite(one.first) or one.fell or one.steps < _STEPS:
                    return []
                tried.append((lr, one))
    finally:
        subject.restore(saved)
    lr, best = min(tried, key=lambda pair: pair[1].best / pair[1].first)
    measured = {"first": best.first, "best": best.best, "steps": best.steps, "lr": lr}
    return [found(inspection, "batch-not-learnt", "warning", line_of(inspection, "step", "update"), measured)]


def _has_room(inspection: Inspection, rows: int) -> bool:
    """Whether a right network can be expected to fit so many rows by heart: none of its layers is narrower."""
    identity = inspection.diagnosis.identity
    if identity is None:
        return inspection.reading.subject.features >= rows
    parameters = inspection.reading.subject.parameters()
    sides = [parameters[m.weight].shape[:: -1 if m.transposed else 1] for m in identity.matrices]
    return all(inputs >= rows for inputs, _ in sides)
