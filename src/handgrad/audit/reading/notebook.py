"""The code of a Jupyter notebook as plain Python, line for line. What only IPython understands becomes `pass`.

Lines never move: line 3 of a cell stays line 3 of that cell, so that a finding can name it.
"""

from __future__ import annotations

import ast
import io
import json
import re
import tokenize
import warnings
from pathlib import Path

from handgrad.errors import DataError

# Cell magics whose cell is Python all the same; any other (%%bash, %%html, ...) takes its whole cell away.
_PYTHON_MAGICS = {"time", "timeit", "capture", "prun", "python", "python3", "debug"}
_MAGIC = re.compile(r"(?P<indent>\s*)([%!?].*|.*[^\s#'\"]\?{1,2}\s*)")
_MAGIC_VALUE = re.compile(r"(?P<target>\s*[\w.,\s\[\]'\"]+=\s*)[!%]\w.*")
_DEFINES = re.compile(r"^\s*(def|class)\s", re.MULTILINE)


def code_cells(path: Path, text: str) -> list[str]:
    """The source of each code cell that holds anything, in order, for nbformat 4 (and 3).

    Raises: DataError where the text is no notebook, has no code, or is written in another language than Python.
    """
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError):
        raise DataError("audit_file.notebook_json", path=str(path)) from None
    cells = _cells(notebook)
    if cells is None:
        raise DataError("audit_file.notebook_cells", path=str(path))
    metadata = notebook.get("metadata")
    info = metadata.get("language_info") if isinstance(metadata, dict) else None
    language = str(info.get("name", "python")) if isinstance(info, dict) else "python"
    if not language.lower().startswith(("python", "ipython")):
        raise DataError("audit_file.notebook_language", path=str(path), language=language)
    code = [_source(cell) for cell in cells if isinstance(cell, dict) and cell.get("cell_type") == "code"]
    code = [source for source in code if source.strip()]
    if not code:
        raise DataError("audit_file.empty", path=str(path))
    return code


def plain_python(cell: str) -> str:
    """A cell with as many lines as before, its magics, shell lines and questions taken out."""
    lines = cell.split("\n")
    first = next((i for i, line in enumerate(lines) if line.strip()), 0)
    if lines[first].startswith("%%"):
        if lines[first][2:].split(" ")[0] not in _PYTHON_MAGICS:
            return "\n" * (len(lines) - 1)
        lines[first] = ""
    for i, line in enumerate(lines):
        value, magic = _MAGIC_VALUE.fullmatch(line), _MAGIC.fullmatch(line)
        if (value or magic) and not _goes_on(lines[:i]) and not _parses(line.strip()):
            lines[i] = value["target"] + "None" if value else (magic["indent"] + "pass" if magic else line)
    return "\n".join(lines)


def defines_something(cell: str) -> bool:
    """Whether a cell has a function or class, so that it cannot be left out without a word."""
    return _DEFINES.search(cell) is not None


def _cells(notebook: object) -> list[object] | None:
    if not isinstance(notebook, dict):
        return None
    cells = notebook.get("cells")
    if cells is None and isinstance(notebook.get("worksheets"), list):  # nbformat 3
        cells = [
            cell
            for sheet in notebook["worksheets"]
            if isinstance(sheet, dict) and isinstance(sheet.get("cells"), list)
            for cell in sheet["cells"]
        ]
    return cells if isinstance(cells, list) else None


def _source(cell: dict[str, object]) -> str:
    source = cell.get("source", cell.get("input", ""))
    text = "".join(str(line) for line in source) if isinstance(source, list) else str(source)
    return text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n")


def _goes_on(lines: list[str]) -> bool:
    """Whether the next line belongs to these: within brackets, within a long string, or after a backslash."""
    if lines and lines[-1].endswith("\\"):
        return True
    try:
        for _ in tokenize.generate_tokens(io.StringIO("\n".join(lines) + "\n").readline):
            pass
    except tokenize.TokenError as error:
        return "EOF" in str(error)
    except SyntaxError:
        pass
    return False


def _parses(line: str) -> bool:
    """Whether a line is Python as it stands, such as a string or a comment that ends in a question mark."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ast.parse(line)
        except (SyntaxError, ValueError):
            return line.endswith(":")  # `if x:` is no whole statement, and no magic
    return True
