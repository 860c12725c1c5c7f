"""Decays: whether what a file calls `decay` takes part of its weights away, or of its learning rate.

A rate that decays is left as it is for a step that is judged; a weight decay is part of what is judged.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from handgrad.audit.dialects.calling import plain, roles
from handgrad.audit.reading.pruning import MARK

_NAME = "decay"
_TIMES = (ast.Mult, ast.Div, ast.MatMult)
_COUNTS = re.compile(r"epoch|iter|step|count|^[tijk]$|^n$")


def of_weights(namespace: Mapping[str, Any]) -> bool:
    """Whether the file multiplies its decay with anything but rates, numbers and counts of steps.

    A decay that also stands in a `1 - decay` times something is the share of a running average, and none of both.
    """
    program = namespace.get(MARK)
    return program is not None and _of_weights(program.tree)


@lru_cache(maxsize=4)
def _of_weights(tree: ast.Module) -> bool:
    products = [list(one) for one in _products(tree)]
    beside = [[other for other in one if not _is_decay(other)] for one in products if any(map(_is_decay, one))]
    averages = any(_is_rest(factor) and len(one) > 1 for one in products for factor in one)
    return not averages and any(not _of_a_rate(factor) for one in beside for factor in one)


def _products(tree: ast.Module) -> Iterator[Iterator[ast.expr]]:
    """The factors of every product, each once."""
    found = [node for node in ast.walk(tree) if isinstance(node, ast.BinOp) and isinstance(node.op, _TIMES)]
    within = {id(side) for node in found for side in (node.left, node.right)}
    return (_factors(node) for node in found if id(node) not in within)


def _factors(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.UnaryOp):
        yield from _factors(node.operand)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, _TIMES):
        yield from _factors(node.left)
        yield from _factors(node.right)
    else:
        yield node


def _called(node: ast.expr) -> str:
    return plain(node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else "")


def _is_decay(node: ast.expr) -> bool:
    return _called(node) == _NAME


def _is_rest(node: ast.expr) -> bool:
    """Whether it is `1 - decay`."""
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub) and _is_decay(node.right)


def _of_a_rate(node: ast.expr) -> bool:
    """Whether it is made of numbers, rates and counts of steps alone."""
    return all("lr" in roles(name) or _COUNTS.search(plain(name)) for name in _names(node))


def _names(node: ast.AST) -> Iterator[str]:
    """What an expression reads; of a call, what it is given."""
    if isinstance(node, ast.Name | ast.Attribute):
        yield node.id if isinstance(node, ast.Name) else node.attr
    else:
        for part in node.args if isinstance(node, ast.Call) else ast.iter_child_nodes(node):
            yield from _names(part)
