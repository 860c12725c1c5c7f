"""Figures: the numbers of a finding, as rows that every face lays out in its own way."""

from __future__ import annotations

from typing import Any, NamedTuple

from handgrad.audit.findings import Finding
from handgrad.words import say, sentences


class Figure(NamedTuple):
    """One number that was measured.

    Attributes:
        key: what it is: "factor", "residual", ...
        of: the parameter that it belongs to; "" for the whole finding.
        measured: the value.
        expected: what it should have been; None where nothing is said.
    """

    key: str
    of: str
    measured: Any
    expected: Any

    def name(self, lang: str | None = None) -> str:
        """In words."""
        return say(f"audit.figure_{self.key}", lang) if _has_name(self.key) else self.key.replace("_", " ")

    @property
    def ratio(self) -> float | None:
        """Measured over expected, where both are numbers above 0."""
        if not (_is_number(self.measured) and _is_number(self.expected)):
            return None
        return self.measured / self.expected if self.measured > 0 and self.expected > 0 else None


def figures(finding: Finding) -> list[Figure]:
    """The numbers of a finding that have a name or an expected value; any other stands in its sentence only.

    A value that is a table gives one row a parameter: {"factor": {"W1": 0.5}}.
    """
    found = []
    for key, value in finding.measured.items():
        expected = finding.expected.get(key)
        if expected is None and not _has_name(key):
            continue
        if isinstance(value, dict):
            wanted = expected if isinstance(expected, dict) else dict.fromkeys(value, expected)
            found += [Figure(key, str(of), one, wanted.get(of)) for of, one in value.items() if _is_shown(one)]
        elif _is_shown(value):
            found.append(Figure(key, "", value, expected))
    return found


def number(value: Any) -> str:
    """A figure as people read it: four digits, no more."""
    if isinstance(value, bool) or value is None:
        return "" if value is None else str(value).lower()
    if isinstance(value, float):
        return f"{value:.4g}".replace("e-0", "e-").replace("e+0", "e+")
    return ", ".join(map(number, value)) if isinstance(value, (list, tuple)) else str(value)


def _has_name(key: str) -> bool:
    return f"figure_{key}" in sentences("en", "audit")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_shown(value: Any) -> bool:
    """Numbers, and short lists of them; names stand in the sentence already."""
    return _is_number(value) or (isinstance(value, (list, tuple)) and len(value) < 9 and all(map(_is_number, value)))
