"""One audit of one file: read it, find its network, judge its gradients. It runs in a child process of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from handgrad.audit.diagnose import Diagnosis, Finding, diagnose
from handgrad.audit.dialects import READERS, Reading
from handgrad.audit.fence import OutOfTime, time_limit
from handgrad.audit.lines import divisions_by_batch
from handgrad.audit.source import Program, read_program
from handgrad.errors import DataError, HandgradError
from handgrad.words import say

READING_SECONDS = 3.0  # for one way to understand the file
# Which of a reading's functions a finding is about, the likeliest first.
_ROLES = {
    "never-updated": ("update", "step", "backward", "gradients"),
    "updated-too-early": ("update", "step", "backward"),
    "sign-flipped": ("update", "step", "backward", "gradients"),
}


def audit_file(request: dict[str, Any]) -> dict[str, Any]:
    """Audit the file `request["path"]`; the answer is what --json prints.

    Raises:
        DataError: where the file cannot be read or holds no network that runs.
    """
    began = time.perf_counter()
    program = read_program(request["path"])
    execution = program.execute()
    with program.guarded():
        reading, diagnosis = _judged(program, execution.namespace)
    return {
        "ok": diagnosis.ok,
        "subject": _subject(program, reading, diagnosis),
        "checks": diagnosis.checks,
        "findings": [_finding(program, reading, finding) for finding in diagnosis.findings],
        "seconds": round(time.perf_counter() - began, 3),
    }


def _judged(program: Program, namespace: dict[str, Any]) -> tuple[Reading, Diagnosis]:
    """The first reading whose network is known, else the first that runs at all."""
    first: tuple[Reading, Diagnosis] | None = None
    reason = ""
    for reading in _readings(program, namespace):
        try:
            with time_limit(READING_SECONDS):
                diagnosis = diagnose(reading.subject)
        except (Exception, SystemExit, OutOfTime) as error:  # a reading that makes no sense fails in any way it likes
            reason = reason or (str(error) if isinstance(error, HandgradError) else f"{type(error).__name__}: {error}")
            continue
        if diagnosis.identity is not None:
            return reading, diagnosis
        first = first or (reading, diagnosis)
    if first is None:
        key = "audit.forward_fails" if reason else "audit.no_network"
        raise DataError(key, file=str(program.path), **({"reason": reason[:200]} if reason else {}))
    return first


def _readings(program: Program, namespace: dict[str, Any]) -> Iterator[Reading]:
    for reader in READERS:
        try:
            yield from reader(namespace, program.tree)
        except Exception:
            continue


def _subject(program: Program, reading: Reading, diagnosis: Diagnosis) -> dict[str, Any]:
    found: dict[str, Any] = {"file": str(program.path), "dialect": reading.dialect, "found": reading.facts}
    identity = diagnosis.identity
    if identity is not None:
        parameters = reading.subject.parameters()
        shapes = [parameters[m.weight].shape[:: -1 if m.transposed else 1] for m in identity.matrices]
        found["sizes"] = [shapes[0][0], *(outputs for _, outputs in shapes)]
        found |= {"hidden": identity.hidden, "output": identity.output, "loss": identity.loss}
    return found


def _finding(program: Program, reading: Reading, finding: Finding) -> dict[str, Any]:
    file, line = _place(program, reading, finding)
    values = finding.measured | {"where": ", ".join(finding.where)}
    shown = {key: f"{value:.4g}" if isinstance(value, float) else value for key, value in values.items()}
    return {
        "code": finding.code,
        "severity": finding.severity,
        "file": file,
        "line": line,
        "where": list(finding.where),
        "measured": finding.measured,
        "expected": finding.expected,
        "cause": say(f"audit.{finding.code}", **shown),
        "remedy": say(f"audit.{finding.code}_remedy", **shown),
        "patch": None,
    }


def _place(program: Program, reading: Reading, finding: Finding) -> tuple[str, int | None]:
    """File and line: of the mistake, where its shape is known, else of the function that it is in."""
    lines = divisions_by_batch(program.tree) if finding.code == "averaged-twice" else []
    if lines:
        return program.place(lines[0])[:2]
    for role in (*_ROLES.get(finding.code, ()), "backward", "gradients", "step"):
        code = getattr(reading.functions.get(role), "__code__", None)
        if code is not None and code.co_filename == str(program.path):
            return str(program.path), code.co_firstlineno
    return str(program.path), None
