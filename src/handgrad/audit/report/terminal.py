"""The report as lines of text with named styles: calm, one finding below the other, each with its own lines of code.

What the styles look like is the command line's affair; without them the same lines are plain text.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from handgrad.audit.findings import SEVERITIES, Finding
from handgrad.audit.report.diff import kinds
from handgrad.audit.report.excerpt import excerpt, place, shown
from handgrad.audit.report.figures import Figure, figures, number
from handgrad.audit.report.proof import curves, sentence
from handgrad.audit.report.report import Report
from handgrad.audit.report.told import told
from handgrad.words import say

# (text, style); styles: "" plain, title, quiet, good, error, warning, note, code, marked, added, removed, hunk.
Span: TypeAlias = tuple[str, str]
Line: TypeAlias = list[Span]

WIDTH = 100  # of running text, where nobody says how wide the window is
_INDENT = "  "


def plain(report: list[Line]) -> str:
    """The lines as one text."""
    return "\n".join("".join(text for text, _ in line).rstrip() for line in report)


def lines(report: Report, lang: str | None = None, width: int | None = WIDTH) -> list[Line]:
    """The whole report. `width`: where sentences are broken; None leaves each on one line."""
    found: list[Line] = [[(shown(str(report.subject.get("file", ""))), "title"), *_read_as(report.subject, lang)]]
    found += _facts(report.subject, lang)
    found.append([])
    for finding in report.findings:
        found += [*_finding(finding, lang, width), []]
    errors, warnings, notes = counts(report)
    if not (errors or warnings):
        key = "right_pieces" if report.subject.get("dialect") == "pieces" else "right"
        right = wrapped(say(f"audit.{key}", lang, checks=report.checks), width)
        found += [*([(text, "good")] for text in right), []] if report.checks else []
    if report.proof is not None:
        found += [*_proof(report.proof, lang, width), []]
    words = {"errors": errors, "warnings": warnings, "notes": notes, "checks": report.checks}
    found.append([(say("audit.summary", lang, **words, seconds=f"{report.seconds:.2g}"), "quiet")])
    return found


def counts(report: Report) -> tuple[int, ...]:
    """(errors, warnings, notes)."""
    return tuple(sum(finding.severity == severity for finding in report.findings) for severity in SEVERITIES)


def known_as(subject: dict[str, Any], lang: str | None = None) -> str:
    """Which network it is, as far as that is known: modules, 784-128-10, relu, softmax, cross-entropy."""
    sizes = "-".join(map(str, subject.get("sizes", ())))
    dialect, *network = (told(subject.get(key, ""), lang) for key in ("dialect", "hidden", "output", "loss"))
    parts = [dialect, sizes, *network]
    return say("audit.read_as", lang, network=", ".join(part for part in parts if part))


def facts(subject: dict[str, Any], lang: str | None = None) -> list[tuple[str, str]]:
    """(name, what was taken for it) of all that was guessed, for people to check."""
    return [
        (say(f"audit.fact_{what}", lang), told(str(found), lang)) for what, found in subject.get("found", {}).items()
    ]


def _read_as(subject: dict[str, Any], lang: str | None) -> Line:
    return [("  " + known_as(subject, lang), "quiet")] if subject.get("dialect") else []


def _facts(subject: dict[str, Any], lang: str | None) -> Iterator[Line]:
    found = facts(subject, lang)
    wide = max((cells(name) for name, _ in found), default=0)
    for name, value in found:
        yield [(f"{_INDENT}{_pad(name, wide)}  {value}", "quiet")]


def _finding(finding: Finding, lang: str | None, width: int | None) -> Iterator[Line]:
    """Severity, code and place; the lines of code; the sentence, the remedy, the figures, the patch."""
    where = place(finding, lang)
    head: Line = [(say(f"audit.{finding.severity}", lang), finding.severity), (f" [{finding.code}]", "quiet")]
    yield [*head, (f"  {where}", "title")] if where else head
    code = excerpt(finding)
    if code:
        yield []
        wide = len(str(code[-1].number))
        for line in code:
            mark, style = (">", "marked") if line.marked else (" ", "code")
            yield [(f"{_INDENT}{mark} {line.number:>{wide}} | ", "quiet"), (line.text, style)]
        yield []
    yield from ([(_INDENT + text, "title")] for text in wrapped(finding.cause(lang), width))
    yield from ([(_INDENT + text, "")] for text in wrapped(finding.remedy(lang), width))
    rows = list(_figures(figures(finding), lang))
    if rows:
        yield []
        yield from rows
    if finding.patch:
        yield []
        yield from ([(_INDENT + line, kind if kind != "head" else "quiet")] for kind, line in kinds(finding.patch))


def _figures(found: list[Figure], lang: str | None) -> Iterator[Line]:
    """One aligned row a number."""
    names = [" ".join(part for part in (figure.name(lang), figure.of) if part) for figure in found]
    values = [number(figure.measured) for figure in found]
    wide, long = max(map(cells, names), default=0), max(map(len, values), default=0)
    for figure, name, value in zip(found, names, values, strict=True):
        row: Line = [(f"{_INDENT}{_pad(name, wide)}  {value:>{long}}", "")]
        if figure.expected is not None:
            row.append(("   " + say("audit.should_be", lang, value=number(figure.expected)), "quiet"))
        yield row


def _proof(proof: Mapping[str, Any], lang: str | None, width: int | None) -> Iterator[Line]:
    """Two trainings, each as a row of bars."""
    yield [(say("audit.proof_title", lang), "title")]
    yield []
    rows = list(curves(proof, lang))
    names = max(cells(name) for name, _, _ in rows)
    for (name, bars, share), style in zip(rows, ("removed", "added"), strict=True):
        yield [(f"{_INDENT}{_pad(name, names)}  ", "quiet"), (bars, style), (f"  {share}", "")]
    yield []
    yield from ([(f"{_INDENT}{row}", "")] for row in wrapped(sentence(proof, lang), width))


def wrapped(text: str, width: int | None) -> list[str]:
    """The text in lines of at most so many cells of a terminal, broken between words. Hangul takes two cells."""
    if width is None:
        return [text]
    found, line, used = [], "", 0
    for word in text.split():
        size = cells(word)
        if line and used + 1 + size > width - len(_INDENT):
            found.append(line)
            line, used = word, size
        else:
            line, used = (f"{line} {word}", used + 1 + size) if line else (word, size)
    return [*found, line]


def cells(text: str) -> int:
    """How many cells of a terminal a text takes."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _pad(text: str, width: int) -> str:
    return text + " " * (width - cells(text))
