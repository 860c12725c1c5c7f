"""Unfolding: a script that stands in a function, main(), read as if its statements stood where that is called.

What it builds then stands at top level, where the readers look for it, and its training is held back as any other.
"""

from __future__ import annotations

import ast
import copy
from dataclasses import replace

from handgrad.audit.reading.source import Program

_DEPTH = 3  # main() calls run(), which calls demo()


def unfolded(program: Program) -> Program | None:
    """The program with such functions' statements in place of their calls; None where nothing calls one."""
    functions = {one.name: one for one in program.tree.body if isinstance(one, ast.FunctionDef) and _unfolds(one)}
    unfold = _Unfold(functions)
    body = [new for one in program.tree.body for new in unfold.statement(one, _DEPTH)]
    return replace(program, tree=ast.Module(body, program.tree.type_ignores)) if unfold.count else None


def _unfolds(function: ast.FunctionDef) -> bool:
    """Whether its statements mean the same anywhere: one that takes what it likes, or gives one by one, does not."""
    odd = ast.Yield | ast.YieldFrom | ast.Await | ast.Nonlocal
    return not (function.args.vararg or function.args.kwarg or any(isinstance(n, odd) for n in ast.walk(function)))


class _Unfold:
    def __init__(self, functions: dict[str, ast.FunctionDef]) -> None:
        self.functions, self.count = functions, 0

    def statement(self, node: ast.stmt, depth: int) -> list[ast.stmt]:
        """What stands in place of a statement at top level."""
        if isinstance(node, ast.If):
            inner = [new for one in node.body for new in self.statement(one, depth)]
            return [ast.copy_location(ast.If(node.test, inner, node.orelse), node)]
        match node:
            case ast.Expr(value=ast.Call(func=ast.Name(id=name)) as call) if depth and name in self.functions:
                function = self.functions[name]
            case _:
                return [node]
        bound = _bound(function, call)
        if bound is None:
            return [node]
        self.count += 1
        body: list[ast.stmt] = [_Endless().visit(copy.deepcopy(one)) for one in function.body]
        return [*bound, *(new for one in body for new in self.statement(one, depth - 1))]


class _Endless(ast.NodeTransformer):
    """Lets a statement go on where its function would return, for at top level nothing returns."""

    def visit_Return(self, node: ast.Return) -> ast.stmt:
        return ast.copy_location(ast.Pass(), node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.Lambda:
        return node


def _bound(function: ast.FunctionDef, call: ast.Call) -> list[ast.stmt] | None:
    """Assignments of what a call hands over and of the defaults; None where an argument has no value."""
    arguments = [*function.args.posonlyargs, *function.args.args]
    given: dict[str, ast.expr] = {}
    for one, default in zip(reversed(arguments), reversed(function.args.defaults), strict=False):
        given[one.arg] = default
    for one, value in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True):
        given |= {} if value is None else {one.arg: value}
    given |= {one.arg: value for one, value in zip(arguments, call.args, strict=False)}
    given |= {one.arg: one.value for one in call.keywords if one.arg is not None}
    names = [one.arg for one in (*arguments, *function.args.kwonlyargs)]
    starred = any(isinstance(one, ast.Starred) for one in call.args) or any(one.arg is None for one in call.keywords)
    if starred or len(call.args) > len(arguments) or set(names) != given.keys():
        return None
    made = [ast.Assign([ast.Name(name, ast.Store())], copy.deepcopy(given[name])) for name in names]
    return [ast.fix_missing_locations(ast.copy_location(one, call)) for one in made]
