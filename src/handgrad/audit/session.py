"""One audit of one file: read it, find its network, judge its gradients. It runs in a child process of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from handgrad.audit.dialects import READERS, Reading
from handgrad.audit.excuse import excuse
from handgrad.audit.findings import Finding
from handgrad.audit.gathering import gather
from handgrad.audit.inspection import Inspection
from handgrad.audit.judging.diagnose import Diagnosis, diagnose, recognise
from handgrad.audit.reading.fence import OutOfTime, time_limit
from handgrad.audit.reading.source import Program, read_program
from handgrad.errors import DataError, HandgradError

READING_SECONDS = 6.0  # for one way to understand the file
ALL_SECONDS = 5.0  # for all of them
KNOWN_SECONDS = 1.0  # to find one whose network is known, once there is one that is right
MOST_UNKNOWN = 8  # readings of networks that are not known, which take longer to judge


def audit_file(request: dict[str, Any]) -> dict[str, Any]:
    """Audit the file `request["path"]`; the answer is what --json prints.

    Raises:
        DataError: where the file cannot be read or holds no network that runs.
    """
    began = time.perf_counter()
    program = read_program(request["path"])
    execution = program.execute()
    with program.guarded():
        try:
            inspection = Inspection(program, execution.namespace, *judged(program, execution.namespace))
        except DataError as error:
            raise excuse(program, execution) if error.key == "audit.no_network" else error from None
        findings = gather(inspection)
    return {
        "ok": not any(finding.severity == "error" for finding in findings),
        "subject": _subject(inspection),
        "checks": inspection.diagnosis.checks,
        "findings": [finding.to_json() for finding in findings],
        "seconds": round(time.perf_counter() - began, 3),
    }


def judged(program: Program, namespace: dict[str, Any]) -> tuple[Reading, Diagnosis]:
    """The first reading whose network is known; else, of those that run, the first whose gradients are right."""
    unknown: list[tuple[Reading, Diagnosis | None]] = []
    reason, right = "", False
    until = time.perf_counter() + ALL_SECONDS
    for reading in _readings(program, namespace):
        if unknown and (time.perf_counter() > until or (reading.dialect != "glue" == unknown[0][0].dialect)):
            break  # where there is glue, nobody need guess
        if reading.invented and any(not other.invented for other, _ in unknown):
            continue  # it cannot stand for the file's own, which ran
        try:
            with time_limit(READING_SECONDS):
                worthwhile = (len(unknown) < MOST_UNKNOWN and not right) or recognise(reading.subject) is not None
                diagnosis = diagnose(reading.subject) if worthwhile else None
        except (Exception, SystemExit, OutOfTime) as error:  # a reading that makes no sense fails in any way it likes
            reason = reason or (str(error) if isinstance(error, HandgradError) else f"{type(error).__name__}: {error}")
            continue
        if diagnosis is not None and diagnosis.identity is not None:
            return reading, diagnosis
        unknown.append((reading, diagnosis))
        if diagnosis is not None and diagnosis.ok and diagnosis.checks and not right:
            right, until = True, min(until, time.perf_counter() + KNOWN_SECONDS)
    found = [(reading, diagnosis) for reading, diagnosis in unknown if diagnosis is not None]
    if not found:
        key = "audit.forward_fails" if reason else "audit.no_network"
        raise DataError(key, file=str(program.path), **({"reason": reason[:200]} if reason else {}))
    reading, diagnosis = next((both for both in found if both[1].ok and both[1].checks), found[0])
    return reading, diagnosis if reading.dialect == "glue" else _cautious(diagnosis)


def _cautious(diagnosis: Diagnosis) -> Diagnosis:
    """Of a network that is only guessed at, a loss that does not go with the gradients may be our misreading."""
    misread = [finding for finding in diagnosis.findings if finding.code == "unnamed"]
    if not misread or diagnosis.judged - set(misread[0].where):  # the others agree: then it is no misreading
        return diagnosis
    return replace(diagnosis, findings=(Finding("network-unknown", "warning", ()),))


def _readings(program: Program, namespace: dict[str, Any]) -> Iterator[Reading]:
    for reader in READERS:
        try:
            yield from reader(namespace, program.tree)
        except Exception:
            continue


def _subject(inspection: Inspection) -> dict[str, Any]:
    program, reading, identity = inspection.program, inspection.reading, inspection.diagnosis.identity
    found: dict[str, Any] = {"file": str(program.path), "dialect": reading.dialect, "found": reading.facts}
    if identity is not None:
        parameters = reading.subject.parameters()
        shapes = [parameters[m.weight].shape[:: -1 if m.transposed else 1] for m in identity.matrices]
        found["sizes"] = [shapes[0][0], *(outputs for _, outputs in shapes)]
        found |= {"hidden": identity.hidden, "output": identity.output, "loss": identity.loss}
    return found
