"""Report: what an audit found, for people and for programs. It is a value: faces only read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from handgrad.audit.findings import Finding

_FIELDS = tuple(field.name for field in fields(Finding))


@dataclass(frozen=True)
class Report:
    """One audit of one network. `print(report)` shows it, and so does a notebook cell that ends in it.

    Attributes:
        ok: no finding is an error. Ask this; a report itself is always true.
        subject: what was audited: "file", "dialect", "found" (what was taken for what) and, where the network was
            identified, "sizes", "hidden", "output", "loss".
        checks: how many comparisons were made.
        findings: the worst first.
        seconds: how long it took.
        proof: two trainings, as written and mended; None where none were asked for. See `audit.prove.Proof`.
    """

    ok: bool
    subject: dict[str, Any]
    checks: int
    findings: tuple[Finding, ...]
    seconds: float
    proof: dict[str, Any] | None = None

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Report:
        """The report that `to_json` gave, or that came out of the child process."""
        return cls(
            value["ok"], dict(value["subject"]), value["checks"], tuple(map(_finding, value["findings"])),
            value["seconds"], value.get("proof"),
        )  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """Plain values, as `handgrad audit --json` prints them; the sentences are in the reader's language."""
        return {
            "ok": self.ok,
            "subject": self.subject,
            "checks": self.checks,
            "findings": [finding.to_json() for finding in self.findings],
            "seconds": self.seconds,
        } | ({} if self.proof is None else {"proof": self.proof})

    @property
    def patch(self) -> str | None:
        """The patch that mends what was found; None without one."""
        return next((finding.patch for finding in self.findings if finding.patch), None)

    def text(self, lang: str | None = None) -> str:
        """The report as `handgrad audit` shows it, without colours, in a language."""
        from handgrad.audit.report.terminal import lines, plain

        return plain(lines(self, lang))

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        from handgrad.audit.report.page import fragment

        return fragment(self)


@dataclass(frozen=True)
class Unaudited:
    """A file that could not be audited.

    Attributes:
        file: its path.
        reason: one sentence, in the reader's language.
    """

    file: str
    reason: str

    def to_json(self) -> dict[str, Any]:
        """In the shape of a report, with the reason as "error"."""
        return {
            "ok": False, "subject": {"file": self.file}, "checks": 0, "findings": [], "seconds": 0.0,
            "error": self.reason,
        }  # fmt: skip


def _finding(value: Mapping[str, Any]) -> Finding:
    known = {name: value[name] for name in _FIELDS if name in value}
    return Finding(**(known | {"where": tuple(value["where"])}))
