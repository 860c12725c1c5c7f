"""Excerpts: the lines of the audited code itself, and how its files and cells are called.

A file is read where it lies, a notebook cell by cell, and what was typed into a session from Python's own memory of it.
"""

from __future__ import annotations

import linecache
import re
import sys
from pathlib import Path
from typing import Any, NamedTuple

from handgrad.audit.findings import Finding
from handgrad.audit.reading.notebook import code_cells
from handgrad.errors import HandgradError
from handgrad.words import say

_TYPED = re.compile(r"<(?:ipython-input|stdin|string|doctest|console)[^>]*>$|[\\/]ipykernel_\d+[\\/]\d+\.py$")
_CELL_NUMBER = re.compile(r"<ipython-input-(\d+)-")
_PATCHED_CELL = re.compile(r"--- [^\n]*\[cell (\d+)\]")


class Line(NamedTuple):
    """One line of the code; `marked` where the finding is."""

    number: int
    text: str
    marked: bool


def source_lines(file: str, cell: int | None = None) -> list[str]:
    """The lines of a file, or of one cell of a notebook; [] where they cannot be had."""
    if file.endswith(".ipynb"):
        found = notebook_cells(file)
        return found[cell - 1].split("\n") if cell is not None and 0 < cell <= len(found) else []
    linecache.checkcache(file)
    return [line.rstrip("\r\n") for line in linecache.getlines(file)]


def notebook_cells(file: str) -> list[str]:
    """The code cells of a notebook, as Jupyter counts them; [] where it cannot be read."""
    try:
        path = Path(file)
        return code_cells(path, path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, HandgradError):
        return []


def excerpt(finding: Finding, around: int = 2) -> list[Line]:
    """The finding's line with some lines around it; [] where the line is not known or cannot be read."""
    if finding.line is None:
        return []
    lines = source_lines(finding.file, cell_of(finding))
    if not 0 < finding.line <= len(lines):
        return []
    first, last = max(1, finding.line - around), min(len(lines), finding.line + around)
    found = [Line(number, lines[number - 1].expandtabs(4), number == finding.line) for number in range(first, last + 1)]
    while found and not found[0].text.strip():  # blank lines at the edges say nothing
        found.pop(0)
    while found and not found[-1].text.strip():
        found.pop()
    return found


def cell_of(finding: Finding) -> int | None:
    """The notebook's cell that the finding is in, from 1; None where it is not known. A patch names it in its head."""
    cell: int | None = getattr(finding, "cell", None)
    named = _PATCHED_CELL.match(finding.patch or "") if finding.file.endswith(".ipynb") else None
    return int(named[1]) if cell is None and named else cell


def shown(file: str) -> str:
    """A file's name for people: from the working directory where it lies below it; a cell of a session as In [3]."""
    if _TYPED.search(file):
        number = _execution_count(file)
        return f"In [{number}]" if number else say("audit.typed")
    try:
        return Path(file).relative_to(Path.cwd()).as_posix()
    except (ValueError, OSError):
        return file


def place(finding: Finding, lang: str | None = None) -> str:
    """Where a finding is: my_net.py:31, or a notebook's cell and line."""
    if not finding.file:
        return ""
    name, cell = shown(finding.file), cell_of(finding)
    if cell is not None:
        key = "audit.place_cell" if finding.line else "audit.place_whole_cell"
        return say(key, lang, file=name, cell=cell, line=finding.line)
    return f"{name}:{finding.line}" if finding.line else name


def _execution_count(file: str) -> Any:
    """The number beside the cell that was typed, which only IPython knows."""
    named = _CELL_NUMBER.search(file)
    if named:
        return named[1]
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(getattr(shell, "compile", None), "_filename_map", {}).get(file)
