"""Choices: the words that a setting may be, such as "relu", which only the code that compares with them tells."""

from __future__ import annotations

import ast
from collections.abc import Callable
from types import FunctionType
from typing import Any

from handgrad.audit.reading.neighbours import together
from handgrad.audit.reading.pruning import MARK
from handgrad.audit.reading.source import Program


def choices(call: Callable[..., Any], name: str) -> list[str]:
    """The strings with which the user's modules compare an argument of that name of a function or class, in order.

    An attribute that is called as the argument counts as well, and so do the keys of a dictionary that it picks from.
    """
    inside = [call] if isinstance(call, FunctionType) else [*vars(call).values()] if isinstance(call, type) else []
    home = next((f.__globals__ for f in inside if isinstance(f, FunctionType)), None)
    found: list[str] = []
    for names in together(home) if home is not None else ():
        program = names.get(MARK)
        for node in ast.walk(program.tree) if isinstance(program, Program) else ():
            if isinstance(node, ast.Compare) and len(node.ops) == 1 and _word(node.left) == name:
                found += _strings(node.comparators[0])
            elif isinstance(node, ast.Subscript) and _word(node.slice) == name and isinstance(node.value, ast.Dict):
                found += [text for key in node.value.keys if key is not None for text in _strings(key)]
            elif isinstance(node, ast.Match) and _word(node.subject) == name:
                patterns = [n.value for case in node.cases for n in ast.walk(case.pattern) if hasattr(n, "value")]
                found += [text for value in patterns for text in _strings(value)]
    return list(dict.fromkeys(found))


def _word(node: ast.expr) -> str:
    """The name or attribute that stands there, also in lower case by `.lower()`; "" for anything else."""
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not node.args:
        node = node.func.value
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _strings(node: ast.expr) -> list[str]:
    """The strings that stand there, one or several."""
    nodes = node.elts if isinstance(node, ast.Tuple | ast.List | ast.Set) else [node]
    return [n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)]
