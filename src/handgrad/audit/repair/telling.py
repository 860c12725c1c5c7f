"""Telling: the findings of a file that a patch mends, each with the line of the edit that mends it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from handgrad.audit.findings import Finding
from handgrad.audit.inspection import Inspection
from handgrad.audit.repair.likely import LIKELY

if TYPE_CHECKING:
    from handgrad.audit.repair.search import Mended


def told(inspection: Inspection, findings: Sequence[Finding], mended: Mended) -> list[Finding]:
    """The findings with lines and patch."""
    found = []
    for one in findings:
        if one.severity != "error":
            found.append(one)
            continue
        mine = [
            edit for edit, names in zip(mended.edits, mended.righted, strict=True) if names & set(one.where)
        ] or list(mended.edits)
        fitting = [edit for edit in mine if edit.operator in LIKELY.get(one.code, ())] or mine
        one = replace(one, file=inspection.program.filename, line=fitting[0].line, patch=mended.patch)
        found.append(_summed(one) if one.code == "never-updated" and fitting[0].operator == "axis" else one)
    return found


def _summed(finding: Finding) -> Finding:
    """A bias that stays where it is because its gradient is summed over the classes as well, where it adds up to 0."""
    measured = {"residual": 1.0, "first": finding.where[0]}
    return replace(finding, code="bias-summed-over-everything", measured=measured, expected={"residual": 0.0})
