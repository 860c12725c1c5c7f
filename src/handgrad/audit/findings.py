"""Findings: what an audit says, as codes and numbers. The sentences are in `words/`, a table a family of codes.

A finding names a mistake or a convention, where it is, what was measured, and what it should have been.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from handgrad.words import say, sentences

SEVERITIES = ("error", "warning", "note")  # the worst first
ROOMS = ("findings", "findings_layers", "findings_optimizers", "findings_properties")  # tables in `words/`


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Attributes:
        code: which mistake or convention.
        severity: "error", "warning" or "note".
        where: the parameters, or the layer or optimizer, that it spoils.
        measured: the figures that were found; they fill the placeholders of the sentence.
        expected: what they should have been.
        file: where it is written; "" where that is not known.
        line: from 1; None where that is not known. While an audit goes on it is one of `Program.text`; in its report,
            in a notebook, one of the cell.
        cell: of a notebook, as Jupyter counts them; None elsewhere.
        patch: a unified diff that mends it, tried and found to do so; None without one.
    """

    code: str
    severity: str
    where: tuple[str, ...]
    measured: dict[str, Any] = field(default_factory=dict)
    expected: dict[str, Any] = field(default_factory=dict)
    file: str = ""
    line: int | None = None
    patch: str | None = None
    cell: int | None = None

    def cause(self, lang: str | None = None) -> str:
        """What is wrong, as a sentence."""
        room, values = _room(self.code), self._values()
        sentence = say(f"{room}.{self.code}", lang, **values)
        return f"{sentence} {say(f'{room}.{self.code}_lines', lang, **values)}" if "lines" in values else sentence

    def remedy(self, lang: str | None = None) -> str:
        """What to do about it."""
        return say(f"{_room(self.code)}.{self.code}_remedy", lang, **self._values())

    def to_json(self) -> dict[str, Any]:
        """Plain values, with the sentences in the reader's language."""
        plain = {**asdict(self), "where": list(self.where), "cause": self.cause(), "remedy": self.remedy()}
        if self.cell is None:
            del plain["cell"]
        return plain

    def _values(self) -> dict[str, Any]:
        values = self.measured | {"where": ", ".join(self.where)}
        return {key: f"{value:.4g}" if isinstance(value, float) else value for key, value in values.items()}


def worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Sorted by severity, otherwise as they came."""
    return tuple(sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity)))


def codes() -> list[str]:
    """Every code that has its sentences."""
    keys = [key for room in ROOMS for key in sentences("en", room)]
    return [key for key in keys if not key.endswith(("_remedy", "_lines"))]


def _room(code: str) -> str:
    return next((room for room in ROOMS if code in sentences("en", room)), ROOMS[0])
