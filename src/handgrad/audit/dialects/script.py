"""Scripts: no class at all, forward, backward and update written out in the training loop, or a loop around functions.

The loop is cut out of the file's syntax tree, and one turn of it is the step. Any parameters will do that it changes:
names at top level, dictionaries, lists, attributes of objects.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from handgrad.audit.dialects.edits import callee
from handgrad.audit.dialects.machine import returned
from handgrad.audit.dialects.places import Place
from handgrad.audit.dialects.reading import Reading
from handgrad.audit.dialects.roles import CALLED, called, is_loss, role
from handgrad.audit.dialects.sizes import make
from handgrad.audit.dialects.slices import Slice, scopes, slices, whole
from handgrad.audit.dialects.trying import loops


def read(namespace: dict[str, Any], tree: ast.Module | None = None) -> Iterator[Reading]:
    """Each loop that trains, then each function that is a step of one; nothing without the file's syntax tree."""
    if tree is not None:
        yield from loops(namespace, cuts(tree, alike(namespace)), started(namespace, returned(tree)), dialect)


def alike(namespace: dict[str, Any]) -> dict[str, str]:
    """Arrays whose names tell nothing, with as many rows as data or labels of the file: what may be labels, one-hot or
    whole numbers, for data, and the other way round.
    """
    tables = {n: v for n, v in namespace.items() if isinstance(v, np.ndarray) and 0 < v.ndim < 3 and len(v) > 1}
    rows = {kind: {len(v) for n, v in tables.items() if role(n) == kind} for kind in ("x", "y")}
    found: dict[str, str] = {}
    for name, value in tables.items():
        kind = "y" if np.isin(value, (0, 1)).all() or value.dtype.kind in "iu" else "x"
        if not role(name) and len(value) in rows["x" if kind == "y" else "y"]:
            found[name] = kind
    return found


def cuts(tree: ast.Module, alike: dict[str, str] | None = None) -> list[Slice]:
    """Each loop of a file, those that tell a loss first, then each function that may be a training step.

    An inner loop comes before the one around it, unless only that one tells a loss: after each of its epochs.
    """
    every = [replace(one, alike={} if one.name else alike or {}) for one in scopes(tree)]
    loops = sorted((cut for scope in every for cut in slices(scope)), key=lambda cut: not _tells(cut))
    return loops + [cut for scope in every for cut in whole(scope)]


def _tells(cut: Slice) -> bool:
    """Whether a turn has a name for a loss, or calls a function that is named after one."""
    nodes = [node for one in cut.body for node in ast.walk(one)]
    named = any(isinstance(node, ast.Name | ast.Attribute) and is_loss(_last(node)) for node in nodes)
    return named or any(isinstance(node, ast.Call) and CALLED["loss"].search(callee(node).lower()) for node in nodes)


def _last(node: ast.Name | ast.Attribute) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr


def started(namespace: dict[str, Any], returns: dict[str, list[str]]) -> dict[str, Any]:
    """Parameters that functions such as initialize return, by the names that stand in their `return`."""
    found: dict[str, Any] = {}
    for name, function in called(namespace, "start"):
        names = returns.get(name, [])
        for made in make(function) if names and all(names) else ():
            several = made if isinstance(made, tuple) else (made,)
            if len(several) == len(names):
                found = dict(zip(names, several, strict=True)) | found
    return found


def dialect(places: list[Place]) -> str:
    """What the way of keeping the parameters is called."""
    first = places[0].path
    if not first:
        return "script"
    kinds = [kind for kind, _ in first]
    if kinds[-1] == "item":
        return "dictionaries" if isinstance(first[-1][1], str) else "columns"
    return "unrolled" if len(first) == 1 else "modules"
