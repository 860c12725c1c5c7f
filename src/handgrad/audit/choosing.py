"""Choosing: of all ways to understand a file, the one whose network is known, or else the best of those that run."""

from __future__ import annotations

import ast
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from math import inf
from typing import Any

from handgrad.audit.dialects import READERS, Reading, script
from handgrad.audit.dialects.edits import callee
from handgrad.audit.dialects.pieces import PLAIN
from handgrad.audit.dialects.silent import only_shows
from handgrad.audit.findings import Finding
from handgrad.audit.inspection import Inspection
from handgrad.audit.judging.descent import UNNAMED
from handgrad.audit.judging.diagnose import Diagnosis, diagnose, recognise
from handgrad.audit.judging.rates import TWICE
from handgrad.audit.place.forgotten import constants
from handgrad.audit.reading.fence import OutOfTime, work_limit
from handgrad.audit.reading.source import Program
from handgrad.audit.whole_loss import paid_by_the_step, whole_loss
from handgrad.errors import DataError, HandgradError

READING_SECONDS = 6.0  # for one way to understand the file
ALL_SECONDS = 5.0  # for all of them
KNOWN_SECONDS = 1.0  # to find one whose network is known, once there is one that is right, or right in parts
NOTHING_SECONDS = 5.0  # for all of them where none is found
TOLD_SECONDS = 1.0  # to find one that reports a loss, once there is one that is known and does not
MOST_UNKNOWN = 8  # readings of networks that are not known, which take longer to judge
# What a loop may do to gradients that are right.
_OF_LOOPS = {"weight-decay", "weight-decay-sign", "penalty-scaled", "sign-flipped", "updated-too-early", TWICE}
LOOP_SECONDS = 1.0  # of processor time, to find the loop that updates
_OF_UPDATES = {"never-updated", "sign-flipped", "never-reset"}  # what an update can do to gradients that are right
_SHARE = 0.6  # of the time on the clock, that counts as processor time at least


def judged(program: Program, namespace: dict[str, Any], patience: float = NOTHING_SECONDS) -> tuple[Reading, Diagnosis]:
    """The first reading whose network is known; else, of those that run, the first whose gradients are right.

    A network that the audit put together of the file's layers only stands where none of the file's own is known.
    """
    unknown: list[tuple[Reading, Diagnosis | None]] = []
    spare: tuple[Reading, Diagnosis] | None = None
    reason, right = "", False
    spent = stopwatch()
    until = ALL_SECONDS

    def own_only() -> bool:  # what is put together cannot stand for the file's own, which ran
        return spare is not None or any(not reading.invented for reading, _ in unknown)

    def left() -> float:  # seconds to find another one
        return (until if unknown or spare else patience) - spent()

    for reading in _in_time(_readings(program, namespace, own_only), left):
        if unknown and reading.dialect != "glue" == unknown[0][0].dialect:
            break  # where there is glue, nobody need guess
        try:
            with work_limit(READING_SECONDS):
                worthwhile = (len(unknown) < MOST_UNKNOWN and not right) or recognise(reading.subject) is not None
                diagnosis = diagnose(reading.subject) if worthwhile else None
        except (Exception, SystemExit, OutOfTime) as error:  # a reading that makes no sense fails in any way it likes
            reason = reason or (str(error) if isinstance(error, HandgradError) else f"{type(error).__name__}: {error}")
            continue
        if diagnosis is not None:
            diagnosis = _of_parameters(diagnosis, constants(program.tree))
            diagnosis = paid_by_the_step(reading.subject, diagnosis)
        told = [other for other, judged in unknown if not other.silent and judged is not None and judged.checks]
        if reading.silent and told and (right or not _instead(diagnosis, told)):
            continue  # the file reports a loss of its own, and that is the one in question
        if reading.doubtful and (diagnosis is None or not _beyond_doubt(diagnosis)):
            continue
        if diagnosis is not None and diagnosis.identity is not None:
            beside = spare is not None and spare[1].ok and _beside(reading, spare[1], program.tree)
            if not (reading.invented or reading.silent or beside) and (diagnosis.ok or not reading.open):
                return reading, diagnosis
            spare = _nearer(spare, (reading, diagnosis))
            if reading.silent or reading.open:  # of a loss that may not be meant: another may be
                until = min(until, spent() + TOLD_SECONDS)
            continue
        unknown.append((reading, diagnosis))
        if diagnosis is not None and diagnosis.checks and _partly_right(diagnosis):
            right, until = right or diagnosis.ok, min(until, spent() + KNOWN_SECONDS)
    if spare is not None:
        return spare
    found = [(reading, diagnosis) for reading, diagnosis in unknown if diagnosis is not None]
    if not found:
        key = "audit.forward_fails" if reason else "audit.no_network"
        raise DataError(key, file=str(program.path), **({"reason": reason[:200]} if reason else {}))
    best = whole_loss(found, min(found, key=lambda both: _amiss(both[1])))
    reading, diagnosis = _further(found, best)
    return reading, diagnosis if reading.dialect == "glue" or reading.sure else _cautious(diagnosis)


def with_its_loop(inspection: Inspection) -> Inspection:
    """The same, through the file's own loop, where nothing else updates with the gradients of its functions, which are
    right but for a penalty, and what it adds to them is that penalty, or a mistake that has a name.
    """
    errors = {finding.code for finding in inspection.diagnosis.findings if finding.severity == "error"}
    if inspection.reading.facts.get("update") != PLAIN or errors - {"penalty-missing"}:
        return inspection
    try:
        with inspection.program.guarded(), work_limit(LOOP_SECONDS):
            for reading in script.read(inspection.namespace, inspection.program.tree):
                if reading.subject.step is None or reading.silent:
                    continue
                diagnosis = diagnose(reading.subject)
                if diagnosis.identity is None:
                    continue
                told = {finding.code for finding in diagnosis.findings if finding.severity != "note"}
                if (told or errors) and told <= _OF_LOOPS:
                    return replace(inspection, reading=reading, diagnosis=diagnosis)
                if diagnosis.ok:
                    return inspection
    except (Exception, OutOfTime):  # a loop that makes no sense says nothing
        return inspection
    return inspection


def _instead(diagnosis: Diagnosis | None, told: list[Reading]) -> bool:
    """Whether the loss that a gradient is for may stand in place of those that the file reports: they are wrong for it,
    and it is right, or they only show how far off the outputs are.
    """
    if diagnosis is None or diagnosis.ok:
        return diagnosis is not None
    codes = {finding.code for finding in diagnosis.findings}
    return (
        diagnosis.identity is not None
        and "gradient-of-absolute-error" not in codes
        and (UNNAMED not in codes or _partly_right(diagnosis))
        and all(only_shows(other.subject, diagnosis.identity) for other in told)
    )


def _beside(reading: Reading, right: Diagnosis, tree: ast.Module) -> bool:
    """Whether a loss says nothing of a network that is right for another: nobody calls it, or it only shows how far off
    the outputs are.
    """
    loss = getattr(reading.functions.get("loss"), "__name__", "__call__")
    called = {callee(node) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    if not (loss.startswith("__") or loss in called):
        return True
    return right.identity is not None and only_shows(reading.subject, right.identity)


def _nearer(spare: tuple[Reading, Diagnosis] | None, new: tuple[Reading, Diagnosis]) -> tuple[Reading, Diagnosis]:
    """The one that was found first; of two readings with one of several losses each, that with less amiss."""
    if spare is None or (spare[0].open and new[0].open and _amiss(new[1]) < _amiss(spare[1])):
        return new
    return spare


def _beyond_doubt(diagnosis: Diagnosis) -> bool:
    """Whether every gradient is right, or that of a mistake that is known, to the last digits."""
    codes = {finding.code for finding in diagnosis.findings if finding.severity == "error"}
    if diagnosis.identity is None or "none" in diagnosis.identity.bends:  # matrices alone fit much that they are not
        return False
    return bool(diagnosis.checks) and codes.isdisjoint({UNNAMED, "never-updated"})


def _in_time(readings: Iterator[Reading], left: Callable[[], float]) -> Iterator[Reading]:
    """The readings, as long as there is time left; one that is being looked for when it ends is not waited for."""
    while (seconds := left()) > 0:
        try:
            with work_limit(seconds) if seconds < inf else nullcontext():
                reading = next(readings, None)
        except OutOfTime:
            return
        if reading is None:
            return
        yield reading


def _partly_right(diagnosis: Diagnosis) -> bool:
    """Whether some parameters have a right gradient, so that the network is not misread."""
    return diagnosis.ok or bool(diagnosis.judged - _spoilt(diagnosis))


def _spoilt(diagnosis: Diagnosis) -> set[str]:
    return {name for finding in diagnosis.findings if finding.severity == "error" for name in finding.where}


def _amiss(diagnosis: Diagnosis) -> tuple[bool, int]:
    """How little a reading explains: whether nothing was judged, and how many parameters have a wrong gradient."""
    return not diagnosis.checks, len(_spoilt(diagnosis)) or not diagnosis.ok


def _further(found: list[tuple[Reading, Diagnosis]], best: tuple[Reading, Diagnosis]) -> tuple[Reading, Diagnosis]:
    """The best reading, or where its gradients are right and it ends with them, one of the same parameters that goes on
    to the file's own update, if what is wrong there is what only an update can do.
    """
    if not best[1].ok or best[0].subject.step is not None:
        return best
    names = set(best[0].subject.parameters())
    for reading, diagnosis in found:
        codes = {finding.code for finding in diagnosis.findings if finding.severity == "error"}
        own = reading.subject.step is not None and not (reading.invented or reading.silent or reading.doubtful)
        if own and codes and codes <= _OF_UPDATES and set(reading.subject.parameters()) == names:
            return reading, diagnosis
    return best


def _of_parameters(diagnosis: Diagnosis, constants: frozenset[str]) -> Diagnosis:
    """Without complaints that a constant of the file, such as the weights of its classes, is never updated."""
    kept = []
    for one in diagnosis.findings:
        where = tuple(name for name in one.where if name not in constants) if one.code == "never-updated" else one.where
        kept += [replace(one, where=where)] if where or not one.where else []
    return replace(diagnosis, findings=tuple(kept))


def stopwatch() -> Callable[[], float]:
    """Gives the seconds since now, of processor time, or a share of those on the clock: a busy machine is slow, and an
    audit must end.
    """
    processor, clock = time.process_time(), time.perf_counter()
    return lambda: max(time.process_time() - processor, _SHARE * (time.perf_counter() - clock))


def _cautious(diagnosis: Diagnosis) -> Diagnosis:
    """Of a network that is only guessed at, a loss that does not go with the gradients may be our misreading."""
    misread = [finding for finding in diagnosis.findings if finding.code in ("unnamed", "never-updated")]
    if not misread or diagnosis.judged - set(misread[0].where):  # the others agree: then it is no misreading
        return diagnosis
    unsure = (Finding("network-unknown", "warning", ()),)
    return replace(diagnosis, findings=unsure, withheld=diagnosis.findings)


def _readings(program: Program, namespace: dict[str, Any], own_only: Callable[[], bool]) -> Iterator[Reading]:
    """What each reader yields; of one that goes on to put networks together, no more where none of these is wanted."""
    for reader in READERS:
        try:
            for reading in reader(namespace, program.tree):
                if reading.invented and own_only():
                    break
                yield reading
        except Exception:
            continue
