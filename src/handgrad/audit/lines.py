"""Lines: where in a file a named mistake is written, as far as its shape gives it away."""

from __future__ import annotations

import ast
from collections.abc import Iterator

_BATCH = {"batch", "batch_size", "batchsize", "bs", "m", "n", "N", "B", "num", "samples", "n_samples", "num_samples"}
_LOSS = ("loss", "entropy", "cost", "mse", "criterion")


def divisions_by_batch(tree: ast.Module) -> list[int]:
    """Lines of the way back that divide by the batch size or take a mean, those outside the loss first."""
    layers: list[int] = []
    losses: list[int] = []
    for owner, function in _functions(tree, ""):
        if not any(word in function.name.lower() for word in ("back", "grad", "step", "update", "train")):
            continue
        into = losses if any(word in owner.lower() + function.name.lower() for word in _LOSS) else layers
        into += sorted(
            {node.lineno for node in ast.walk(function) if isinstance(node, ast.stmt | ast.expr) and _divides(node)}
        )
    return layers + losses


def _functions(tree: ast.AST, owner: str) -> Iterator[tuple[str, ast.FunctionDef]]:
    """(name of the class around it, function) for every function."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef):
            yield from _functions(node, node.name)
        elif isinstance(node, ast.FunctionDef):
            yield owner, node


def _divides(node: ast.AST) -> bool:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        return _is_batch(node.right)
    if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Div):
        return _is_batch(node.value)
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "mean"


def _is_batch(divisor: ast.AST) -> bool:
    """len(x), x.shape[0], or a name or attribute that people use for it."""
    match divisor:
        case ast.Call(func=ast.Name(id="len")):
            return True
        case ast.Subscript(value=ast.Attribute(attr="shape")):
            return True
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in _BATCH
    return False
