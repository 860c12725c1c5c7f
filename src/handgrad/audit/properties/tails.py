"""Tails: names of a training loop that only hold on to gradients, as averages do, and that the network never reads."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np

from handgrad.audit.dialects.edits import base
from handgrad.audit.dialects.roles import role
from handgrad.audit.properties.lost import onto_itself
from handgrad.audit.properties.naming import last_name

_COUNTING = {"len", "zip", "range", "enumerate", "list", "reversed"}
_MOST = 64  # entries of a container


def tails(tree: ast.Module, loop: ast.For | ast.While, namespace: Mapping[str, Any]) -> set[str]:
    """Names that are set after the loop's first product for a gradient, and read nowhere but after it, in the loop.

    What is changed in place must be known to be no other name's array, and nothing that a function is handed counts.
    """
    made = [node for node in ast.walk(loop) if isinstance(node, ast.Assign)]
    moved = {base(node.target) for node in ast.walk(loop) if isinstance(node, ast.AugAssign)}
    moved |= {base(node.targets[0]) for node in made if onto_itself(node) is not None}
    both = straight(loop)
    first = min((node.lineno for node in made if turned_product(node.value, moved, both)), default=None)
    if first is None:
        return set()
    within = {id(node) for node in ast.walk(loop)}
    handed = {id(part) for node in ast.walk(tree) if isinstance(node, ast.Call) and not _harmless(node)
              for part in ast.walk(node)}  # fmt: skip
    read: dict[str, list[ast.Name]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            read.setdefault(node.id, []).append(node)
    stores = list(_stores(loop, first))
    return {
        name for name, _ in stores
        if all(id(one) in within and one.lineno >= first and id(one) not in handed for one in read.get(name, []))
        and (all(whole for other, whole in stores if other == name) or _own(name, namespace))
    }  # fmt: skip


def straight(loop: ast.AST) -> set[str]:
    """The names that stand in a product as they are, too: h @ W beside d @ W.T shows that the latter goes back."""
    turned = {id(n.value) for n in ast.walk(loop) if isinstance(n, ast.Attribute) and n.attr == "T"}
    products = (n for n in ast.walk(loop) if isinstance(n, ast.BinOp) and isinstance(n.op, ast.MatMult))
    calls = (n for n in ast.walk(loop) if isinstance(n, ast.Call) and last_name(n.func) in ("dot", "matmul"))
    factors = [side for one in products for side in (one.left, one.right)] + [arg for one in calls for arg in one.args]
    return {base(one) for one in factors if id(one) not in turned and not isinstance(one, ast.Attribute)} - {""}


def turned_product(node: ast.expr, weights: Collection[str] = (), both: Collection[str] = ()) -> bool:
    """Whether an expression multiplies by something transposed, as only a way back does: X.T @ delta. Weights may be
    stored the other way round, and are transposed on the way forward as well.

    Args:
        node: the expression.
        weights: names that are known to be such, beside those that say so.
        both: names that are not transposed elsewhere, see `straight`.
    """
    products = (n for n in ast.walk(node) if isinstance(n, ast.Call | ast.BinOp))
    turned = (
        part for one in products if isinstance(one, ast.Call) or isinstance(one.op, ast.MatMult)
        for part in ast.walk(one) if isinstance(part, ast.Attribute) and part.attr == "T"
    )  # fmt: skip
    return any(
        base(part) in both or (base(part) not in weights and role(last_name(part.value)) != "weight") for part in turned
    )


def _stores(loop: ast.For | ast.While, since: int) -> Iterator[tuple[str, bool]]:
    """(name, whether it is given something new, rather than changed in place) of what is set there."""
    for node in ast.walk(loop):
        if isinstance(node, ast.Assign) and node.lineno >= since:
            yield from ((base(target), isinstance(target, ast.Name)) for target in node.targets)
        elif isinstance(node, ast.AugAssign) and node.lineno >= since:
            yield base(node.target), False


def _harmless(call: ast.Call) -> bool:
    """Whether a call changes nothing that it is handed."""
    if any(one.arg == "out" for one in call.keywords):
        return False
    return last_name(call.func) in _COUNTING or ast.unparse(call.func).startswith(("np.", "numpy."))


def _own(name: str, namespace: Mapping[str, Any]) -> bool:
    """Whether a name of the file holds arrays, or numbers, that no other one holds."""
    mine = {id(array) for array in _arrays(namespace.get(name))}
    return name in namespace and not any(
        id(array) in mine for other, value in namespace.items() if other != name for array in _arrays(value)
    )


def _arrays(value: Any, depth: int = 3) -> Iterator[np.ndarray]:
    """The arrays that a value is, or has as entries."""
    if isinstance(value, np.ndarray):
        yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    for one in list(inner)[:_MOST] if depth else ():
        yield from _arrays(one, depth - 1)
