"""Flow: what statements read, bind and change, which of them are needed, and how they become code that can be run."""

from __future__ import annotations

import ast
import builtins
import copy
from collections.abc import Collection
from typing import Any

from handgrad.audit.dialects.edits import base, callee, reads
from handgrad.audit.dialects.roles import is_loss

ONCE = "_once_"
_QUIET = {"print", "input", "display", "show", "sleep", "savefig"}
_DRAWS = ("plt", "ax", "axes", "fig")
_SHOWS = (*_DRAWS, "writer", "logger", "logging", "wandb", "pbar")


def stores(node: ast.AST) -> set[str]:
    """All names that are bound anywhere below."""
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def touches(node: ast.AST) -> set[str]:
    """Names that are bound or whose object may be changed: W1 = ..., p['W1'] = ..., layers.append(...)."""
    found = {n.name for n in ast.walk(node) if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    for n in ast.walk(node):
        if isinstance(n, ast.Name | ast.Subscript | ast.Attribute) and isinstance(n.ctx, ast.Store):
            found.add(base(n))
        elif isinstance(n, ast.Expr) and isinstance(n.value, ast.Call) and isinstance(n.value.func, ast.Attribute):
            found.add(base(n.value.func))
        elif isinstance(n, ast.Import | ast.ImportFrom):
            found |= {(a.asname or a.name).split(".")[0] for a in n.names}
    return found - {""}


def free_names(body: list[ast.stmt]) -> list[str]:
    """Names that a body reads before it binds them itself, in the order of reading."""
    bound: set[str] = set()
    found: list[str] = []
    for one in body:
        inner = stores(one) if isinstance(one, ast.For | ast.While | ast.If | ast.With) else set()
        loose = {
            n.id
            for n in ast.walk(one)
            if isinstance(n, ast.comprehension)
            for n in ast.walk(n.target)
            if isinstance(n, ast.Name)
        }
        early = _early(one, bound) if isinstance(one, ast.If | ast.For | ast.While | ast.With) else reads(one) - bound
        names = sorted(early - loose)
        if isinstance(one, ast.AugAssign):
            names += [base(one.target)] if base(one.target) not in bound else []
        found += [name for name in names if name not in found]
        bound |= stores(one) | inner
    return [name for name in found if name and not hasattr(builtins, name)]


def _early(one: ast.stmt, bound: set[str]) -> set[str]:
    """Names that a compound statement reads before it binds them."""
    if isinstance(one, ast.For):
        return (reads(one.iter) - bound) | (set(free_names(one.body)) - bound - stores(one.target))
    if isinstance(one, ast.While | ast.If):
        inner = set(free_names(one.body)) | set(free_names(one.orelse))
        return (reads(one.test) - bound) | (inner - bound)
    return reads(one) - stores(one) - bound


def needed(before: list[ast.stmt], names: set[str], given: Collection[str] = ()) -> list[ast.stmt]:
    """Of the statements before a loop, those that lead to some names, and no others. Loops in between run whole.

    What leads to names that are given, such as the loading of data, is not needed.
    """
    kept: list[ast.stmt] = []
    wanted = set(names)
    for one in reversed(before):
        if isinstance(one, ast.Expr) and _is_quiet(one):
            continue
        if touches(one) & wanted:
            kept.append(copy.deepcopy(one))
            wanted |= reads(one) - set(given)
    return kept[::-1]


def _is_quiet(one: ast.stmt) -> bool:
    """Whether a statement only shows something."""
    if not isinstance(one, ast.Expr) or not isinstance(one.value, ast.Call):
        return False
    return callee(one.value) in _QUIET or base(one.value.func) in _SHOWS


def draws(one: ast.If) -> bool:
    """Whether what is done now and then only draws a picture, of all that the network says of a plane perhaps."""
    nodes = [n for part in (*one.body, *one.orelse) for n in ast.walk(part)]
    calls = [n.value for n in nodes if isinstance(n, ast.Expr) and isinstance(n.value, ast.Call)]
    drawn = any(base(call.func) in _DRAWS for call in calls)
    kept = any(isinstance(n, ast.AugAssign | ast.Break | ast.Return) for n in nodes)
    return drawn and not (kept or any(map(is_loss, stores_all(one.body))))


def without_missing(body: list[ast.stmt], known: set[str]) -> list[ast.stmt]:
    """The body without the lines that need names which are not there, and without those that need what they made."""
    missing = {name for name in free_names(body) if name not in known}
    kept = []
    for one in body:
        if _is_quiet(one) or (reads(one) & missing and isinstance(one, ast.Assign | ast.Expr | ast.AugAssign)):
            missing |= stores(one)
            continue
        if isinstance(one, ast.If):
            one.body = without_missing(one.body, known | (stores_all(body) - missing)) or [ast.Pass()]
            if reads(one.test) & missing:
                continue
        missing -= stores(one)
        kept.append(one)
    return kept


def stores_all(body: list[ast.stmt]) -> set[str]:
    """All names that a body binds."""
    return {name for one in body for name in stores(one)}


class _Returns(ast.NodeTransformer):
    """Ends the turn where a function would return; what is nested stays as it is."""

    def visit_Return(self, node: ast.Return) -> ast.stmt:
        return ast.copy_location(ast.Break(), node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.stmt:
        return node

    def visit_Global(self, node: ast.Global) -> ast.stmt:
        return ast.copy_location(ast.Pass(), node)

    visit_Nonlocal = visit_Global  # type: ignore[assignment]


def runnable(body: list[ast.stmt], *, once: bool) -> Any:
    """Compiled code; `once` wraps it so that `break` and `continue` end the turn."""
    inner: list[ast.stmt] = [_Returns().visit(copy.deepcopy(one)) for one in body] or [ast.Pass()]
    if once:
        loop = ast.For(ast.Name(ONCE, ast.Store()), ast.Tuple([ast.Constant(0)], ast.Load()), inner, [])
        inner = [loop]
    tree = ast.fix_missing_locations(ast.Module(inner, []))
    return compile(tree, "<audit>", "exec")
