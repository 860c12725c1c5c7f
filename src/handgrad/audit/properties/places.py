"""Places: a finding at the line of the file that it is about."""

from __future__ import annotations

from typing import Any

from handgrad.audit.findings import Finding
from handgrad.audit.inspection import Inspection


def found(
    inspection: Inspection,
    code: str,
    severity: str,
    line: int | None,
    measured: dict[str, Any],
    expected: dict[str, Any] | None = None,
    where: tuple[str, ...] = (),
) -> Finding:
    """A finding; `line` is one of the program's text."""
    return Finding(code, severity, where, measured, expected or {}, inspection.program.filename, line)


def line_of(inspection: Inspection, *roles: str) -> int | None:
    """Where the first of these functions of the reading that the file itself holds begins."""
    for role in roles:
        line = line_in(inspection, inspection.reading.functions.get(role))
        if line is not None:
            return line
    return None


def line_in(inspection: Inspection, function: Any) -> int | None:
    """Where a function of the file begins; None for anything else."""
    code = getattr(function, "__code__", None)
    return code.co_firstlineno if code is not None and code.co_filename == inspection.program.filename else None
