"""Given: the plain values with which a file itself calls one of its functions."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from handgrad.audit.dialects.edits import callee
from handgrad.audit.dialects.slices import Scope
from handgrad.audit.reading.pruning import MARK


def called_with(namespace: Mapping[str, Any], scope: Scope) -> dict[str, Any]:
    """Arguments that the file itself gives a function, where they are written as plain values: of several calls the
    first that is not 0.
    """
    program = namespace.get(MARK)
    node = scope.node
    found: dict[str, Any] = {}
    if program is None or node is None:
        return found
    names = [one.arg for one in (*node.args.posonlyargs, *node.args.args)][1 if scope.owner else 0 :]
    for call in ast.walk(program.tree):
        if isinstance(call, ast.Call) and callee(call) == node.name:
            given = [*zip(names, call.args, strict=False), *((k.arg, k.value) for k in call.keywords if k.arg)]
            for name, value in given:
                try:
                    found[name] = found.get(name) or ast.literal_eval(_meant(value, program.tree))
                except ValueError:  # it is worked out
                    continue
    return found


def _meant(value: ast.expr, tree: ast.Module) -> ast.expr:
    """A value, or what the file last binds to its name."""
    if not isinstance(value, ast.Name):
        return value
    bound = [n for n in ast.walk(tree) if isinstance(n, ast.Assign) and len(n.targets) == 1]
    return next((n.value for n in reversed(bound) if ast.dump(n.targets[0]) == _stored(value.id)), value)


def _stored(name: str) -> str:
    return ast.dump(ast.Name(name, ast.Store()))
