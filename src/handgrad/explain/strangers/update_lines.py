"""Watching what somebody's own update does to one weight: the statements that lead from its old value to its new one.

Each is kept with the numbers that stood in it for that weight.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from types import EllipsisType, FrameType
from typing import Any

import numpy as np

from handgrad.audit.reading.traced import traced
from handgrad.core.arrays import Array
from handgrad.explain.strangers.statements import LARGEST, Done, Statement, is_path, read_path

MOST = 4000  # statements of one step


@dataclass(eq=False)
class Change:
    """One statement that made or changed an array of the weight's shape, or a setting.

    Attributes:
        done: the statement, with the numbers that its names held for the weight.
        made: the array that it made or changed.
        used: the arrays that stood in it, by their names.
        whole: a copy of what it made.
        lists: of a list made in one line, what its variables go through.
        place_of: what these lists are called.
        old: of an entry of such a list, what it takes the place of: weights = [w - lr * d for w, d in ...].
    """

    done: Done
    made: int = 0
    used: dict[str, int] = field(default_factory=dict)
    whole: Array | None = None
    lists: dict[str, list[Any]] = field(default_factory=dict)
    place_of: list[str] = field(default_factory=list)
    old: Array | None = None


class UpdateWatcher:
    """Notes what the statements of a file do to the arrays of one shape.

    Args:
        filenames: what the code objects of the file have as `co_filename`.
        tree: the file's syntax tree.
        shape: of the weight's array, in the file's layout.
    """

    def __init__(self, filenames: set[str], tree: ast.Module, shape: tuple[int, ...]) -> None:
        self.filenames, self.shape = filenames, shape
        self.changes: list[Change] = []
        self.pending: dict[FrameType, tuple[Change, ast.expr | None]] = {}
        self.held: list[Any] = []  # so that no id is given again
        self.statements: dict[int, Statement] = {}
        for node in ast.walk(tree):
            if isinstance(node, (ast.Assign, ast.AugAssign)) and _target(node) is not None:
                self.statements.setdefault(node.lineno, node)

    def run(self, call: Callable[[], object]) -> None:
        """Run `call`, watched here and by the trace function that is set already."""
        with traced(_Both(sys.gettrace(), self.enter)):
            call()

    def enter(self, frame: FrameType, event: str, value: Any) -> Any:
        """For `sys.settrace`: a new call begins."""
        return self.follow if frame.f_code.co_filename in self.filenames else None

    def follow(self, frame: FrameType, event: str, value: Any) -> Any:
        """A line begins or a call ends: the statement before it is done."""
        last = self.pending.pop(frame, None)
        if last is not None and event != "exception":
            self._finish(frame, *last)
        node = self.statements.get(frame.f_lineno) if event == "line" else None
        if node is not None and len(self.changes) < MOST:
            name = frame.f_code.co_qualname.replace(".<locals>", "")
            change = Change(Done("" if name == "<module>" else name, node.lineno, node, {}))
            self._operands(frame, node, change)
            change.lists = self._lists(frame, node, change)
            self.pending[frame] = change, _target(node)
        return self.follow

    def _operands(self, frame: FrameType, node: Statement, change: Change) -> None:
        parts = [node.value, *([node.target] if isinstance(node, ast.AugAssign) else [])]
        for expression in parts:
            for part in ast.walk(expression) if expression is not None else ():
                if isinstance(part, (ast.Name, ast.Attribute, ast.Subscript)) and is_path(part):
                    self._operand(ast.unparse(part), read_path(part, frame), change)
                elif isinstance(part, ast.Call) and ast.unparse(part.func) == "len" and len(part.args) == 1:
                    held = read_path(part.args[0], frame)
                    if hasattr(held, "__len__"):
                        change.done.operands[ast.unparse(part)] = len(held)

    def _operand(self, name: str, value: Any, change: Change) -> None:
        if isinstance(value, np.ndarray) and value.dtype.kind in "fiub" and value.size <= LARGEST:
            change.done.operands[name] = value.copy()
            change.used[name] = id(value)
            self.held.append(value)
        elif isinstance(value, (int, float, np.number)):
            change.done.operands[name] = value

    def _finish(self, frame: FrameType, change: Change, target: ast.expr | None) -> None:
        made = read_path(target, frame)
        if isinstance(change.done.node.value, ast.ListComp) and isinstance(made, list):
            self._entries(change, made)
        elif isinstance(made, np.ndarray):
            self._keep(change, made)

    def _keep(self, change: Change, made: Array) -> None:
        if made.shape == self.shape and made.dtype.kind == "f":
            change.made, change.whole = id(made), made.copy()
            self.held.append(made)
            self.changes.append(change)

    def _lists(self, frame: FrameType, node: Statement, change: Change) -> dict[str, list[Any]]:
        """What the variables of a list's loop go through: [w - lr * d for w, d in zip(weights, gradients)]."""
        match node.value:
            case ast.ListComp(generators=[ast.comprehension(target=target, iter=over, ifs=[])]):
                names = target.elts if isinstance(target, ast.Tuple) else [target]
                zipped = over.args if isinstance(over, ast.Call) and ast.unparse(over.func) == "zip" else [over]
                lists = [read_path(one, frame) for one in zipped]
                if len(names) == len(lists) and all(isinstance(one, (list, tuple)) for one in lists):
                    change.place_of = [ast.unparse(one) for one in zipped]
                    return {ast.unparse(name): list(held) for name, held in zip(names, lists, strict=True)}
        return {}

    def _entries(self, change: Change, made: list[Any]) -> None:
        """A list that was made in one line, entry by entry, as if each had a line of its own."""
        node = change.done.node
        assert isinstance(node, ast.Assign)
        assert isinstance(node.value, ast.ListComp)
        into = ast.unparse(node.targets[0])
        for k, value in enumerate(made):
            target = ast.Subscript(node.targets[0], ast.Constant(k), ast.Store())
            one = ast.Assign([target], node.value.elt, lineno=node.lineno)
            entry = Change(Done(change.done.function, change.done.line, one, dict(change.done.operands)))
            for name, held in change.lists.items():
                if k < len(held):
                    self._operand(name, held[k], entry)
            sources = zip(change.place_of, change.lists.values(), strict=True)
            entry.old = next((held[k] for name, held in sources if k < len(held) and name == into), None)
            if isinstance(value, np.ndarray):
                self._keep(entry, value)

    # -- what was seen

    def after(self, before: Array) -> Array | None:
        """What the statements made of a parameter that was `before`; None where none changed it."""
        now: Array | None = None
        for change in self.changes:
            target = _target(change.done.node)
            own = change.old if target is None else change.done.operands.get(ast.unparse(target), change.old)
            if _same(own, before if now is None else now):
                now = change.whole
        return now

    def chain(self, after: Array, alone: Array, whole: Array) -> list[Done]:
        """The statements that lead to a weight's new value, in order; empty where nobody saw one that gives it.

        Args:
            after: the weight's whole array after the step, in the file's layout, as all of these.
            alone: the gradient at which the way back ended: it was told already.
            whole: the same with what the loss charges for the weights.
        """
        last = next((k for k in range(len(self.changes) - 1, -1, -1) if _same(self.changes[k].whole, after)), None)
        if last is None:
            return []
        told = {k for k, change in enumerate(self.changes) if _same(change.whole, alone)}
        told |= {k for k, one in enumerate(self.changes) if _same(one.whole, whole) and not self._in_place(k)}
        return [self._done(self.changes[k]) for k in sorted(self._before(last, told))]

    def _done(self, change: Change) -> Done:
        change.done.result = change.whole
        return change.done

    def _before(self, last: int, told: set[int]) -> set[int]:
        """The statements that one depends on, with itself."""
        found, left = {last}, [last]
        while left:
            k = left.pop()
            arrays = {*self.changes[k].used.values(), *([self.changes[k].made] if self._in_place(k) else [])}
            needed = {earlier for earlier in range(k) if self.changes[earlier].made in arrays} - told - found
            found |= needed
            left += needed
        return found

    def _in_place(self, k: int) -> bool:
        return isinstance(self.changes[k].done.node, ast.AugAssign)


class _Both:
    """Two trace functions at once."""

    def __init__(self, first: Any, second: Any) -> None:
        self.first, self.second = first, second

    def __call__(self, frame: FrameType, event: str, value: Any) -> Any:
        first = self.first(frame, event, value) if self.first is not None else None
        second = self.second(frame, event, value) if self.second is not None else None
        return _Both(first, second) if first is not None or second is not None else None


def _target(node: ast.AST) -> ast.expr | None:
    """What a statement gives a value to: of m[:] = ... m itself."""
    if isinstance(node, ast.AugAssign):
        return _whole(node.target)
    return _whole(node.targets[0]) if isinstance(node, ast.Assign) and len(node.targets) == 1 else None


def _whole(target: ast.expr) -> ast.expr:
    match target:
        case ast.Subscript(value=value, slice=ast.Slice(lower=None, upper=None) | ast.Constant(value=EllipsisType())):
            return value
    return target


def _same(made: Any, other: Array) -> bool:
    return made is not None and np.array_equal(made, other)
