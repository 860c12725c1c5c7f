"""Networks without layer classes, as strangers write them, read from a file and judged, with or without an edit."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from handgrad.audit.dialects import columns, dictionaries, pairs, scalars, script
from handgrad.audit.dialects.reading import Reading
from handgrad.audit.judging.diagnose import Diagnosis, diagnose
from handgrad.audit.reading.source import read_program

HERE = Path(__file__).parent / "samples_functions"
READERS = (scalars.read, columns.read, script.read, pairs.read, dictionaries.read)

Edits = tuple[tuple[str, str], ...]


def edited(name: str, edits: Edits, folder: Path) -> Path:
    """The sample, or a copy with each text replaced wherever it stands; a text that is not there is an error."""
    text = (HERE / f"{name}.py").read_text(encoding="utf-8")
    for old, new in edits:
        assert old in text, f"{name}: {old!r} is not there"
        text = text.replace(old, new)
    ast.parse(text)
    path = folder / f"{Path(name).name}.py"
    path.write_text(text, encoding="utf-8")
    return path


def readings(path: Path) -> Iterator[Reading]:
    """All that the readers make of a file."""
    program = read_program(path)
    execution = program.execute()
    with program.guarded():
        for read in READERS:
            yield from read(execution.namespace, program.tree)


def judged(path: Path) -> tuple[Reading, Diagnosis]:
    """The first reading whose network is known."""
    for reading in readings(path):
        try:
            diagnosis = diagnose(reading.subject)
        except Exception:  # a reading that makes no sense fails in whatever way the code happens to
            continue
        if diagnosis.identity is not None:
            return reading, diagnosis
    raise AssertionError(f"{path.name} was not read")
