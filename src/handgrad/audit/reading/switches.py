"""Switches: what a program turns over once it has trained, so that its layers are as they are for a test.

An audit holds the training back. What it judges is how the network trains, and so a switch is held back as well.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from typing import Any

_SHARE = re.compile(r"drop|keep", re.IGNORECASE)
_MODE = re.compile(r"mode|train", re.IGNORECASE)


def switches(node: ast.stmt, resolve: Callable[[ast.expr], Any]) -> bool:
    """Whether a statement turns over a flag, `training[0] = False`, or a share, `drop.rate = 0.0`, of one layer or of
    all, or calls a function that does.

    Args:
        node: the statement.
        resolve: tells what an expression stands for now; None where that is not known.
    """
    match node:
        case ast.Assign(targets=[target], value=ast.Constant(value=bool(value))):
            return _held(target, resolve) is (not value)
        case ast.Assign(targets=[target], value=ast.Constant(value=int() | float())):
            return bool(_SHARE.search(ast.unparse(target))) and isinstance(_held(target, resolve), float)
        case ast.Expr(value=ast.Call(func=func, args=[ast.Constant(value=bool())], keywords=[])):
            return bool(_MODE.search(ast.unparse(func)))
        case ast.For(target=ast.Name(id=each)):
            inner = [
                one for one in ast.walk(node) if isinstance(one, ast.stmt) and not isinstance(one, ast.For | ast.If)
            ]
            return all(_of_each(one, each) for one in inner)
    return False


def _of_each(node: ast.stmt, each: str) -> bool:
    """Whether a statement sets a flag or a share of what a loop goes over: `layer.training = False`."""
    match node:
        case ast.Assign(targets=[ast.Attribute(value=ast.Name(id=name)) as target], value=ast.Constant(value=value)):
            return name == each and (isinstance(value, bool) or bool(_SHARE.search(target.attr)))
    return False


def _held(target: ast.expr, resolve: Callable[[ast.expr], Any]) -> Any:
    """What a name, an attribute, or an item of a list or dictionary holds now."""
    if not isinstance(target, ast.Subscript):
        return resolve(target)
    several: Any = resolve(target.value)
    if not isinstance(several, dict | list) or not isinstance(target.slice, ast.Constant):
        return None
    key: Any = target.slice.value
    try:
        return several[key]
    except (LookupError, TypeError):
        return None
