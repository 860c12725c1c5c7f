"""Handed: gradients that a loop hands straight from the way back to an update, update(params, backward(x, y))."""

from __future__ import annotations

import ast

from handgrad.audit.dialects.calling import BACKWARD, sounds
from handgrad.audit.dialects.edits import callee

GRADIENTS = "_gradients_{}_"


class NameHanded(ast.NodeTransformer):
    """Gives each such argument a name, which a turn leaves behind; what goes from one way back to the next, none."""

    def __init__(self) -> None:
        self.count = 0

    def visit_Call(self, node: ast.Call) -> ast.Call:
        """A call with what is handed to it."""
        self.generic_visit(node)
        if not sounds(callee(node), BACKWARD):
            node.args = [self._named(one) for one in node.args]
            for keyword in node.keywords:
                keyword.value = self._named(keyword.value)
        return node

    def visit_ListComp(self, node: ast.ListComp) -> ast.ListComp:
        """What is worked out item by item is no gradient of all parameters."""
        return node

    def _named(self, node: ast.expr) -> ast.expr:
        if not isinstance(node, ast.Call) or not sounds(callee(node), BACKWARD):
            return node
        self.count += 1
        name = ast.Name(GRADIENTS.format(self.count), ast.Store())
        return ast.fix_missing_locations(ast.copy_location(ast.NamedExpr(name, node), node))
