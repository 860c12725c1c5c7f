"""Apart: `b1 = b2 = np.zeros(3)` gives one array two names. Each gets its own, so that the program can be read.

Whether that is a mistake, `properties.one_array` says: it is one where both are changed in place.
"""

from __future__ import annotations

import ast
import copy

_NUMPY = {"np", "numpy", "cp", "xp"}


def one_array(node: ast.AST) -> bool:
    """Whether a statement gives several names the array that a call of NumPy's makes."""
    if not isinstance(node, ast.Assign) or len(node.targets) < 2 or not isinstance(node.value, ast.Call):
        return False
    root = node.value.func
    while isinstance(root, ast.Attribute):
        root = root.value
    return isinstance(root, ast.Name) and root.id in _NUMPY


class _Apart(ast.NodeTransformer):
    """Statements that give one array several names as one statement for each name."""

    def visit_Assign(self, node: ast.Assign) -> ast.AST | list[ast.stmt]:
        if not one_array(node):
            return node
        made: list[ast.stmt] = []
        for target in sorted(node.targets, key=ast.unparse):  # b2 = b1 = ... says nothing of their order
            made.append(ast.Assign([ast.copy_location(target, node)], copy.deepcopy(node.value)))
        return [ast.fix_missing_locations(ast.copy_location(one, node)) for one in made]


def apart(tree: ast.Module) -> ast.Module:
    """The tree with an array for each name; the same tree where that is so already."""
    if not any(one_array(node) for node in ast.walk(tree)):
        return tree
    tree = copy.deepcopy(tree)
    _Apart().visit(tree)
    return tree
