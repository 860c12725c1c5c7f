"""Somebody's .py file or notebook as one Python text, with the way back from its lines to theirs.

Reading runs nothing. `Program.execute()` then runs what defines and builds, and holds back what trains, loads or plots.
"""

from __future__ import annotations

import ast
import io
import linecache
import tokenize
import warnings
from bisect import bisect_right
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handgrad.audit.reading.apart import apart
from handgrad.audit.reading.notebook import code_cells, defines_something, plain_python
from handgrad.errors import DataError

if TYPE_CHECKING:
    from handgrad.audit.reading.execution import Execution

_MOST_BYTES = 64 << 20  # a notebook with its pictures can be large; code alone never is
_PYTHON_2 = ("Missing parentheses in call to", "multiple exception types must be parenthesized")  # print x; except A, e


@dataclass(frozen=True, slots=True)
class Program:
    """A file that was read, not run.

    Attributes:
        path: the file.
        text: its code; for a notebook that of all code cells, one after the other, magics taken out.
        tree: the text, parsed; its line numbers are those of `text`.
        cells: for a notebook, the line of `text` on which each code cell begins; else empty.
        broken: (line, message) of notebook cells that are no Python and define nothing, so were left out.
    """

    path: Path
    text: str
    tree: ast.Module
    cells: tuple[int, ...] = ()
    broken: tuple[tuple[int, str], ...] = field(default=())

    @property
    def filename(self) -> str:
        """What code objects and tracebacks call this file."""
        return str(self.path)

    def place(self, line: int) -> tuple[str, int, int | None]:
        """(file, line, cell) of a line of `text`; in a notebook the line counts within the cell, cells from 1.

        Cells count as Jupyter counts In[1], In[2], ...: code cells that hold anything, run from top to bottom.
        """
        if not self.cells:
            return self.filename, line, None
        cell = max(1, bisect_right(self.cells, line))
        return self.filename, line - self.cells[cell - 1] + 1, cell

    def execute(self, given: Mapping[str, Any] | None = None) -> Execution:
        """Run imports, definitions and what builds; see `reading.execution`. Raises nothing of the file's.

        Args:
            given: values for names whose own statements are held back or fail, such as data to stand in for what the
                file would load. `MLP(x_train.shape[1], 10)` then runs.
        """
        from handgrad.audit.reading.execution import execute

        return execute(self, given)

    def guarded(self) -> AbstractContextManager[None]:
        """While this lasts, the file's functions can be called: its imports resolve, and nothing prints, reads a
        file, reaches the network, sleeps or leaves the process. `execute` is guarded already.
        """
        from handgrad.audit.reading.execution import guarded

        return guarded(self)


def read_program(path: str | Path) -> Program:
    """The program in a .py file or a notebook (.ipynb).

    Raises: DataError, in one sentence, where it is missing, a folder, empty, not text, or not Python.
    """
    path = Path(path).absolute()
    text = _text(path)
    program = _notebook(path, text) if path.suffix.lower() == ".ipynb" else _script(path, text)
    # inspect.getsource looks here, and would otherwise find a notebook's JSON; None: never checked against the file.
    lines = [line + "\n" for line in program.text.split("\n")]  # not splitlines: a form feed ends no line of Python
    linecache.cache[program.filename] = (len(program.text), None, lines, program.filename)
    return program


def _text(path: Path) -> str:
    if path.is_dir():
        raise DataError("audit_file.folder", path=str(path))
    if not path.exists():
        raise DataError("audit_file.missing", path=str(path))
    if not path.is_file():
        raise DataError("audit_file.not_a_file", path=str(path))
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise DataError("audit_file.large", path=str(path), most=_MOST_BYTES >> 20)
        raw = path.read_bytes()
    except OSError as error:
        raise DataError("audit_file.unreadable", path=str(path), reason=error.strerror or str(error)) from None
    encoding = "utf-8-sig"
    try:
        if path.suffix.lower() != ".ipynb":
            encoding, _ = tokenize.detect_encoding(io.BytesIO(raw).readline)  # a byte order mark, or `# coding: ...`
        text = raw.decode(encoding)
    except SyntaxError:  # of detect_encoding: an unknown name, or not the UTF-8 that no name means
        raise DataError("audit_file.encoding", path=str(path), encoding="UTF-8") from None
    except (UnicodeDecodeError, LookupError):
        raise DataError("audit_file.encoding", path=str(path), encoding=encoding.removesuffix("-sig").upper()) from None
    if "\0" in text:
        raise DataError("audit_file.encoding", path=str(path), encoding="UTF-8")
    if not text.strip():
        raise DataError("audit_file.empty", path=str(path))
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _script(path: Path, text: str) -> Program:
    try:
        return Program(path, text, apart(_parse(text, path)))
    except SyntaxError as error:
        line = error.lineno or 1
        if error.msg.startswith(_PYTHON_2):
            raise DataError("audit_file.python2", path=str(path), line=line) from None
        raise DataError("audit_file.syntax", path=str(path), line=line, message=error.msg) from None


def _notebook(path: Path, text: str) -> Program:
    cells = [plain_python(cell) for cell in code_cells(path, text)]
    starts, broken, line = [], [], 1
    for i, cell in enumerate(cells):
        starts.append(line)
        count = cell.count("\n")
        try:
            _parse(cell, path)
        except SyntaxError as error:
            if defines_something(cell):
                place = {"cell": i + 1, "line": error.lineno or 1}
                raise DataError("audit_file.syntax_cell", path=str(path), message=error.msg, **place) from None
            broken.append((line + (error.lineno or 1) - 1, error.msg))
            cells[i] = "\n" * count
        line += count + 1
    if len(broken) == len(cells):
        line, message = broken[0]
        raise DataError("audit_file.syntax_cell", path=str(path), message=message, cell=1, line=line)
    whole = "\n".join(cells)
    return Program(path, whole, apart(_parse(whole, path)), tuple(starts), tuple(broken))


def _parse(text: str, path: Path) -> ast.Module:
    """The tree; SyntaxError where there is none. Python's own warnings about the text are its author's affair."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(text, str(path))
        except (RecursionError, MemoryError):  # brackets thousands deep
            raise DataError("audit_file.deep", path=str(path)) from None
