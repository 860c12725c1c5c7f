"""One array: two parameters that are one, for one statement made both, so that each update moves them twice."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from handgrad.audit.findings import Finding
from handgrad.audit.inspection import Inspection
from handgrad.audit.properties.places import found
from handgrad.audit.reading.apart import one_array


def shared_parameters(inspection: Inspection) -> list[Finding]:
    """`b1 = b2 = np.zeros(3)`, where both are changed in place and neither is ever given an array of its own."""
    tree = ast.parse(inspection.program.text)
    written: dict[str, int] = {}
    for node in ast.walk(tree):
        for target in node.targets if isinstance(node, ast.Assign) else ():
            for one in target.elts if isinstance(target, ast.Tuple | ast.List) else [target]:
                written[ast.unparse(one)] = written.get(ast.unparse(one), 0) + 1
    moved = set(_in_place(tree))
    findings = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and one_array(node):
            names = [ast.unparse(target) for target in node.targets]
            both = tuple(name for name in names if name in moved and written[name] == 1)
            if len(both) > 1:
                measured = {"names": " = ".join(names)}
                findings.append(found(inspection, "one-array-twice", "error", node.lineno, measured, {}, both))
    return findings


def _in_place(tree: ast.Module) -> Iterator[str]:
    """What is changed within its array: b1 -= step, b1[:] = b1 - step."""
    for node in ast.walk(tree):
        if isinstance(node, ast.AugAssign):
            yield ast.unparse(node.target)
        elif isinstance(node, ast.Assign):
            parts = [one for one in node.targets if isinstance(one, ast.Subscript)]
            yield from (ast.unparse(one.value) for one in parts if ast.unparse(one.slice) in (":", "..."))
