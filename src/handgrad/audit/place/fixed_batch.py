"""Fixed batch: the division by a number that was a batch's size when it was written, found by that very number.

The figures tell the number: gradients that are B/50 of what they should be in a batch of B were divided by 50.
"""

from __future__ import annotations

import ast

from handgrad.audit.findings import Finding
from handgrad.audit.inspection import Inspection

_NEAR = 1e-4  # relative: a factor that was measured, for the network is not known
_SMALLEST = 8  # rows of a batch that somebody fixes


def fixed_batch_line(inspection: Inspection, finding: Finding) -> int | None:
    """The first line in a function, else in the file, that divides by the number which the figures give."""
    factor, rows = finding.measured.get("factor"), finding.measured.get("rows")
    if finding.code != "batch-dependent-factor" or not isinstance(factor, float) or not isinstance(rows, int | float):
        return None
    number = rows / factor if factor else 0.0
    if abs(number - round(number)) > _NEAR * abs(number) or round(number) < 2:
        return None
    outputs = inspection.reading.subject.classes  # a mean over batch and outputs divides by both at once
    at = _dividing(inspection.program.tree, round(number))
    return at or (_dividing(inspection.program.tree, round(number) * outputs, parts=False) if outputs > 1 else None)


def _dividing(tree: ast.Module, number: int, *, parts: bool = True) -> int | None:
    """The first line in a function, else in the file, that divides by a number, or by a name that stands for it."""
    names = _bound_to(tree, number)
    spread = {id(part) for n in ast.walk(tree) if _is_spread(n) for part in ast.walk(n)}
    divisions = (n for n in ast.walk(tree) if isinstance(n, ast.BinOp | ast.AugAssign) and id(n) not in spread)
    lines = sorted(node.lineno for node in divisions if _divides(node, number, names))
    lines = lines or (_only_one(tree, number) if parts else [])
    inside = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name != "__init__"]
    for scope in inside if not lines else ():  # a name that stands for something else in other functions
        own = _bound_to(scope, number)
        shares = (n for n in ast.walk(scope) if isinstance(n, ast.BinOp | ast.AugAssign))
        lines += sorted(n.lineno for n in shares if _divides(n, number, own))
    within = [line for line in lines if any(n.lineno < line <= (n.end_lineno or 0) for n in inside)]
    at = next(iter(within or lines), None)
    return at if at is None else _fixed_there(inside, at, number) or at


def _fixed_there(functions: list[ast.FunctionDef], at: int, number: int) -> int | None:
    """The line that gives the number a name, where that is the function's own: it stands for the size of its batch."""
    around = [one for one in functions if one.lineno < at <= (one.end_lineno or 0)]
    for scope in around[-1:]:
        divided = {_name(n.right) for n in ast.walk(scope) if isinstance(n, ast.BinOp) and n.lineno == at}
        for node in ast.walk(scope):
            if isinstance(node, ast.Assign) and _bound_to(node, number) & divided - {""}:
                return node.lineno
    return None


def _only_one(tree: ast.Module, number: int) -> list[int]:
    """The one line in a function that divides by a part of the number: a step of momentum has another factor, too."""
    scopes = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name != "__init__"]
    found = [node for scope in scopes for node in ast.walk(scope) if isinstance(node, ast.BinOp | ast.AugAssign)]
    lines = {node.lineno for node in found if _by_part(node, number)}
    return sorted(lines) if len(lines) == 1 else []


def _by_part(node: ast.AST, number: int) -> bool:
    match node:
        case (
            ast.BinOp(op=ast.Div(), right=ast.Constant(value=int(by)))
            | ast.AugAssign(op=ast.Div(), value=ast.Constant(value=int(by)))
        ):
            return _SMALLEST <= by < number and number % by == 0
    return False


def _bound_to(tree: ast.AST, number: int) -> set[str]:
    """Names and attributes that are only ever bound to this number."""
    right: set[str] = set()
    wrong: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            fits = isinstance(node.value, ast.Constant) and node.value.value == number
            for target in node.targets:
                (right if fits else wrong).add(_name(target))
    return right - wrong - {""}


def _divides(node: ast.AST, number: int, names: set[str]) -> bool:
    match node:
        case ast.BinOp(op=ast.Div(), right=by) | ast.AugAssign(op=ast.Div(), value=by):
            return (isinstance(by, ast.Constant) and by.value == number) or _name(by) in names
    return False


def _is_spread(node: ast.AST) -> bool:
    """Whether it is how far weights are to lie apart, sqrt(2 / 64) or (2 / 64) ** 0.5: that divides by their inputs."""
    match node:
        case ast.BinOp(op=ast.Pow()) | ast.Call(func=ast.Name(id="sqrt") | ast.Attribute(attr="sqrt")):
            return True
    return False


def _name(node: ast.AST) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""
