"""Whole loss: of two losses that a file reports, one of which is the other and a penalty, the one that is meant."""

from __future__ import annotations

from contextlib import suppress
from math import isclose

from handgrad.audit.dialects import Reading
from handgrad.audit.judging.batch import batch
from handgrad.audit.judging.diagnose import Diagnosis
from handgrad.audit.reading.fence import time_limit
from handgrad.audit.subject import Subject

_SECONDS = 0.3  # to tell a penalty in a loss


def whole_loss(found: list[tuple[Reading, Diagnosis]], best: tuple[Reading, Diagnosis]) -> tuple[Reading, Diagnosis]:
    """Another reading of the same parameters whose loss is this one's and a charge for the weights: that is the loss.

    Only of a step that is the file's own, for what stands in for one may leave out that the weights decay.
    """
    part = best[0].subject
    for reading, diagnosis in found:
        whole = reading.subject
        own = whole.step is not None and whole.gradients is None and not (reading.silent or reading.invented)
        wrong = {name for one in diagnosis.findings if one.severity == "error" for name in one.where}
        if own and diagnosis.checks and not diagnosis.ok and diagnosis.judged - wrong:  # it is not misread
            with suppress(Exception), time_limit(_SECONDS):
                if whole.parameters().keys() == part.parameters().keys() and charges(whole, part):
                    return reading, diagnosis
    return best


def charges(whole: Subject, part: Subject) -> bool:
    """Whether one loss is another one and something more that depends on the weights and not on the batch."""
    saved, rests = [(subject, subject.snapshot()) for subject in (whole, part)], list[float]()
    try:
        for scale in (1.0, 1.5):
            values = {name: scale * value for name, value in saved[0][1].items()}
            for seed in (1, 2):
                one = batch(whole, 5, seed)
                losses = []
                for subject in (whole, part):
                    subject.restore(values)
                    losses.append(float(subject.loss(one.x, one.y)))
                rests.append(losses[0] - losses[1])
    finally:
        for subject, values in saved:
            subject.restore(values)
    same = isclose(rests[0], rests[1], rel_tol=1e-6) and isclose(rests[2], rests[3], rel_tol=1e-6)
    return same and 0 < 1.1 * rests[0] < rests[2]
