"""Motion: whether a function says, by what is written in it, that it moves a parameter, even where it never ran."""

from __future__ import annotations

import ast
import re

from handgrad.audit.dialects.calling import UPDATE, plain
from handgrad.audit.properties.lost import onto_itself
from handgrad.audit.properties.naming import last_name
from handgrad.audit.properties.updating import RATES, is_rate

Function = ast.FunctionDef | ast.AsyncFunctionDef
UPDATES = {plain(name) for name in UPDATE}
_LONG = 20  # characters: a longer text is no key
_OF_ARRAYS = ("max", "min", "mean", "sum", "std", "shape", "size")


def steps(function: Function) -> bool:
    """Whether a function says that it updates, even if it did not where it was run, with a learning rate of 0."""
    said = plain(function.name) in UPDATES and function.name != "__call__"
    made = [node for node in ast.walk(function) if isinstance(node, ast.Assign)]
    own = {target.id for node in made for target in node.targets if isinstance(target, ast.Name)}
    return said or any(says_rate(node) or _takes(node, own) for node in ast.walk(function))


def adds(function: Function, read: set[str]) -> bool:
    """Whether it adds to something of which a way forward makes use: self.W += h.T @ error * rate.

    Args:
        function: the function.
        read: what `used` says of the ways forward.
    """
    own = {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    own -= {name for n in ast.walk(function) if isinstance(n, ast.Global | ast.Nonlocal) for name in n.names}
    for node in ast.walk(function):
        if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add):
            root = _without_index(node.target)
            if not (isinstance(root, ast.Name) and root.id in own) and last_name(root) in read:
                return True
    return False


def used(function: Function) -> set[str]:
    """The names and attributes that a function reads, as the last word of each."""
    nodes = (n for n in ast.walk(function) if isinstance(n, ast.Name | ast.Attribute))
    return {last_name(n) for n in nodes if isinstance(n.ctx, ast.Load)}


def _without_index(target: ast.expr) -> ast.expr:
    """W of W[0]["a"]."""
    while isinstance(target, ast.Subscript):
        target = target.value
    return target


def says_rate(node: ast.AST) -> bool:
    """By a name that is given to nothing else; alpha may be the slope of an ELU, and rate that of a dropout."""
    text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
    return plain(text if 0 < len(text) < _LONG else last_name(node)) in RATES


def _takes(node: ast.AST, own: set[str]) -> bool:
    """Whether something other than itself, or a plain number, is taken from what is not made in the function."""
    match node:
        case ast.AugAssign(target=target, op=ast.Sub(), value=value):
            root = _without_index(target)
            made = isinstance(root, ast.Name) and root.id in own
            return not made and not is_number(value) and not by_itself(target, value)
        case ast.Assign(targets=[target], value=ast.BinOp(op=ast.Sub(), right=value)) if onto_itself(node) is not None:
            return not isinstance(target, ast.Name) or any(map(is_rate, ast.walk(value)))
    return False


def by_itself(target: ast.expr, value: ast.expr) -> bool:
    """x of `x -= x.max()`, and self.p of `self.p -= self.p.max()`."""
    said, own = {ast.unparse(part) for part in ast.walk(value) if _names_a_thing(part)}, ast.unparse(target)
    known = {"np", own, *(f"{own}.{one}" for one in _OF_ARRAYS)}
    return isinstance(target, ast.Name | ast.Attribute) and all(
        one in known or own.startswith(f"{one}.") or one.startswith("np.") for one in said
    )


def _names_a_thing(node: ast.AST) -> bool:
    return isinstance(node, ast.Name | ast.Attribute) and bool(re.fullmatch(r"[\w.]+", ast.unparse(node)))


def is_number(value: ast.expr) -> bool:
    """Whether an expression is a plain number, with a sign perhaps."""
    return isinstance(value.operand if isinstance(value, ast.UnaryOp) else value, ast.Constant)
