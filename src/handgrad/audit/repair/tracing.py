"""Tracing: one training step is watched line by line, for the lines it runs and the shapes of what is in scope there.

Only these lines can hold the mistake, and only arrays of the right shape can be what should have stood there.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any

import numpy as np

from handgrad.audit.reading.traced import traced
from handgrad.audit.repair.source_text import SourceText

_LOOP = "<audit>"  # what code is called that the dialects have cut out of the file
_MOST_ATOMS = 60
_MOST_LINES = 400
_INNER = ("<lambda>", "<listcomp>", "<genexpr>", "<dictcomp>", "<setcomp>")


@dataclass(frozen=True)
class Seen:
    """What a name, attribute or item held: its shape, and whether it is "float", "bool", "int" or "number"."""

    shape: tuple[int, ...]
    kind: str


@dataclass
class Trace:
    """What one step has run.

    Attributes:
        lines: in the order of first running.
        scope: by line, what was in scope before it, by the text that reads it.
        result: by line, the shape of what its statement made.
    """

    lines: list[int] = field(default_factory=list)
    scope: dict[int, dict[str, Seen]] = field(default_factory=dict)
    result: dict[int, tuple[int, ...]] = field(default_factory=dict)


class Tracer:
    """Watches frames of one file; for `sys.settrace`."""

    def __init__(self, source: SourceText, filename: str) -> None:
        self.source, self.filename = source, filename
        self.trace = Trace()
        self._atoms: dict[ast.AST, list[tuple[str, CodeType]]] = {}
        self._targets: dict[ast.stmt, CodeType | None] = {}

    def watch(self, action: Callable[[], Any]) -> Trace:
        """Run an action once. What it raises is raised."""
        with traced(self._global):
            action()
        return self.trace

    def _global(self, frame: FrameType, event: str, value: Any) -> Any:
        if frame.f_code.co_filename not in (self.filename, _LOOP):
            return None
        frame.f_trace_opcodes = False
        return _Local(self)

    def note(self, frame: FrameType, line: int) -> None:
        """A line begins: what is in scope."""
        statement = self.source.by_line.get(line)
        if statement is None or len(self.trace.lines) > _MOST_LINES:
            return
        line = statement.lineno
        if line not in self.trace.scope:
            self.trace.lines.append(line)
        elif self.trace.scope[line] or frame.f_code.co_name in _INNER:
            return
        found: dict[str, Seen] = {}
        if frame.f_code.co_name not in _INNER:
            root = self.source.function(statement) or self.source.top(statement)
            for text, code in self.atoms(root):
                seen = _seen(_value(code, frame))
                if seen is not None:
                    found[text] = seen
            for name, value in _loose(frame).items():
                seen = _seen(value)
                if seen is not None and seen.shape:
                    found.setdefault(name, seen)
        self.trace.scope[line] = found

    def atoms(self, root: ast.AST) -> list[tuple[str, CodeType]]:
        """Every name, attribute and item that a function, or a loop at the top of the file, reads, compiled."""
        if root not in self._atoms:
            found: dict[str, CodeType] = {}
            for node in ast.walk(root):
                if isinstance(node, ast.Name | ast.Attribute | ast.Subscript) and is_atom(node):
                    text = ast.unparse(node)
                    if text not in found and len(found) < _MOST_ATOMS and not text.startswith("np."):
                        found[text] = compile(text, "<atom>", "eval")
            self._atoms[root] = list(found.items())
        return self._atoms[root]

    def target(self, statement: ast.stmt) -> CodeType | None:
        """What reads the thing that a statement has made."""
        if statement not in self._targets:
            target = statement.targets[0] if isinstance(statement, ast.Assign) else getattr(statement, "target", None)
            plain = isinstance(target, ast.expr) and is_atom(target)
            self._targets[statement] = compile(ast.unparse(target), "<atom>", "eval") if plain and target else None
        return self._targets[statement]


class _Local:
    """Watches one frame."""

    def __init__(self, tracer: Tracer) -> None:
        self.tracer, self.last = tracer, 0

    def __call__(self, frame: FrameType, event: str, value: Any) -> Any:
        tracer = self.tracer
        if event == "line":
            self._made(frame)
            self.last = frame.f_lineno
            tracer.note(frame, frame.f_lineno)
        elif event == "return":
            statement = tracer.source.by_line.get(self.last)
            if isinstance(statement, ast.Return) and isinstance(value, np.ndarray):
                tracer.trace.result.setdefault(statement.lineno, value.shape)
            else:
                self._made(frame)
        return self

    def _made(self, frame: FrameType) -> None:
        statement = self.tracer.source.by_line.get(self.last)
        if statement is not None and statement.lineno not in self.tracer.trace.result:
            code = self.tracer.target(statement)
            value = _value(code, frame) if code is not None else None
            if isinstance(value, np.ndarray):
                self.tracer.trace.result[statement.lineno] = value.shape


def _value(code: CodeType, frame: FrameType) -> Any:
    try:
        return eval(code, frame.f_globals, frame.f_locals)
    except Exception:  # it is not there yet
        return None


def is_atom(node: ast.AST) -> bool:
    """Whether reading an expression calls nothing: x, self.x, cache["x"], layers[i - 1].W, x.T."""
    if isinstance(node, ast.Name | ast.Constant):
        return True
    if isinstance(node, ast.Attribute):
        return is_atom(node.value)
    if isinstance(node, ast.Subscript):
        return is_atom(node.value) and is_atom(node.slice)
    if isinstance(node, ast.UnaryOp):
        return is_atom(node.operand)
    if isinstance(node, ast.BinOp):
        return is_atom(node.left) and is_atom(node.right)
    return isinstance(node, ast.JoinedStr)


def _loose(frame: FrameType) -> dict[str, Any]:
    """Arrays that no text of the function reads: its names, those of `self`, and the items of its dictionaries."""
    found: dict[str, Any] = {}
    local = frame.f_locals
    names = local if local is not frame.f_globals else {}
    for name, value in names.items():
        if isinstance(value, np.ndarray):
            found[name] = value
        elif type(value) is dict:
            found |= {f"{name}[{k!r}]".replace("'", '"'): v for k, v in value.items() if isinstance(k, str)}
    owner = names.get("self")
    for name, value in list(getattr(owner, "__dict__", {}).items()):
        if isinstance(value, np.ndarray):
            found[f"self.{name}"] = value
        elif type(value) is dict:
            found |= {f"self.{name}[{k!r}]".replace("'", '"'): v for k, v in value.items() if isinstance(k, str)}
    return {text: value for text, value in found.items() if isinstance(value, np.ndarray)}


def _seen(value: Any) -> Seen | None:
    if isinstance(value, np.ndarray):
        kind = {"f": "float", "b": "bool", "i": "int", "u": "int"}.get(value.dtype.kind)
        return Seen(value.shape, kind) if kind else None
    if isinstance(value, float | np.floating) or (isinstance(value, int) and not isinstance(value, bool)):
        return Seen((), "number")
    return None
