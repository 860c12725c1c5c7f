"""Sample networks with a mistake planted, repaired, and audited again with the patch applied."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

from handgrad.audit.dialects import READERS, Reading
from handgrad.audit.findings import Finding
from handgrad.audit.inspection import Inspection
from handgrad.audit.judging.diagnose import Diagnosis, diagnose
from handgrad.audit.reading.source import Program, read_program
from handgrad.audit.repair import repair

SAMPLES = Path(__file__).parents[1] / "dialects"
PLENTY = 20.0  # seconds: what is tested here is what is found, not how fast a busy machine finds it


@dataclass(frozen=True)
class Planted:
    """A sample, what stands there, what is put there, and lines that are suspected where several edits would do."""

    sample: str
    edits: tuple[tuple[str, str], ...]
    suspects: tuple[int, ...] = ()

    @property
    def right(self) -> str:
        """The sample as it is."""
        return next(SAMPLES.glob(f"samples*/{self.sample}.py")).read_text(encoding="utf-8")

    @property
    def text(self) -> str:
        """The sample with the mistake."""
        text = self.right
        for old, new in self.edits:
            assert text.count(old), f"{self.sample} has no {old!r}"
            text = text.replace(old, new)
        return text

    @property
    def lines(self) -> set[int]:
        """Where the mistake is written; beside what was taken out."""
        pair = SequenceMatcher(None, self.right.split("\n"), self.text.split("\n"), autojunk=False)
        spans = [(first, last) for kind, _, _, first, last in pair.get_opcodes() if kind != "equal"]
        return {line for first, last in spans for line in (range(first + 1, last + 1) or (first, first + 1))}


def inspected(path: Path, *, known: bool = True) -> Inspection:
    """The first reading of a file whose network is `known`, or the first that can be judged at all."""
    program = read_program(path)
    namespace = program.execute().namespace
    with program.guarded():
        return Inspection(program, namespace, *_judged(program, namespace, known))


def _judged(program: Program, namespace: dict[str, object], known: bool) -> tuple[Reading, Diagnosis]:
    for reader in READERS:
        for reading in reader(namespace, program.tree):
            try:
                diagnosis = diagnose(reading.subject)
            except Exception:  # a reading that makes no sense
                continue
            if diagnosis.identity is not None or (not known and diagnosis.checks):
                return reading, diagnosis
    raise AssertionError(f"{program.path.name} was not read")


def repaired(
    path: Path, seconds: float = PLENTY, suspects: tuple[int, ...] = (), *, known: bool = True
) -> tuple[Inspection, list[Finding]]:
    """A file inspected, and its findings after the search for a patch."""
    inspection = inspected(path, known=known)
    with inspection.program.guarded():
        return inspection, repair(inspection, inspection.diagnosis.findings, suspects=suspects, seconds=seconds)


def patched(text: str, diff: str) -> str:
    """A text with a unified diff applied, each line that it names held against what stands there."""
    lines, at, found = text.splitlines(keepends=True), 0, []
    for line in diff.splitlines(keepends=True)[2:]:
        if line.startswith("@@"):
            first = int(re.match(r"@@ -(\d+)", line)[1]) - 1  # type: ignore[index]
            found += lines[at:first]
            at = first
        elif line[0] in " -":
            assert lines[at] == line[1:], (lines[at], line)
            found += [line[1:]] if line[0] == " " else []
            at += 1
        elif line[0] == "+":
            found.append(line[1:])
    return "".join([*found, *lines[at:]])
