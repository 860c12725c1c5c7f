"""Here: the code of objects in memory as a program that was read, so that a file's checks can look at it in place.

It runs in the user's own process, where nothing is fenced off: it is the user's code, which has run there already.
"""

from __future__ import annotations

import ast
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from handgrad.audit.dialects import Reading
from handgrad.audit.dialects.pieces import PLAIN
from handgrad.audit.findings import Finding
from handgrad.audit.gathering import with_layers
from handgrad.audit.inspection import Inspection
from handgrad.audit.judging.diagnose import Diagnosis
from handgrad.audit.memory.live import Live, file_of
from handgrad.audit.objects import parts
from handgrad.audit.pieces import layers
from handgrad.audit.place.first_wrong import first_wrong
from handgrad.audit.reading.source import Program
from handgrad.audit.report.excerpt import source_lines

_ROLES = ("backward", "gradients", "step", "update", "train")  # of a reading's functions, the likeliest place first


class _Here(Program):
    def guarded(self) -> AbstractContextManager[None]:
        """No fence: other threads of this process, such as a notebook's, may open files meanwhile."""
        return nullcontext()


def findings_of(live: Live, reading: Reading, diagnosis: Diagnosis) -> list[Finding]:
    """What the gradients told, with what single layers tell, each in its file and line."""
    found, program = [_lenient(reading, finding) for finding in diagnosis.findings], _program(live.home)
    if program is None:
        return [_placed(reading, finding, live.home) for finding in found]
    kinds = {type(part).__name__: type(part) for part in (*parts(live.model), *parts(live.loss))}
    namespace: dict[str, Any] = {"model": live.model, "criterion": live.loss, **kinds}
    inspection = Inspection(program, namespace, reading, diagnosis)
    alone = [finding for finding in layers.check(inspection) if finding.file == live.home]
    suspects = first_wrong(inspection, found) if any(finding.severity == "error" for finding in found) else []
    placed = []
    for finding in with_layers(found, alone):
        if finding.severity == "error" and finding.line is None and suspects:
            finding = replace(finding, file=live.home, line=suspects[0].line)
        placed.append(_placed(reading, finding, live.home))
    return placed


def _lenient(reading: Reading, finding: Finding) -> Finding:
    """Gradients that add up are a mistake where the training is known; what resets them may not have been given.

    Where it is not known and no parameter at all has a gradient, we did not find where they lie.
    """
    known = not reading.facts.get("update", "").startswith(PLAIN)
    if finding.code == "never-updated" and not known and set(finding.where) == set(reading.subject.parameters()):
        return Finding("network-unknown", "warning", ())
    return replace(finding, severity="note") if finding.code == "never-reset" and not known else finding


def _program(home: str) -> Program | None:
    """The text that the user's code came from; None where nobody kept it, or it is no plain Python."""
    text = "\n".join(source_lines(home)) if home else ""
    try:
        return _Here(Path(home), text, ast.parse(text)) if text else None
    except SyntaxError:  # a cell with a magic in it
        return None


def _placed(reading: Reading, finding: Finding, home: str) -> Finding:
    """The finding at the function that it is about, where it has no line yet."""
    if finding.line is not None or not home:
        return finding
    layers_of = [str(finding.measured.get("first", "")), *finding.where]  # in `direct` each layer is a function, too
    for role in (*(name.partition(".")[0] for name in layers_of), *_ROLES):
        function = reading.functions.get(role)
        code = getattr(getattr(function, "__func__", function), "__code__", None)
        if code is not None and file_of(function):
            return replace(finding, file=code.co_filename, line=code.co_firstlineno)
    return replace(finding, file=home)
