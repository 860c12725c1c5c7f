"""Loops: the training loops that stand at the top of a script, each as a function that runs its first round.

What a loop does is often written nowhere else: what is fed to backward, what is reset, what is updated when.
"""

from __future__ import annotations

import ast
import copy
import linecache
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import CodeType, FunctionType, MethodType
from typing import Any

from handgrad.audit.dialects.calling import roles
from handgrad.audit.dialects.edits import callee, resolver
from handgrad.audit.dialects.flow import draws, stores
from handgrad.audit.dialects.rated import with_rate
from handgrad.audit.dialects.roles import CALLED, is_loss
from handgrad.audit.objects import own_classes, own_functions
from handgrad.audit.reading.pruning import MARK

_LONG = 20  # rounds: more is no number of layers


@dataclass(frozen=True)
class Loop:
    """A loop of the user's file.

    Attributes:
        code: it, compiled; one round of its outermost loop.
        line: where it begins.
        names: what it reads or sets.
    """

    code: CodeType
    line: int
    names: frozenset[str]

    def __call__(self, namespace: dict[str, Any]) -> Any:
        """Run it where it stood."""
        exec(self.code, namespace)


def loops(namespace: Mapping[str, Any]) -> list[Loop]:
    """The loops at top level that call something, the last first: scripts try things out before they train."""
    tree, filename = _tree(namespace)
    found = [loop for loop in _top_level(tree.body) if any(isinstance(part, ast.Call) for part in ast.walk(loop))]
    return [_compiled(loop, filename, resolver(namespace)) for loop in reversed(found)]


def _tree(namespace: Mapping[str, Any]) -> tuple[ast.Module, str]:
    program = namespace.get(MARK)
    if program is not None:
        return program.tree, program.filename
    for thing in own_functions(namespace).values():
        return _parsed(thing.__code__.co_filename)
    for kind in own_classes(namespace).values():
        for value in vars(kind).values():
            if hasattr(value, "__code__"):
                return _parsed(value.__code__.co_filename)
    return ast.Module([], []), ""


def _parsed(filename: str) -> tuple[ast.Module, str]:
    try:
        return ast.parse("".join(linecache.getlines(filename))), filename
    except SyntaxError:
        return ast.Module([], []), filename


def _top_level(body: list[ast.stmt]) -> Iterator[ast.For | ast.While]:
    for node in body:
        if isinstance(node, (ast.For, ast.While)):
            yield node
        elif isinstance(node, (ast.If, ast.Try, ast.With)):
            yield from _top_level(node.body)


def _compiled(loop: ast.For | ast.While, filename: str, resolve: Callable[[ast.expr], Any]) -> Loop:
    names = frozenset(part.id for part in ast.walk(loop) if isinstance(part, ast.Name))
    (rated,) = with_rate([_once(loop)], set(), resolve)
    once = ast.fix_missing_locations(ast.copy_location(rated, loop))
    return Loop(compile(ast.Module([once], []), filename, "exec"), loop.lineno, names)


def _once(loop: ast.For | ast.While) -> ast.For | ast.While:
    """The loop with a break at its end, for a second round would be a second step, and so for long loops within."""
    return _ended(_Shortened().visit(copy.deepcopy(loop)))


def _ended(loop: ast.For | ast.While) -> ast.For | ast.While:
    if not isinstance(loop.body[-1], ast.Break):
        loop.body.append(ast.Break())
    return loop


def shortened(body: list[ast.stmt]) -> list[ast.stmt]:
    """A copy in which long loops end after one round: one batch of few rows has nothing for the rest of 60,000."""
    return [_Shortened().visit(copy.deepcopy(one)) for one in body]


class _Shortened(ast.NodeTransformer):
    """Ends after one round every loop whose number of rounds is written as a large number. What only draws goes."""

    def visit_For(self, loop: ast.For) -> ast.AST:
        self.generic_visit(loop)
        return _ended(loop) if _has_rounds(loop) else loop

    def visit_If(self, one: ast.If) -> ast.AST:
        self.generic_visit(one)
        return ast.copy_location(ast.Pass(), one) if draws(one) else one


def _has_rounds(loop: ast.For) -> bool:
    """Whether a loop is long, or a range of which no number is used, each round of it one of training if its length has
    a name, or goes through range(epochs + 1), which for a single epoch has two rounds.
    """
    over = loop.iter
    if _is_long(over):
        return True
    if (_is_range(over) or (_is_range_to(over) and _trains(loop))) and not _uses(loop.body, ast.unparse(loop.target)):
        return True
    added = (n for n in ast.walk(over) if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Add))
    said = {name for one in added for n in ast.walk(one) for name in (getattr(n, "id", ""), getattr(n, "attr", ""))}
    return any("epochs" in roles(name)[:1] for name in said if name)


def _is_long(over: ast.expr) -> bool:
    """range(1000), range(0, 60000, 64), tqdm(range(100))."""
    numbers = [part.value for part in ast.walk(over) if isinstance(part, ast.Constant)]
    calls = [part.func.id for part in ast.walk(over) if isinstance(part, ast.Call) and isinstance(part.func, ast.Name)]
    return "range" in calls and any(isinstance(n, int) and n >= _LONG for n in numbers)


def _is_range(over: ast.expr) -> bool:
    """range(10), range(0, 10)."""
    match over:
        case ast.Call(func=ast.Name(id="range"), args=args):
            return all(isinstance(one, ast.Constant) for one in args)
    return False


def _is_range_to(over: ast.expr) -> bool:
    """range(steps), range(n // batch_size)."""
    return isinstance(over, ast.Call) and isinstance(over.func, ast.Name) and over.func.id == "range"


def _trains(loop: ast.For) -> bool:
    """Whether a round notes a loss or calls an update."""
    nodes = [n for one in loop.body for n in ast.walk(one)]
    updates = any(isinstance(n, ast.Call) and CALLED["update"].search(callee(n).lower()) for n in nodes)
    return updates or any(is_loss(name) for one in loop.body for name in stores(one))


def _uses(body: list[ast.stmt], name: str) -> bool:
    """Whether a loop does more with its number than to show it."""
    nodes = [n for one in body for n in ast.walk(one)]
    prints = [n for n in nodes if isinstance(n, ast.Call) and ast.unparse(n.func) == "print"]
    shown = {id(n) for one in (*prints, *(n for n in nodes if isinstance(n, ast.JoinedStr))) for n in ast.walk(one)}
    return any(isinstance(n, ast.Name) and n.id == name and id(n) not in shown for n in nodes)


def once(function: Callable[..., Any], namespace: Mapping[str, Any]) -> Callable[..., Any]:
    """The same function with such loops ended after one round; itself where it has none, or cannot be made again."""
    plain = getattr(function, "__func__", function)
    if not isinstance(plain, FunctionType):
        return function
    tree, filename = _tree(plain.__globals__ if MARK in plain.__globals__ else namespace)
    mine = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and _begins(n) == plain.__code__.co_firstlineno]
    if (
        filename != plain.__code__.co_filename
        or not mine
        or not any(_has_rounds(n) for n in ast.walk(mine[0]) if isinstance(n, ast.For))
    ):
        return function
    short = ast.fix_missing_locations(ast.Module([_Shortened().visit(copy.deepcopy(mine[0]))], []))
    code = next(c for c in compile(short, filename, "exec").co_consts if isinstance(c, CodeType))
    if code.co_freevars != plain.__code__.co_freevars:
        return function
    again = FunctionType(code, plain.__globals__, plain.__name__, plain.__defaults__, plain.__closure__)
    again.__kwdefaults__, again.__qualname__ = plain.__kwdefaults__, plain.__qualname__
    return MethodType(again, function.__self__) if isinstance(function, MethodType) else again


def _begins(node: ast.FunctionDef) -> int:
    return min([node.lineno, *(d.lineno for d in node.decorator_list)])
