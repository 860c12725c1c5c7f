"""Given: what the arguments of a function are, by the calls of the file itself, by its names, by their roles."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np

from handgrad.audit.dialects.caller import arrays_handed
from handgrad.audit.dialects.edits import callee
from handgrad.audit.dialects.roles import role
from handgrad.audit.dialects.sizes import deep, setting
from handgrad.audit.dialects.slices import Scope
from handgrad.audit.reading.pruning import MARK

_HANDED = ("weight", "buffer", "")  # roles of what may be an array that the caller has made


def arguments(
    namespace: dict[str, Any],
    scope: Scope,
    filled: Collection[str],
    data: Callable[[Mapping[str, str]], dict[str, Any]],
    sides: tuple[int, int, int],
) -> dict[str, Any]:
    """Arguments of a function from a batch, from names of the file, and from what their own names say.

    Args:
        namespace: the file's names.
        scope: the function.
        filled: the arguments that have a value already.
        data: gives a batch to names of data and labels.
        sides: rows of that batch, features, classes.
    """
    rows, features, classes = sides
    found: dict[str, Any] = {}
    literal = called_with(namespace, scope)
    literal |= _by_callers(namespace, scope, {*filled, *literal}, data)
    for name in scope.arguments:
        default = scope.defaults().get(name)
        plain: Any = None
        if default is not None:
            try:
                plain = eval(compile(ast.Expression(default), "<audit>", "eval"), namespace)
            except Exception:  # a default that needs what is not there
                plain = None
        kind = role(name)
        if name in filled:
            continue
        if kind in ("x", "y"):
            found |= data({name: kind})
        elif kind == "lr":
            found[name] = 0.125
        elif kind == "rows":
            found[name] = rows
        elif name in namespace and not callable(namespace[name]):
            found[name] = namespace[name]
        elif name in literal and setting(name, None) is None:
            found[name] = literal[name]
        elif (value := setting(name, plain or literal.get(name, plain))) is not None:
            known = literal.get(name, plain)
            found[name] = deep(value, known) if isinstance(known, list | tuple) else value
        elif default is not None:
            found[name] = plain
        elif kind == "weight" and name.lower() in ("w", "theta", "weights"):
            found[name] = 0.1 * np.random.default_rng(0).standard_normal((features, classes))
    return found


def _by_callers(
    namespace: dict[str, Any],
    scope: Scope,
    known: Collection[str],
    data: Callable[[Mapping[str, str]], dict[str, Any]],
) -> dict[str, Any]:
    """The arrays that callers make for arguments of which nothing else is known, once for each form of the batch."""
    said = {*known, *namespace, *scope.defaults()}
    unsaid = {n for n in scope.arguments if n not in said and role(n) in _HANDED and setting(n, None) is None}
    form = (frozenset(unsaid), *(np.shape(one) for one in data({"x": "x", "y": "y"}).values()))
    if form not in scope.by_callers:  # to run what stands there takes its time
        scope.by_callers[form] = arrays_handed(namespace, scope, unsaid, data) if unsaid else {}
    return scope.by_callers[form]


def called_with(namespace: Mapping[str, Any], scope: Scope) -> dict[str, Any]:
    """Arguments that the file itself gives a function, where they are written as plain values: of several calls the
    first that is not 0.
    """
    if scope.literals is None:  # every form of a batch asks again
        scope.literals = _written(namespace, scope)
    return dict(scope.literals)


def _written(namespace: Mapping[str, Any], scope: Scope) -> dict[str, Any]:
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
