"""What the audit of an exhibit is worth: detected, cause named, right line, needless words, seconds."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from handgrad.audit.reading.sandbox import run_in_child
from handgrad.errors import HandgradError
from museum import Exhibit

PAGE = Path(__file__).parents[2] / "docs/museum.md"


@dataclass(frozen=True)
class Score:
    """What the audit of one exhibit was worth.

    Attributes:
        name: of the exhibit.
        family: of its mistake; "clean" for a clean net.
        dialect: how it is written.
        group: "shown", "aside" (the set that is never tuned on) or "practice".
        detected: something as severe as the mistake was said; for a clean net an error, which is a false alarm.
        named: one of the names that fit the mistake was said.
        placed: the finding points at a line that is right.
        needless: a warning on a clean net.
        seconds: from start to end of the child process.
        said: the findings, worst first, as "code:line"; or why there was no audit.
        failed: whether there was no audit.
        found: what was taken for what.
    """

    name: str
    family: str
    dialect: str
    group: str
    detected: bool
    named: bool
    placed: bool
    needless: bool
    seconds: float
    said: str
    failed: bool = False
    found: dict[str, str] = field(default_factory=dict)


def score(exhibit: Exhibit) -> Score:
    """Audit one exhibit from a file of its own."""
    stem = exhibit.name.rpartition("/")[2].removesuffix(".ipynb")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{stem}{exhibit.suffix}"
        path.write_text(exhibit.text, encoding="utf-8")
        began = time.perf_counter()
        try:
            report = run_in_child("handgrad.audit.session:audit_file", {"path": str(path)})
            findings, found, failure = report["findings"], report["subject"]["found"], ""
        except HandgradError as error:
            findings, found, failure = [], {}, f"not audited: {error}".replace(folder + "/", "")
        seconds = time.perf_counter() - began
    ranks = ("note", "warning", "error")
    loud = [f for f in findings if ranks.index(f["severity"]) >= ranks.index(exhibit.severity or "error")]
    fit = [f for f in findings if (f["severity"] != "note" or f in loud) and f["code"] in exhibit.codes]
    told = [f for f in findings if f["severity"] != "note" or f in fit]
    pointing = fit or loud
    own = exhibit.family == "clean"
    return Score(
        exhibit.name, exhibit.family, exhibit.dialect, exhibit.group,
        detected=any(f["severity"] == "error" for f in findings) if own else bool(loud or fit),
        named=bool(fit),
        placed=any(f["line"] in exhibit.lines for f in pointing),
        needless=own and any(f["severity"] == "warning" for f in findings),
        seconds=seconds,
        said=failure or ", ".join(f"{f['code']}:{f['line']}" for f in told) or "nothing",
        failed=bool(failure),
        found=found,
    )  # fmt: skip


def score_all(exhibits: list[Exhibit], jobs: int = 2) -> Iterator[Score]:
    """The scores of exhibits, in their order, as they come."""
    with ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(score, exhibits)


def published_misses() -> frozenset[str]:
    """The exhibits of the shown set that the page lists as missed."""
    return frozenset(re.findall(r"^\| `([^`]+@[^`]+)` \|", PAGE.read_text(encoding="utf-8"), re.M))
