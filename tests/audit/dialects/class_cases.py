"""Sample networks of classes with mistakes planted in them by small edits, and what an audit has to say of each."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from handgrad.audit.dialects import Reading, closures, modules, nnfs, unrolled
from handgrad.audit.judging.diagnose import Diagnosis, diagnose
from handgrad.audit.reading.source import read_program

SAMPLES = Path(__file__).parent / "samples"
DIALECTS = ("modules", "unrolled", "nnfs", "closures")
CLEAN = sorted(path.stem for path in SAMPLES.glob("*.py") if path.stem.startswith(DIALECTS))

READERS = (nnfs.read, closures.read, unrolled.read, modules.read)


@dataclass(frozen=True)
class Case:
    """One edit of a sample: each (old, new) is found and replaced; `code` is what the finding is called."""

    sample: str
    code: str
    edits: tuple[tuple[str, str], ...]
    where: tuple[str, ...] = ()
    severity: str = "error"

    @property
    def text(self) -> str:
        """The sample with the mistake."""
        text = (SAMPLES / f"{self.sample}.py").read_text()
        for old, new in self.edits:
            assert old in text, f"{self.sample} has no {old!r}"
            text = text.replace(old, new)
        return text


def judged(path: Path) -> tuple[Reading, Diagnosis]:
    """The first reading of a file whose network is known."""
    namespace = read_program(path).execute().namespace
    for reader in READERS:
        for reading in reader(namespace):
            diagnosis = diagnose(reading.subject)
            if diagnosis.identity is not None:
                return reading, diagnosis
    raise AssertionError(f"no reading of {path.name} is a known network")


PLANTED = [
    Case(
        one["sample"],
        one["code"],
        tuple((old, new) for old, new in one["edits"]),
        tuple(one.get("where", ())),
        one.get("severity", "error"),
    )
    for one in tomllib.loads((Path(__file__).parent / "class_cases.toml").read_text())["case"]
]
