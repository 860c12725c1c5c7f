"""SARIF 2.1.0: findings in the form in which code hosts and editors take them, to mark the very line.

The file names are relative to the working directory, as code hosts want them: run the audit in the repository's root.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from handgrad.audit.findings import ROOMS, Finding
from handgrad.audit.report.diff import Replacement, replacements
from handgrad.audit.report.excerpt import cell_of, place
from handgrad.audit.report.report import Report, Unaudited
from handgrad.words import language, sentences

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
HOME = "https://pypi.org/project/handgrad/"
_PLACEHOLDER = re.compile(r"\{[^}]*\}")


def sarif(reports: Sequence[Report | Unaudited], lang: str | None = None) -> dict[str, Any]:
    """One run with the findings of all reports."""
    import handgrad

    found = [finding for report in reports if isinstance(report, Report) for finding in report.findings]
    failed = [report for report in reports if isinstance(report, Unaudited)]
    codes = list(dict.fromkeys(finding.code for finding in found))
    driver = {
        "name": "handgrad",
        "version": handgrad.__version__,
        "informationUri": HOME,
        "rules": [_rule(code, lang) for code in codes],
    }
    invocation: dict[str, Any] = {"executionSuccessful": not failed}
    if failed:
        invocation["toolExecutionNotifications"] = [
            {"level": "error", "message": {"text": one.reason}, "locations": [_location(one.file)]} for one in failed
        ]
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [invocation],
        "results": [_result(finding, codes.index(finding.code), lang) for finding in found],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(code: str, lang: str | None) -> dict[str, Any]:
    """What a code means, whatever the figures."""
    known = {key: text for room in ROOMS for key, text in sentences(lang or language(), room).items()}
    cause, remedy = (_PLACEHOLDER.sub("…", known.get(key, code)) for key in (code, f"{code}_remedy"))
    return {
        "id": code,
        "shortDescription": {"text": code.replace("-", " ").capitalize()},
        "fullDescription": {"text": cause},
        "help": {"text": remedy, "markdown": f"{cause}\n\n{remedy}"},
        "helpUri": f"{HOME}#docs/findings/{code}.md",
    }


def _result(finding: Finding, index: int, lang: str | None) -> dict[str, Any]:
    text = f"{finding.cause(lang)} {finding.remedy(lang)}"
    notebook = finding.file.endswith(".ipynb")
    if notebook and cell_of(finding) is not None:
        text = f"{place(finding, lang)}: {text}"  # a line within a cell is none of the file's own
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": index,
        "level": finding.severity,
        "message": {"text": text},
        "locations": [_location(finding.file, None if notebook else finding.line)] if finding.file else [],
        "properties": {"where": list(finding.where), "measured": finding.measured, "expected": finding.expected},
    }
    changes = replacements(finding.patch) if finding.patch and not notebook else []
    if changes:
        change = {"artifactLocation": _artifact(finding.file), "replacements": [_replacement(one) for one in changes]}
        result["fixes"] = [{"description": {"text": finding.remedy(lang)}, "artifactChanges": [change]}]
    return result


def _location(file: str, line: int | None = None) -> dict[str, Any]:
    physical: dict[str, Any] = {"artifactLocation": _artifact(file)}
    if line is not None:
        physical["region"] = {"startLine": line}
    return {"physicalLocation": physical}


def _artifact(file: str) -> dict[str, str]:
    """A path below the working directory as people write it in a repository, any other as a file:// address."""
    try:
        relative = Path(file).absolute().relative_to(Path.cwd())
    except ValueError:
        return {"uri": Path(file).absolute().as_uri()}
    return {"uri": quote(relative.as_posix()), "uriBaseId": "%SRCROOT%"}


def _replacement(change: Replacement) -> dict[str, Any]:
    """Whole lines: from the first column of the first one to the first column of the one after the last."""
    region = {"startLine": change.first, "startColumn": 1, "endLine": change.first + change.lines, "endColumn": 1}
    found: dict[str, Any] = {"deletedRegion": region}
    return found | ({"insertedContent": {"text": change.text}} if change.text else {})
