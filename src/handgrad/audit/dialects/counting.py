"""Counting: what a training loop counts: its own steps, and the samples of its batch, which are others in each turn."""

from __future__ import annotations

import ast
import copy
import re
from typing import Any

from handgrad.audit.dialects.edits import callee, reads


def counts(before: list[ast.stmt], inputs: set[str]) -> list[ast.stmt]:
    """Statements that only count the batch, n = X.shape[0], for it is another one in each turn."""
    found: list[ast.stmt] = []
    for one in before:
        calls = {callee(n) for n in ast.walk(one) if isinstance(n, ast.Call)}
        said = isinstance(one, ast.Assign) and re.search(r"\.shape|\.size|\blen\(", ast.unparse(one.value))
        if said and calls <= {"len", "int", "float"} and reads(one) <= inputs | calls and reads(one) & inputs:
            found.append(one)
    return found


def whole(one: ast.stmt) -> ast.stmt:
    """A copy of a statement that counts the batch, and counts all of it."""
    counted_whole: ast.stmt = _Whole().visit(copy.deepcopy(one))
    return counted_whole


class _Whole(ast.NodeTransformer):
    """Counts without a share: int(0.8 * len(X)) as int(len(X)), for all rows of a batch are there to train on."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        sides = [node.left, node.right]
        others = [one for one in sides if not (isinstance(one, ast.Constant) and _is_share(one.value))]
        return others[0] if isinstance(node.op, ast.Mult) and len(others) == 1 else node


def _is_share(value: Any) -> bool:
    return isinstance(value, float) and 0 < value < 1
