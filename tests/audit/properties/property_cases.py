"""Samples of the dialects with an edit that no derivative shows, inspected as an audit does."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from handgrad.audit.dialects import READERS, Reading
from handgrad.audit.findings import Finding
from handgrad.audit.inspection import Inspection
from handgrad.audit.judging.diagnose import diagnose, recognise
from handgrad.audit.properties import check
from handgrad.audit.reading.source import Program, read_program

DIALECTS = Path(__file__).parents[1] / "dialects"
SAMPLES = {  # the modules of a package are no networks by themselves; one needs stand-ins, which a session gives it
    path.stem: path
    for path in sorted(DIALECTS.glob("samples*/**/*.py"))
    if not {"packed", "grown_on_missing_data.py"} & set(path.parts)
}

MOST = 4  # readings that are tried

Edits = tuple[tuple[str, str], ...]


def edited(sample: str, edits: Edits, folder: Path) -> Path:
    """A copy of a sample with each text replaced wherever it stands; the new text of ("", text) is put at the end."""
    text = SAMPLES[sample].read_text(encoding="utf-8")
    for old, new in edits:
        assert old in text, f"{sample}: {old!r} is not there"
        text = text.replace(old, new) if old else text + new
    ast.parse(text)
    path = folder / f"{sample}.py"
    path.write_text(text, encoding="utf-8")
    return path


def inspected(path: Path) -> Inspection:
    """The first reading whose network is known, else the first that runs."""
    program = read_program(path)
    execution = program.execute()
    first: Reading | None = None
    with program.guarded():
        for reading in islice(_readings(execution.namespace, program), MOST):
            try:
                known = recognise(reading.subject) is not None
            except Exception:  # a reading that makes no sense
                continue
            first = first or reading
            if known:
                return Inspection(program, execution.namespace, reading, diagnose(reading.subject))
        assert first is not None
        return Inspection(program, execution.namespace, first, diagnose(first.subject))


def _readings(namespace: dict[str, Any], program: Program) -> Iterator[Reading]:
    for reader in READERS:
        try:
            yield from reader(namespace, program.tree)
        except Exception:  # it is written in another dialect
            continue


def checked(sample: str, edits: Edits, folder: Path) -> dict[str, Finding]:
    """What the properties say of a sample with an edit, by code."""
    return {finding.code: finding for finding in check(inspected(edited(sample, edits, folder)))}


def text_only(text: str) -> Any:
    """An inspection of which only the program is there, for checks that read."""
    return SimpleNamespace(program=Program(Path("net.py"), text, ast.parse(text)))
