"""Unknown: names and lines for the mistakes of a network that no known one is like, from the numbers of one step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from handgrad.audit.findings import Finding
from handgrad.audit.inspection import Inspection
from handgrad.audit.place.chart import Chart
from handgrad.audit.place.links import told
from handgrad.audit.place.own_slips import UNNAMED, Told
from handgrad.audit.reading.fence import OutOfTime, work_limit

SECONDS = 1.5
_CHARTING = 0.9  # of them, for the slopes of its numbers
_NAMELESS = {"unnamed", "layer-gradient-wrong", "loss-gradient-wrong"}
_GUESSED = "network-unknown"
_MAY_BE_MISREAD = {UNNAMED, "gradient-of-another-loss", "loss-gradient-wrong"}


def explained(inspection: Inspection, found: Sequence[Finding]) -> tuple[list[Finding], list[int]]:
    """The findings, with names where the numbers in between tell one, and lines to suspect, the first wrong ones first.

    Raises nothing.
    """
    diagnosis = inspection.diagnosis
    kept = list(found)
    guessed = any(one.code == _GUESSED for one in kept) and bool(diagnosis.withheld)
    judged = [one for one in (diagnosis.withheld if guessed else kept) if one.severity == "error"]
    names = inspection.reading.subject.parameters().keys()
    nameless = [one for one in judged if one.code in _NAMELESS]
    if diagnosis.identity is not None or not nameless or inspection.reading.dialect == "scalars":
        return kept, []
    whole = (*diagnosis.findings, *diagnosis.withheld)
    wrong = frozenset(name for one in (*judged, *whole) if one.severity == "error" for name in one.where) & names
    try:
        with inspection.program.guarded(), work_limit(SECONDS):
            said = told(Chart(inspection, wrong, _CHARTING))
    except (Exception, SystemExit, OutOfTime):  # the code is a stranger's, and this is an extra
        return kept, []
    lines = [one.line for one in said if one.line is not None]
    if guessed:
        if not any(one.code not in _MAY_BE_MISREAD for one in said):
            return kept, lines
        kept = [one for one in kept if one.code != _GUESSED] + [one for one in judged if one not in kept]
    return _named(inspection, kept, said), lines


def _named(inspection: Inspection, found: list[Finding], said: list[Told]) -> list[Finding]:
    """With what was said in place of what had no name."""
    names = [one for one in said if one.code != UNNAMED]
    if not names:
        return found
    spoilt = {name for one in names for name in one.spoilt}
    kept: list[Finding] = []
    residual = 1.0
    for one in found:
        if one.code not in _NAMELESS:
            kept.append(one)
            continue
        residual = float(one.measured.get("residual", residual))
        rest = tuple(name for name in one.where if name not in spoilt)
        if one.code == UNNAMED and rest:
            kept.append(replace(one, where=rest, measured=one.measured | {"first": rest[-1]}))
    order = list(inspection.reading.subject.parameters())
    for slip in names:
        where = slip.where or tuple(sorted(slip.spoilt, key=order.index))
        measured = {"residual": residual, "activation": "activation", **slip.measured}
        finding = Finding(slip.code, "error", where, measured, {"residual": 0.0})
        if slip.line is not None:
            finding = replace(finding, file=inspection.program.filename, line=slip.line)
        if not any(other.code == finding.code and other.where == finding.where for other in kept):
            kept.append(finding)
    return kept
