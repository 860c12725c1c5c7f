"""Whole loss: of two losses that a file reports, one of which is the other and a penalty, the one that is meant; and
where such a penalty is paid.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from math import isclose

import numpy as np

from handgrad.audit.dialects import Reading
from handgrad.audit.judging.batch import batch
from handgrad.audit.judging.diagnose import Diagnosis
from handgrad.audit.reading.fence import OutOfTime, time_limit
from handgrad.audit.subject import Subject

_RATE = 2.0**-6
_SECONDS = 0.3  # to tell a penalty in a loss
_MISSING = "penalty-missing"


def whole_loss(found: list[tuple[Reading, Diagnosis]], best: tuple[Reading, Diagnosis]) -> tuple[Reading, Diagnosis]:
    """Another reading of the same parameters whose loss is this one's and a charge for the weights: that is the loss.

    Only of a step that is the file's own, for what stands in for one may leave out that the weights decay; or where the
    file's own, of which the gradients are judged, is seen not to.
    """
    part = best[0].subject
    for reading, diagnosis in found:
        whole = reading.subject
        own = (whole.step is not None and whole.gradients is None) or whole.whole is not None
        own = own and not (reading.silent or reading.invented)
        wrong = {name for one in diagnosis.findings if one.severity == "error" for name in one.where}
        if own and diagnosis.checks and not diagnosis.ok and diagnosis.judged - wrong:  # it is not misread
            with suppress(Exception, OutOfTime), time_limit(_SECONDS):
                alike = whole.parameters().keys() == part.parameters().keys() and charges(whole, part)
                if alike and (whole.whole is None or decays(whole) is False):
                    return reading, diagnosis
    return best


def paid_by_the_step(subject: Subject, diagnosis: Diagnosis) -> Diagnosis:
    """Without the complaint that gradients leave a penalty out, where the file's own step is seen to decay weights."""
    if subject.whole is None or all(finding.code != _MISSING for finding in diagnosis.findings):
        return diagnosis
    with suppress(Exception, OutOfTime), time_limit(_SECONDS):
        if decays(subject):
            return replace(diagnosis, findings=tuple(one for one in diagnosis.findings if one.code != _MISSING))
    return diagnosis


def decays(subject: Subject) -> bool | None:
    """Whether the file's own step moves weights from an input that is always 0, by which no gradient can.

    None where that cannot be told.
    """
    assert subject.whole is not None
    saved, one = subject.snapshot(), batch(subject, 5, 3)
    x = np.array(one.x)
    idle = x.shape[-1] // 3
    first = [(name, value.shape.index(x.shape[-1])) for name, value in saved.items()
             if value.ndim == 2 and value.shape.count(x.shape[-1]) == 1]  # fmt: skip
    if x.ndim != 2 or x.shape[0] == x.shape[1] or not idle or len(first) != 1:
        return None
    x[:, :idle] = 0.0
    try:
        if subject.afresh is not None:
            subject.afresh()
            subject.restore(saved)
        subject.whole(x, one.y, _RATE)
        moved = subject.parameters()[first[0][0]] - saved[first[0][0]]
    finally:
        if subject.afresh is not None:
            subject.afresh()
        subject.restore(saved)
    return bool(np.take(moved, range(idle), axis=first[0][1]).any()) if moved.any() else None


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
