"""Swap: an edit is put to work in the live code of a file, without running the file anew, and taken out again.

Functions keep their identity and get another `__code__`; a loop that was cut out of the file has its turn compiled
anew.
"""

from __future__ import annotations
import __future__

import ast
import copy
import gc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType, FunctionType, SimpleNamespace
from typing import Any

from handgrad.audit.dialects.edits import RATE, Losses, forgiven, resolver
from handgrad.audit.dialects.flow import ONCE, runnable, without_missing
from handgrad.audit.dialects.loops import Loop as TopLoop
from handgrad.audit.dialects.loops import loops, once
from handgrad.audit.dialects.rated import with_rate
from handgrad.audit.dialects.scalars import ScalarLoop
from handgrad.audit.dialects.turns import Loop as Turn
from handgrad.audit.inspection import Inspection
from handgrad.audit.reading.pruning import MARK
from handgrad.audit.repair.edits import Replacements
from handgrad.audit.repair.source_text import SourceText, blocks
from handgrad.audit.subject import Subject

_MANY = 50  # functions of one code are made anew in each step, and need no swap
Swaps = list[tuple[Any, str, Any]]  # (owner, attribute, what it becomes)


class Live:
    """The live code of an inspected file: functions, and loops that were cut out of it."""

    def __init__(self, inspection: Inspection, source: SourceText) -> None:
        self.program, self.namespace, self.source = inspection.program, inspection.namespace, source
        filename = self.program.filename
        everything = gc.get_objects()
        found = [one for one in everything if type(one) is FunctionType and one.__code__.co_filename == filename]
        counts = Counter(id(one.__code__) for one in found)
        self.functions = [one for one in found if counts[id(one.__code__)] <= _MANY]
        self.loops = [one for one in everything if type(one) is TopLoop and one.code.co_filename == filename]
        subject = inspection.reading.subject
        self.turn = next((one for one in owners(subject) if isinstance(one, Turn | ScalarLoop)), None)
        self._kept: list[ast.stmt] | None = None
        self._literal = self._returns = False
        self.flags = 0
        for node in self.program.tree.body:
            if isinstance(node, ast.ImportFrom) and node.module == "__future__":
                for alias in node.names:
                    self.flags |= getattr(getattr(__future__, alias.name, None), "compiler_flag", 0)
        self._whole: dict[tuple[ast.stmt, tuple[ast.stmt, ...]], list[CodeType]] = {}

    @contextmanager
    def at_work(self, replaced: Replacements) -> Iterator[bool]:
        """While this lasts, an edit is in force; yields whether it reached any code that is alive.

        Raises: SyntaxError or ValueError where it makes no code.
        """
        before: Swaps = []
        try:
            for owner, name, new in self._swaps(replaced):
                before.append((owner, name, getattr(owner, name)))
                object.__setattr__(owner, name, new)
            yield bool(before)
        finally:
            for owner, name, old in reversed(before):
                object.__setattr__(owner, name, old)

    def _swaps(self, replaced: Replacements) -> Iterator[tuple[Any, str, Any]]:
        tops: dict[ast.stmt, None] = dict.fromkeys(self.source.top(node) for node in replaced)
        for top in tops:
            yield from self._functions(top, replaced)
        if self.turn is not None:
            first, last = self.turn.cut.lines
            if any(first <= node.lineno <= last for node in replaced):
                yield self.turn, "code", self._turn_code(self.turn, replaced)
        elif self.loops and any(self.source.function(node) is None for node in replaced):
            yield from self._top_loops(replaced)

    def _functions(self, top: ast.stmt, replaced: Replacements) -> Iterator[tuple[Any, str, Any]]:
        new_top = rebuilt(top, replaced)
        kept = _methods(top, replaced)
        key = (top, tuple(kept))
        if key not in self._whole:
            self._whole[key] = _codes(self._compiled(_only(top, top, kept)))
        old, new = self._whole[key], _codes(self._compiled(_only(top, new_top[0], kept)))
        pairs = _pairs(old, new)
        for function in self.functions:
            code = function.__code__
            made = pairs[code] if code in pairs else self._shortened(function, new, new_top[0])
            if made is not None and made != code and made.co_freevars == code.co_freevars:
                yield function, "__code__", made

    def _compiled(self, top: ast.stmt) -> CodeType:
        made: CodeType = compile(
            ast.Module([top], []), self.program.filename, "exec", flags=self.flags, dont_inherit=True
        )
        return made

    def _shortened(self, function: FunctionType, new: list[CodeType], top: ast.stmt) -> CodeType | None:
        """The code of a function that was made again with its long loops cut short, cut short again."""
        code = function.__code__
        if not any(c.co_name == code.co_name and c.co_firstlineno == code.co_firstlineno for c in new):
            return None
        whole = next(c for c in new if c.co_name == code.co_name and c.co_firstlineno == code.co_firstlineno)
        if whole.co_freevars != code.co_freevars:
            return None
        again = FunctionType(whole, function.__globals__, closure=function.__closure__)
        tree = SimpleNamespace(tree=ast.Module([top], []), filename=self.program.filename)
        short: Any = once(again, {MARK: tree})
        made: CodeType | None = None if short is again else short.__code__
        return made

    def _turn_code(self, turn: Turn | ScalarLoop, replaced: Replacements) -> CodeType:
        """The turn of a loop with statements replaced. The rest of its tree is shared, for copying it is dear."""
        if self._kept is None:
            self._kept = forgiven(_kept_of(turn))
            nodes = [n for one in self._kept for n in ast.walk(one)]
            self._literal = any(isinstance(n, ast.Name) and n.id == RATE for n in nodes)
            self._returns = any(isinstance(n, ast.Return | ast.Global | ast.Nonlocal) for n in nodes)
        roots = {turn.name} if isinstance(turn, ScalarLoop) else {place.root for place in turn.places}
        resolve = resolver(turn.namespace | turn.state)

        def put(made: list[ast.stmt]) -> list[ast.stmt]:
            return (
                [ast.fix_missing_locations(one) for one in with_rate(made, roots, resolve)] if self._literal else made
            )

        body = _put(self._kept, {_place(node): made for node, made in replaced.items()}, put)
        if self._returns:
            found: CodeType = runnable(body, once=True)
            return found
        whole = ast.For(ast.Name(ONCE, ast.Store()), ast.Tuple([ast.Constant(0)], ast.Load()), body or [ast.Pass()], [])
        for node in (whole, whole.target, whole.iter, whole.iter.elts[0]):  # type: ignore[attr-defined]
            ast.copy_location(node, turn.cut.body[0])
        return compile(ast.Module([whole], []), "<audit>", "exec")

    def _top_loops(self, replaced: Replacements) -> Iterator[tuple[Any, str, Any]]:
        body = [new for one in self.program.tree.body for new in rebuilt(one, replaced)]
        namespace = {MARK: SimpleNamespace(tree=ast.Module(body, []), filename=self.program.filename)}
        made = {one.line: one for one in loops(namespace)}
        for old in self.loops:
            if old.line in made and made[old.line].code != old.code:
                yield old, "code", made[old.line].code


def owners(subject: Subject) -> list[Any]:
    """The objects of the dialects whose methods a subject's calls are."""
    calls = (subject.parameters, subject.step, subject.gradients, subject.loss)
    return [one for call in calls if (one := getattr(call, "__self__", None)) is not None]


def _kept_of(turn: Turn | ScalarLoop) -> list[ast.stmt]:
    """The statements of a turn, as they were before it was compiled."""
    if isinstance(turn, Turn):
        return turn.kept
    body = without_missing(
        Losses().give(copy.deepcopy(turn.cut.body)), {*turn.namespace, *turn.cut.inputs, *turn.cut.targets, RATE}
    )
    return with_rate(body, {turn.name}, resolver(turn.namespace))


def rebuilt(node: ast.stmt, replaced: Replacements) -> list[ast.stmt]:
    """A statement with those below it replaced; nodes on the way are copied, all others shared with the old tree."""
    inside = [one for one in replaced if node.lineno <= one.lineno <= (node.end_lineno or node.lineno)]
    if not inside:
        return [node]
    if getattr(node, "body", None):
        made = copy.copy(node)
        if node in replaced:
            found = replaced[node]
            head = next((one for one in found if type(one) is type(node)), None)
            for name in ("iter", "target", "test", "items"):
                if head is not None and hasattr(head, name):
                    setattr(made, name, getattr(head, name))
            at = found.index(head) if head is not None else 0
            before, after = found[:at], found[at + 1 :]
        else:
            before, after = [], []
        _rebuild_blocks(made, replaced)
        return [*before, made, *after]
    return replaced.get(node, [node])


def _rebuild_blocks(made: ast.AST, replaced: Replacements) -> None:
    for name in ("body", "orelse", "finalbody"):
        block = getattr(made, name, None)
        if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
            new = [x for one in block for x in rebuilt(one, replaced)]
            setattr(made, name, new or [ast.copy_location(ast.Pass(), block[0])])
    if isinstance(made, ast.Try):
        handlers = [copy.copy(one) for one in made.handlers]
        for one in handlers:
            _rebuild_blocks(one, replaced)
        made.handlers = handlers


def _place(node: ast.stmt) -> tuple[int, int, int | None, int | None]:
    return node.lineno, node.col_offset, node.end_lineno, node.end_col_offset


def _put(body: list[ast.stmt], by_place: dict[Any, list[ast.stmt]], made: Any) -> list[ast.stmt]:
    """A body whose statements come from another tree, replaced by their places."""
    found: list[ast.stmt] = []
    for one in body:
        new = by_place.get(_place(one)) if hasattr(one, "lineno") else None
        if not list(blocks(one)) and not isinstance(one, ast.Try):
            found += made([copy.deepcopy(x) for x in new]) if new is not None else [one]
            continue
        one = copy.copy(one)
        before: list[ast.stmt] = []
        after: list[ast.stmt] = []
        head = next((x for x in new or [] if type(x) is type(one)), None)
        if new is not None and head is not None:
            for name in ("iter", "target", "test", "items"):
                if hasattr(head, name):
                    setattr(one, name, getattr(head, name))
            at = new.index(head)
            before, after = made(new[:at]), made(new[at + 1 :])
        for name in ("body", "orelse", "finalbody"):
            block = getattr(one, name, None)
            if isinstance(block, list) and block:
                setattr(one, name, _put(block, by_place, made) or [ast.Pass()])
        found += [*before, one, *after]
    return found


def _methods(top: ast.stmt, replaced: Replacements) -> list[ast.stmt]:
    """Of a class the members that an edit touches; they alone need compiling."""
    if not isinstance(top, ast.ClassDef):
        return []
    return [one for one in top.body if any(one.lineno <= n.lineno <= (one.end_lineno or one.lineno) for n in replaced)]


def _only(top: ast.stmt, made: ast.stmt, kept: list[ast.stmt]) -> ast.stmt:
    """A class with nothing but some members, as they are in an edited copy of it; anything else as it is."""
    if not isinstance(top, ast.ClassDef) or not isinstance(made, ast.ClassDef):
        return made
    lines = {one.lineno for one in kept}
    small = copy.copy(made)
    small.body = [one for one in made.body if one.lineno in lines] or [ast.copy_location(ast.Pass(), made)]
    return small


def _codes(code: CodeType) -> list[CodeType]:
    """All code below a code, in the order of the text."""
    inner = [one for one in code.co_consts if isinstance(one, CodeType)]
    return [found for one in inner for found in (one, *_codes(one))]


def _pairs(old: list[CodeType], new: list[CodeType]) -> dict[CodeType, CodeType]:
    """Each old code with the new one of the same name, line and rank among its like."""
    by_key: dict[tuple[str, int], list[CodeType]] = {}
    for one in new:
        by_key.setdefault((one.co_qualname, one.co_firstlineno), []).append(one)
    found: dict[CodeType, CodeType] = {}
    for one in old:
        several = by_key.get((one.co_qualname, one.co_firstlineno), [])
        if several:
            found[one] = several.pop(0)
    return found
