"""Trained: the parameters of a program's own tests, by the names under which its training has made them."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Set
from typing import Any

from handgrad.audit.dialects.calling import TRAIN, plain
from handgrad.audit.dialects.edits import reads
from handgrad.audit.dialects.flow import stores
from handgrad.audit.dialects.turns import Loop
from handgrad.audit.dialects.world import copies
from handgrad.audit.inspection import Inspection
from handgrad.audit.properties.naming import last_name

TRAINS = {plain(name) for name in TRAIN}


def trainings(tree: ast.Module) -> frozenset[str]:
    """The plain names of the file's functions that by their names train, and go over batches or epochs themselves."""
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and plain(node.name) in TRAINS)
    return frozenset(plain(f.name) for f in functions if any(isinstance(n, ast.For | ast.While) for n in ast.walk(f)))


def gives_trained(one: ast.stmt) -> bool:
    """Whether a statement keeps what a function returns that trains: params = train(x, y)."""
    return (
        isinstance(one, ast.Assign)
        and isinstance(one.value, ast.Call)
        and isinstance(one.value.func, ast.Name)
        and plain(one.value.func.id) in TRAINS
        and all(isinstance(target, ast.Name | ast.Tuple | ast.List) for target in one.targets)
    )


def trained_names(
    inspection: Inspection, scope: ast.Module | ast.FunctionDef, by: Iterable[ast.stmt], real: dict[str, Any]
) -> dict[str, Any]:
    """The parameters by the names under which a training loop has them, where a test is handed them by these names, or
    where only the training makes them.
    """
    loop = getattr(inspection.reading.subject.parameters, "__self__", None)
    if not isinstance(loop, Loop):
        return {}
    held = {place.root for place in loop.places}
    asked = {one.arg for one in scope.args.args} if isinstance(scope, ast.FunctionDef) else set[str]()
    begun = loop.state | loop.fresh  # as the file made them: in turns their dropout is put aside
    found = copies({name: begun[name] for name in held if name in asked or name not in real})
    for one in by:
        for name, left in _returned(inspection.program.tree, one).items():
            found |= copies({name: begun[left]}) if left in held else {}
    return found


def builds(one: ast.stmt, trained: Set[str]) -> bool:
    """Whether a statement only builds what the training then trains."""
    made = stores(one) if isinstance(one, ast.Assign) else set[str]()
    return bool(made) and made <= trained and not made & reads(one)


def _returned(tree: ast.Module, one: ast.stmt) -> dict[str, str]:
    """The names that params = train(x, y) makes, and by which names the function returns them."""
    if not isinstance(one, ast.Assign) or not isinstance(one.value, ast.Call):
        return {}
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == last_name(one.value.func)]
    ends = [n.value for f in functions[-1:] for n in f.body if isinstance(n, ast.Return) and n.value is not None]
    names = [_written(one.targets[0]), *map(_written, ends)]
    return dict(zip(*names, strict=True)) if len(names) == 2 and len(names[0]) == len(names[1]) else {}


def _written(node: ast.expr) -> list[str]:
    """The names in a target or a value, in their order."""
    several = node.elts if isinstance(node, ast.Tuple | ast.List) else [node]
    return [one.id if isinstance(one, ast.Name) else "" for one in several]
