"""Caller: the arrays that a function is handed where the file calls it, made as the file makes them there.

main() draws the weights and calls train(x, y, w1, b1): what train starts from stands in main alone.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from handgrad.audit.dialects.edits import callee
from handgrad.audit.dialects.flow import free_names, needed, runnable, stores_all
from handgrad.audit.dialects.roles import role
from handgrad.audit.dialects.slices import Scope, first_turns, scopes
from handgrad.audit.dialects.witness import quietly
from handgrad.audit.reading.fence import OutOfTime, time_limit
from handgrad.audit.reading.pruning import MARK, Judge

_SECONDS = 0.5  # for the statements ahead of one call


def arrays_handed(
    namespace: Mapping[str, Any], scope: Scope, names: set[str], data: Callable[[Mapping[str, str]], dict[str, Any]]
) -> dict[str, Any]:
    """The arrays of floats that the first call of a function hands over as some of its arguments.

    Args:
        namespace: the file's names.
        scope: the function.
        names: the arguments.
        data: gives a batch to names of data and labels.
    """
    program = namespace.get(MARK)
    if program is None or scope.node is None or scope.owner:
        return {}
    for before, call in _calls(program.tree, scope.node.name):
        given = [*zip(scope.arguments, call.args, strict=False), *((k.arg, k.value) for k in call.keywords)]
        meant = {name: value.id for name, value in given if name in names and isinstance(value, ast.Name)}
        made = _made(namespace, program.tree, before, set(meant.values()), data) if meant else {}
        found = {name: made[there] for name, there in meant.items() if _is_learned(made.get(there))}
        if found:
            return found
    return {}


def _calls(tree: ast.Module, name: str) -> Iterator[tuple[list[ast.stmt], ast.Call]]:
    """(what stands before it, call) for each call of a function of that name."""
    for scope in scopes(tree):
        body = list(first_turns(scope.body, lambda loop: any(_is_call(n, name) for n in ast.walk(loop))))
        for i, one in enumerate(body):
            if not isinstance(one, ast.FunctionDef | ast.ClassDef):
                yield from ((body[:i], n) for n in ast.walk(one) if isinstance(n, ast.Call) and _is_call(n, name))


def _is_call(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Call) and callee(node) == name


def _made(
    namespace: Mapping[str, Any],
    tree: ast.Module,
    before: list[ast.stmt],
    names: set[str],
    data: Callable[[Mapping[str, str]], dict[str, Any]],
) -> dict[str, Any]:
    """What statements make of some names, with a batch for the data that they would load."""
    local = dict(namespace)
    said = {name: role(name) for name in {*free_names(before), *stores_all(before)}}
    rows = data({name: kind for name, kind in said.items() if kind in ("x", "y")})
    local |= {name: value for name, value in rows.items() if name not in namespace}
    judge = Judge(tree, local)
    for one in needed(before, names, rows):
        try:
            if not judge.objection(one):
                with time_limit(_SECONDS):
                    quietly(lambda one=one: exec(runnable([one], once=False), local))  # type: ignore[misc]
        except (Exception, OutOfTime):  # it wants what is not there
            continue
    return {name: local.get(name) for name in names}


def _is_learned(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"
