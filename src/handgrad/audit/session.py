"""One audit of one file: read it, find its network, judge its gradients. It runs in a child process of its own."""

from __future__ import annotations

import ast
import inspect
import re
import time
from contextlib import suppress
from typing import Any, cast

from handgrad.audit.choosing import NOTHING_SECONDS, judged, stopwatch, with_its_loop
from handgrad.audit.dialects import Reading
from handgrad.audit.dialects.data import stand_ins
from handgrad.audit.excuse import excuse
from handgrad.audit.gathering import gather
from handgrad.audit.inspection import Inspection
from handgrad.audit.piecewise import PIECES, judge_pieces, judge_text
from handgrad.audit.reading.execution import Execution, Reason
from handgrad.audit.reading.neighbours import together
from handgrad.audit.reading.pruning import MARK
from handgrad.audit.reading.source import Program, read_program
from handgrad.audit.reading.standins import USUAL
from handgrad.audit.reading.unfolding import unfolded
from handgrad.errors import DataError

HURRY = 3.0  # seconds to find any network, where the file can be run in another way
FURTHER_BY = 7.0  # seconds after which no other way to run it is begun
LATE = 12.0  # seconds after which what is known is said, without a patch, rather than nothing
PIECES_BY = 17.0  # by when the pieces of a file without a network must be judged
MODULE_SECONDS = 3.0  # to find one in modules of the user's own
MOST_MODULES = 12  # that are searched for it
_TRAINS = re.compile(r"train|fit|step|sgd|descent|update|back|grad|learn")


def audit_file(request: dict[str, Any]) -> dict[str, Any]:
    """Audit the file `request["path"]`; the answer is what --json prints.

    Raises:
        DataError: where the file cannot be read or holds no network that runs.
    """
    began = time.perf_counter()
    program = read_program(request["path"])
    execution = program.execute()
    further, spent = _further(program, execution), stopwatch()
    try:
        return _answer(began, program, _inspected(program, execution, HURRY if further else NOTHING_SECONDS))
    except DataError as error:
        reason = error
    for i, (one, given) in enumerate(further, 1):
        if spent() <= FURTHER_BY:
            patience = HURRY if i < len(further) else NOTHING_SECONDS
            with suppress(DataError):
                return _answer(began, one, _inspected(one, one.execute(given), patience))
    with program.guarded():
        return _in_pieces(program, execution.namespace, reason, began)


def _further(program: Program, execution: Execution) -> list[tuple[Program, dict[str, Any]]]:
    """Other ways to run a file in which no network was found: with data in place of those that it would load, and with
    what its main() holds at top level.
    """
    lacks = any(_lacks_data(one.reason) for one in execution.skipped)
    given = stand_ins(program.tree) if lacks else {}
    flat = unfolded(program)
    return [*([(program, given)] if given else []), *([(flat, stand_ins(flat.tree))] if flat is not None else [])]


def _lacks_data(reason: Reason) -> bool:
    """Whether a statement did not run because it loads data, or reads a file that an audit does not."""
    return reason.code == "data" or reason.detail.startswith(("BlockedError", "FileNotFoundError"))


def _inspected(program: Program, execution: Execution, patience: float) -> Inspection:
    """The network in a file that was run, and what its gradients told. Raises DataError where there is none."""
    with program.guarded():
        try:
            inspection = Inspection(program, execution.namespace, *judged(program, execution.namespace, patience))
        except DataError as error:
            if error.key != "audit.no_network":
                raise
            inner = _imported(execution.namespace)
            if inner is None:
                raise excuse(program, execution) from None
            inspection = inner
        return with_its_loop(inspection)


def _imported(namespace: dict[str, Any]) -> Inspection | None:
    """The network in a module of the user's own that the file works with, where the file itself holds none.

    What it is made of may stand in several of them, so each has the names of the others as well.
    """
    own = together(namespace)[:MOST_MODULES]
    spent = stopwatch()
    for names in own[1:]:
        wide = {name: value for other in reversed(own) for name, value in other.items()} | names
        if spent() < MODULE_SECONDS and _goes_back(names[MARK]):
            with suppress(DataError):
                reading, diagnosis = judged(names[MARK], wide, MODULE_SECONDS - spent())
                return Inspection(_home(reading, own) or names[MARK], wide, reading, diagnosis)
    return None


def _goes_back(program: Program) -> bool:
    """Whether a module has a function that by its name trains, goes back or updates: others need not be searched."""
    named = (node.name.lower() for node in ast.walk(program.tree) if isinstance(node, ast.FunctionDef))
    return any(_TRAINS.search(name) for name in named)


def _home(reading: Reading, own: list[dict[str, Any]]) -> Program | None:
    """The module in which a network is trained, or else the next best of what it is made of."""
    for role in ("update", "step", "loss", "backward", "forward"):
        function = reading.functions.get(role)
        globals_of = getattr(inspect.unwrap(function), "__globals__", None) if callable(function) else None
        for names in own:
            if names is globals_of:
                return cast(Program, names[MARK])
    return None


def _answer(began: float, program: Program, inspection: Inspection) -> dict[str, Any]:
    subject = _subject(program, inspection)  # the checks run more of the code, which may take its weights down again
    with program.guarded():
        findings = gather(inspection, began + LATE)
    return {
        "ok": not any(finding.severity == "error" for finding in findings),
        "subject": subject,
        "checks": inspection.diagnosis.checks,
        "findings": [finding.to_json() for finding in findings],
        "seconds": round(time.perf_counter() - began, 3),
    }


def _in_pieces(program: Program, namespace: dict[str, Any], reason: DataError, began: float) -> dict[str, Any]:
    """The answer for a file whose network was not found, where its layers, losses and optimizers say something alone.

    Raises: the reason, where there are none; and where all are right, but a network is there and fails.
    """
    found = judge_text(program, namespace)
    wrong = found is not None and any(finding.severity == "error" for finding in found.findings)
    if not wrong:
        pieces = judge_pieces(program, namespace, _left(began))
        wrong = pieces is not None and any(finding.severity == "error" for finding in pieces.findings)
        found = pieces if wrong else found or (None if reason.key == "audit.forward_fails" else pieces)
    if found is None:
        raise reason
    return {
        "ok": not wrong,
        "subject": {"file": str(program.path), "dialect": PIECES, "found": found.facts},
        "checks": found.checks,
        "findings": [finding.to_json() for finding in found.findings],
        "seconds": round(time.perf_counter() - began, 3),
    }


def _left(began: float) -> float:
    """Seconds of processor time that the pieces have: on a busy machine those on the clock hold fewer."""
    spent = time.perf_counter() - began
    return (PIECES_BY - spent) * min(1.0, time.process_time() / max(spent, 0.1))


def _subject(program: Program, inspection: Inspection) -> dict[str, Any]:
    reading, identity = inspection.reading, inspection.diagnosis.identity
    facts, known = dict(reading.facts), list(USUAL.values())
    said = {node.id for node in ast.walk(program.tree) if isinstance(node, ast.Name)} & inspection.namespace.keys()
    if absent := sorted(name for name in said if any(inspection.namespace[name] is one for one in known)):
        facts["absent"] = ", ".join(absent)
    found: dict[str, Any] = {"file": str(program.path), "dialect": reading.dialect, "found": facts}
    if identity is not None:
        parameters = reading.subject.parameters()
        shapes = [parameters[m.weight].shape[:: -1 if m.transposed else 1] for m in identity.matrices]
        found["sizes"] = [shapes[0][0], *(outputs for _, outputs in shapes)]
        found |= {"hidden": identity.hidden, "output": identity.output, "loss": identity.loss}
    return found
