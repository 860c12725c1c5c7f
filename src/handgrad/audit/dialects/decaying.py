"""Decaying: whether what an object calls its decay is one of weights, and not of a learning rate or of an average."""

from __future__ import annotations

import ast
import inspect
import linecache
import re
from functools import lru_cache

_PARAMETER = re.compile(r"(w|weights?|params?|parameters?|p|theta|data|value|b|bias|biases)_?\d*", re.I)
_SIZES = re.compile(r"sum\(.*(\*\* ?2|square|abs)|(vdot|norm)\(")


def decays_weights(kind: type, name: str) -> bool:
    """Whether the file of a class multiplies what has that name with a parameter, or with the sizes of some."""
    codes = (f.__code__ for f in vars(kind).values() if inspect.isfunction(f))
    return any(_multiplies(code.co_filename, name) for code in codes)


@lru_cache(maxsize=64)
def _multiplies(filename: str, name: str) -> bool:
    try:
        tree = ast.parse("".join(linecache.getlines(filename)))
    except (SyntaxError, ValueError):
        return False
    products = (node for node in ast.walk(tree) if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult))
    sides = (side for one in products for side in ((one.left, one.right), (one.right, one.left)))
    return any(_holds(strength, name) and _of_weights(of) for strength, of in sides)


def _of_weights(node: ast.expr) -> bool:
    return bool(_PARAMETER.fullmatch(_name(node))) or (
        isinstance(node, ast.Call) and bool(_SIZES.search(ast.unparse(node)))
    )


def _holds(node: ast.expr, name: str) -> bool:
    return any(_name(part) == name for part in ast.walk(node))


def _name(node: ast.AST) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(value=value):
            return _name(value)
    return ""
