"""Masked step: the gradients of a step that draws a dropout which the reported loss does not have.

Step and loss are then two functions. But where the network is known, and its draws are held, the numbers of the step
tell which units were dropped, and the gradients are held against the derivative of the same loss behind these masks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from handgrad.audit.findings import Finding
from handgrad.audit.inspection import Inspection
from handgrad.audit.judging.batch import Batch, batch
from handgrad.audit.judging.diagnose import ROWS, of_known
from handgrad.audit.judging.identify import random_point
from handgrad.audit.judging.measure import LOOSE, steady, tolerance
from handgrad.audit.judging.rates import by_rate
from handgrad.audit.judging.stillness import held
from handgrad.audit.judging.walk import Case
from handgrad.audit.place import dropped
from handgrad.audit.place.files import Files
from handgrad.audit.place.first_wrong import first_wrong
from handgrad.audit.place.masks import Masks, drawn_at, masks_of
from handgrad.audit.place.observe import Noted, observe
from handgrad.audit.reading.fence import OutOfTime, work_limit
from handgrad.audit.subject import Subject
from handgrad.core.arrays import Array

SECONDS = 3.0
NOT_JUDGED = "random-step"
_ALIKE = 1e-4  # relative: factors that are one and the same


def check(inspection: Inspection) -> list[Finding] | None:
    """What is wrong with the gradients behind their dropout, in its place; None where that cannot be told."""
    diagnosis = inspection.diagnosis
    if diagnosis.identity is None or [one.code for one in diagnosis.findings] != [NOT_JUDGED]:
        return None
    subject = held(inspection.reading.subject, np.random.default_rng(0))
    inspection = replace(inspection, reading=replace(inspection.reading, subject=subject))
    saved = subject.snapshot()
    try:
        with inspection.program.guarded(), work_limit(SECONDS):
            found = _judged(inspection)
    except (Exception, SystemExit, OutOfTime):  # the code is a stranger's, and nothing was said of it before
        return None
    finally:
        subject.restore(saved)
    return found if found is None else _placed(inspection, found)


def _judged(inspection: Inspection) -> list[Finding] | None:
    subject, identity = inspection.reading.subject, inspection.diagnosis.identity
    assert identity is not None
    batches = [batch(subject, rows, rows) for rows in ROWS]
    subject.restore(random_point(subject, np.random.default_rng(0)))
    early, rate = by_rate(subject, batches[0])
    gradients = [steady(subject, one.x, one.y, rate) for one in batches]
    if max(one.spread for one in gradients) > LOOSE:
        return None
    names, exact = Files(inspection, everywhere=True), max(tolerance(subject), 1e-6)
    masks, notes = list[Masks](), list[Noted]()
    for one in batches:
        notes = observe(partial(_gradient, subject, one), names.offsets)
        mask = None if one.flat is None else masks_of(Case(identity, subject.snapshot(), *one.flat), notes, exact)
        if mask is None or not any(part is not None for part in mask):
            return None
        masks.append(mask)
    drawn = [part for part in masks[-1] if part is not None]
    findings, _ = of_known(subject, identity, batches, gradients, exact, masks)
    named = {one.code: one for one in (_of_dropout(one, drawn) for one in (*early, *findings))}
    return [*named.values(), *_not_made_up(drawn, notes, names)]


def _of_dropout(finding: Finding, masks: Sequence[Array]) -> Finding:
    """A mistake on the way back through a dropout as one; a factor that is that of the masks is one as well."""
    scale = max(float(mask.max()) for mask in masks)
    code = finding.code
    if code == "uneven-scale":
        ratio = float(finding.measured["factor"]) / float(finding.measured["reference"])
        powers = [scale**n for k in range(1, len(masks) + 1) for n in (k, -k)]
        if scale == 1 or not np.isclose(ratio, powers, rtol=_ALIKE).any():
            return finding
        code = "dropout-scale-differs"
    if not code.startswith("dropout-"):
        return finding
    measured = {"residual": 0.0, **finding.measured, "scale": scale}
    return Finding(code, "error", ("dropout",), measured, {"residual": 0.0})


def _not_made_up(masks: Sequence[Array], notes: Sequence[Noted], files: Files) -> Iterator[Finding]:
    """A dropout that drops units and leaves the others as they are, though the loss has all of them as they are."""
    for mask in masks:
        if mask.max() == 1:
            measured = {"train": float(mask.mean()), "test": 1.0}
            file, line = files.place(drawn_at(notes, mask))
            yield Finding("dropout-modes-disagree", "warning", ("dropout",), measured, file=file, line=line or None)
            return


def _gradient(subject: Subject, one: Batch) -> None:
    subject.gradient(one.x, one.y)


def _placed(inspection: Inspection, found: Sequence[Finding]) -> list[Finding]:
    """Errors at the line in which the first wrong number appears; a mere factor of a mask at where the mask is used."""
    parameters = tuple(inspection.reading.subject.parameters())
    spoilt = [replace(one, where=parameters) if one.where == ("dropout",) else one for one in found]
    suspects = first_wrong(inspection, spoilt, everywhere=True)
    placed = []
    for one in found:
        if one.code == "dropout-scale-differs" and "factor" in one.measured:
            one = dropped.placed(inspection, one)
        elif one.severity == "error" and suspects:
            one = replace(one, file=suspects[0].file or inspection.program.filename, line=suspects[0].line)
        placed.append(one)
    return placed
