"""Watching one step of somebody's code statement by statement: what went into each assignment, and what came out.

For networks that the audit can run but not recognise: what their own lines say is then told as it stands.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import numpy as np

from handgrad.audit.reading.traced import traced

MOST = 400  # statements of one step
MOST_TIMES = 3  # of one line in one call
LARGEST = 1 << 20  # numbers of an array that is copied
Statement = ast.Assign | ast.AugAssign | ast.Return


@dataclass(eq=False)
class Done:
    """One statement that ran.

    Attributes:
        function: the name of the function that it stands in; empty at the top of the file.
        line: of the file's text.
        node: the statement.
        operands: what each name, attribute and entry in it held before it ran, by the text of it.
        result: what it assigned or returned.
        call: which call of the function it belongs to.
    """

    function: str
    line: int
    node: Statement
    operands: dict[str, Any]
    result: Any = None
    call: int = 0


def watch_statements(call: Callable[[], object], filenames: set[str], tree: ast.Module) -> list[Done]:
    """Run `call`; what each statement of the file that makes an array did, the first time that it ran in its call."""
    watcher = _Watcher(filenames, tree)
    with traced(watcher.enter):
        call()
    return [done for done in watcher.done if _is_numbers(done.result)]


@dataclass(eq=False)
class _Watcher:
    filenames: set[str]
    tree: ast.Module
    done: list[Done] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.statements: dict[int, list[Statement]] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.stmt) and (parts := _parts(node)):
                self.statements.setdefault(node.lineno, parts)
        self.pending: dict[FrameType, list[Done]] = {}
        self.calls: dict[FrameType, int] = {}
        self.times: dict[tuple[int, int], int] = {}

    def enter(self, frame: FrameType, event: str, value: Any) -> Any:
        if frame.f_code.co_filename not in self.filenames or tried_out(frame):
            return None
        self.calls[frame] = len(self.calls)  # a frame is held here, so that none takes its place
        return self.follow

    def follow(self, frame: FrameType, event: str, value: Any) -> Any:
        """A line begins or a call ends: the statement before it is done."""
        if event == "exception":
            self.pending.pop(frame, None)
            return self.follow
        for i, last in enumerate(finished := self.pending.pop(frame, [])):
            if isinstance(last.node, ast.Return):
                several = len(finished) > 1 and isinstance(value, tuple) and len(value) == len(finished)
                last.result = value[i] if several else value
            else:
                last.result = read_path(_target(last.node), frame)
            last.result = np.array(last.result) if isinstance(last.result, np.ndarray) else last.result
        nodes = self.statements.get(frame.f_lineno, []) if event == "line" else []
        call = self.calls.get(frame, 0)
        if nodes and self.times.get((call, frame.f_lineno), 0) < MOST_TIMES and len(self.done) < MOST:
            self.times[call, frame.f_lineno] = self.times.get((call, frame.f_lineno), 0) + 1
            name = frame.f_code.co_qualname.replace(".<locals>", "")
            for node in nodes:
                done = Done("" if name == "<module>" else name, frame.f_lineno, node, _operands(node, frame), call=call)
                self.done.append(done)
                self.pending.setdefault(frame, []).append(done)
        return self.follow


def tried_out(frame: FrameType) -> bool:
    """Whether a call only finds out which of a layer's numbers is its share of dropout."""
    return frame.f_back is not None and frame.f_back.f_code.co_name == "_undropped"


def _parts(node: ast.stmt) -> list[Statement]:
    """A statement as those that it is made of: a, b = x.mean(0), x.var(0) is two, h.append(x) is h[-1] = x."""
    match node:
        case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)) if len(names) == len(values):
            return [ast.Assign([name], value) for name, value in zip(names, values, strict=True)]
        case ast.Return(value=ast.Tuple(elts=values)):
            return [ast.Return(value) for value in values]
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr="append", value=held), args=[value])) if is_path(held):
            return [ast.Assign([ast.Subscript(held, ast.Constant(-1), ast.Store())], value)]
        case ast.Assign() | ast.AugAssign():
            return [node]
        case ast.Return(value=value) if value is not None:
            return [node]
    return []


def _target(node: Statement) -> ast.expr | None:
    if isinstance(node, ast.AugAssign):
        return node.target
    return node.targets[0] if isinstance(node, ast.Assign) and len(node.targets) == 1 else None


def _operands(node: Statement, frame: FrameType) -> dict[str, Any]:
    """What the paths in a statement hold: W1, self.b, params['W1'], x.shape."""
    found: dict[str, Any] = {}
    expressions = [node.value, *([node.target] if isinstance(node, ast.AugAssign) else [])]
    for expression in expressions:
        for part in ast.walk(expression) if expression is not None else ():
            if isinstance(part, (ast.Name, ast.Attribute, ast.Subscript)) and is_path(part):
                value = read_path(part, frame)
                if _is_numbers(value):
                    found[ast.unparse(part)] = np.array(value) if isinstance(value, np.ndarray) else value
    return found


def is_path(node: ast.AST) -> bool:
    """Whether an expression only looks something up: W1, self.layers[0].W, params['b' + ...] not."""
    match node:
        case ast.Name():
            return True
        case ast.Attribute(value=value):
            return is_path(value) and node.attr != "T"
        case ast.Subscript(value=value, slice=key):
            return is_path(value) and all(map(_is_key, ast.walk(key)))
    return False


def _is_key(node: ast.AST) -> bool:
    """Whether a part of what stands between brackets only names an entry: 0, -1, k, "W" + str(i), f"W{i}"."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id in ("str", "len") and not node.keywords
    kinds = (ast.Constant, ast.Name, ast.UnaryOp, ast.USub, ast.BinOp, ast.Add, ast.Sub, ast.JoinedStr,
             ast.FormattedValue, ast.Load)  # fmt: skip
    return isinstance(node, kinds)


def read_path(node: ast.AST | None, frame: FrameType) -> Any:
    """What a path holds in a frame; None where it leads nowhere."""
    if node is None or not is_path(node):
        return None
    try:
        looked_up = ast.Expression(ast.parse(ast.unparse(node), mode="eval").body)
        return eval(compile(looked_up, "<explain>", "eval"), frame.f_globals, dict(frame.f_locals))
    except Exception:  # the path may lead anywhere, and this is only looking
        return None


def _is_numbers(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "fiub" and 0 < value.size <= LARGEST
    return isinstance(value, (int, float, np.number, np.bool_))
