"""Callbacks: ways back that are functions within a function. What they do to the gradient that they are given is read.

A layer that is an object is tried alone; one that is a function gives its way back anew with each output.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from handgrad.audit.dialects.edits import base
from handgrad.audit.findings import Finding
from handgrad.audit.inspection import Inspection
from handgrad.audit.properties.places import found


def edited_in_place(inspection: Inspection) -> list[Finding]:
    """`dY *= keep` in what a layer returns beside its output, where dY is the caller's array."""
    findings = []
    for layer in inspection.program.tree.body:
        for back in _ways_back(layer):
            line = _written_into(back)
            if line is not None:
                name = getattr(layer, "name", "")
                measured = {"layer": name}
                findings.append(found(inspection, "gradient-edited-in-place", "note", line, measured, {}, (name,)))
    return findings[:1]


def _ways_back(layer: ast.stmt) -> Iterator[ast.FunctionDef]:
    """The functions of one argument that a function within a layer returns with something else: return y, back."""
    for outer in (node for node in ast.walk(layer) if isinstance(node, ast.FunctionDef)):
        returned = {
            one.id for node in outer.body if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple)
            for one in node.value.elts if isinstance(one, ast.Name)
        }  # fmt: skip
        for inner in outer.body:
            if isinstance(inner, ast.FunctionDef) and inner.name in returned and len(inner.args.args) == 1:
                yield inner


def _written_into(back: ast.FunctionDef) -> int | None:
    """The line that changes the argument itself, ahead of any that gives its name to something else."""
    name = back.args.args[0].arg
    for one in back.body:
        if isinstance(one, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in one.targets):
            return None
        for node in ast.walk(one):
            targets: list[ast.expr] = [node.target] if isinstance(node, ast.AugAssign) else []
            targets += [t for t in node.targets if isinstance(t, ast.Subscript)] if isinstance(node, ast.Assign) else []
            targets += [k.value for k in node.keywords if k.arg == "out"] if isinstance(node, ast.Call) else []
            if any(base(target) == name and not isinstance(target, ast.Attribute) for target in targets):
                return getattr(node, "lineno", one.lineno)
    return None
