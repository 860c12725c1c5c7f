"""First wrong: the line of somebody's code in which the first wrong number of a training step appears.

One step is run and observed, and every array that it makes is held against the right numbers of the same batch. Going
back from the loss, the first one that should be a right number and is none has its line told.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from handgrad.audit.dialects.stage import limits
from handgrad.audit.findings import Finding
from handgrad.audit.inspection import Inspection
from handgrad.audit.judging.identify import random_point
from handgrad.audit.judging.measure import steady, tolerance
from handgrad.audit.judging.walk import Case
from handgrad.audit.place.blame import gradients_made, wrong_values
from handgrad.audit.place.files import Files
from handgrad.audit.place.handing import Suspect
from handgrad.audit.place.masks import masks_of
from handgrad.audit.place.observe import observe
from handgrad.audit.place.order import order_taken
from handgrad.audit.place.right_numbers import RightNumbers, Step, Trail
from handgrad.audit.place.wrong_scale import wrong_scale
from handgrad.audit.place.wrong_update import never_reset, never_updated, unpaid, updated_too_early
from handgrad.audit.reading.fence import OutOfTime, work_limit
from handgrad.core.arrays import Array

SECONDS = 1.0
_RATE = 2.0**-6
_ROWS = (7, 5, 11, 3)
_ALONE = re.compile(r"one sample at a time|a (sample|call)$")  # what is said of code that takes one row after another


def first_wrong(inspection: Inspection, findings: Iterable[Finding], *, everywhere: bool = False) -> list[Suspect]:
    """The lines in which the first wrong number may appear, the most suspect first; empty where nothing is wrong.

    Args:
        inspection: a file whose network is known.
        findings: what is wrong with its gradients.
        everywhere: whether to look into the user's other modules that take part.
    """
    if inspection.diagnosis.identity is None or inspection.reading.dialect == "scalars":
        return []
    try:
        with work_limit(SECONDS), inspection.program.guarded():
            return _suspects(inspection, list(findings), Files(inspection, everywhere=everywhere))
    except (Exception, SystemExit, OutOfTime):  # the code is a stranger's, and this is an extra
        return []


def _suspects(inspection: Inspection, findings: list[Finding], files: Files) -> list[Suspect]:
    subject = inspection.reading.subject
    errors = [finding for finding in findings if finding.severity == "error"]
    wrong = frozenset(name for finding in errors for name in finding.where) & subject.parameters().keys()
    if not wrong:
        return []
    codes = {finding.code for finding in errors}
    step = observed_step(inspection, wrong, twice="never-reset" in codes, files=files)
    found: list[Suspect] = []
    if "never-reset" in codes:
        found += never_reset(step)
    if "updated-too-early" in codes:
        found += updated_too_early(step)
    if "penalty-missing" in codes:
        found += unpaid(step)
    found += [*wrong_values(step), *never_updated(step), *wrong_scale(step)]
    unique: dict[int, Suspect] = {}
    for one in found:
        if one.line > 0:
            line = _line(step.tree or inspection.program.tree, one)
            file, within = files.place(line)
            other = None if file == inspection.program.filename else file
            unique.setdefault(line, replace(one, line=within, file=other))
    return list(unique.values())


def _line(tree: ast.Module, one: Suspect) -> int:
    """The line itself where a dictionary with the number is written over several."""
    key = re.search(r"\['([^']*)'\]$", one.name)
    if key is None:
        return one.line
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt) and node.lineno == one.line and isinstance(value := _written(node), ast.Dict):
            for name, entry in zip(value.keys, value.values, strict=True):
                if isinstance(name, ast.Constant) and name.value == key[1]:
                    return entry.lineno
    return one.line


def _written(node: ast.stmt) -> ast.expr | None:
    return node.value if isinstance(node, (ast.Return, ast.Assign)) else None


def _drops(inspection: Inspection) -> bool:
    """Whether a step may drop units that the network was identified without."""
    only_step = any(finding.code == "random-step" for finding in inspection.diagnosis.findings)
    aside = inspection.reading.facts.get("put_aside", "").split(", ")
    return only_step or any(name and not limits(name) for name in aside)


def observed_step(inspection: Inspection, wrong: frozenset[str], *, twice: bool, files: Files | None = None) -> Step:
    """One step at a random point, with everything that it made. The parameters are restored."""
    subject, identity = inspection.reading.subject, inspection.diagnosis.identity
    assert identity is not None
    rng = np.random.default_rng(4)
    sizes = {n for value in subject.parameters().values() for n in value.shape}
    alone = _ALONE.search(inspection.reading.facts.get("labels", ""))
    rows = 1 if alone else next(n for n in _ROWS if n not in sizes)
    many = max(subject.classes, 2)
    x, y = rng.random((rows, subject.features)), (many - 1 - rng.permutation(rows)) % many
    files = files or Files(inspection, everywhere=False)
    names = files.offsets

    def run(x: Array = x) -> None:
        if subject.gradients is not None:
            subject.gradients(x, y)
        elif subject.step is not None:
            subject.step(x, y, _RATE)

    saved = subject.snapshot()
    try:
        subject.restore(random_point(subject, rng))
        before = subject.snapshot()
        gradient = steady(subject, x, y, _RATE).gradient
        earlier = observe(run if twice else lambda: run(1 - x), names if twice else ())
        subject.restore(before)  # what is left over in the code is now that of another batch, or of one step before
        notes = observe(run, names)
        after = subject.snapshot()
    finally:
        subject.restore(saved)
    order = order_taken(notes, x)
    case, exact = Case(identity, before, x[order], y[order]), max(tolerance(subject), 1e-6)
    if _drops(inspection):
        case = replace(case, masks=masks_of(case, notes, exact) or ())
    right = RightNumbers(case)
    trail = Trail(notes, exact)
    gradient = gradient | dict(gradients_made(right, trail, gradient))
    return Step(right, trail, before, after, gradient, _RATE, wrong, rows, tuple(earlier), files.tree())
