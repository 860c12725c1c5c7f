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

SECONDS = 2.5
_CHARTING = 0.8  # of them, for the slopes of its numbers
_NAMELESS = {"unnamed", "layer-gradient-wrong", "loss-gradient-wrong"}
_GUESSED = "network-unknown"
_LINELESS = {
    "never-updated",
    "averaged-twice",
    "averaged-every-layer",
    "uneven-scale",
    "sign-flipped",
    "updated-too-early",
}
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
    asked = [one for one in judged if one.code in _NAMELESS or (one.code in _LINELESS and one.line is None)]
    if diagnosis.identity is not None or not asked or inspection.reading.dialect == "scalars":
        return kept, []
    whole = (*diagnosis.findings, *diagnosis.withheld)
    wrong = frozenset(name for one in (*judged, *whole) if one.severity == "error" for name in one.where) & names
    try:
        with inspection.program.guarded(), work_limit(SECONDS):
            said = told(Chart(inspection, wrong, _CHARTING))
    except (Exception, SystemExit, OutOfTime):  # the code is a stranger's, and this is an extra
        return kept, []
    lines = [line for one in said for line in (one.line, *one.also) if line is not None]
    if guessed:
        if not any(one.code not in _MAY_BE_MISREAD for one in said):
            return kept, lines
        kept = [one for one in kept if one.code != _GUESSED] + [one for one in judged if one not in kept]
    return _placed(inspection, _named(inspection, kept, said), said), lines


def _placed(inspection: Inspection, found: list[Finding], said: list[Told]) -> list[Finding]:
    """What has a name and no line, at the line that was told for its parameters."""
    placed = []
    for one in found:
        lines = [slip.line for slip in said if slip.line is not None and set(slip.spoilt) & set(one.where)]
        if one.code in _LINELESS and one.line is None and lines:
            one = replace(one, file=inspection.program.filename, line=lines[0])
        placed.append(one)
    return placed


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
