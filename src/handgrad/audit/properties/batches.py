"""Batches: whether a training loop goes through all its rows, and mixes them. It is read, and only where plain."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from handgrad.audit.findings import Finding
from handgrad.audit.inspection import Inspection
from handgrad.audit.properties.naming import kind_of, last_name
from handgrad.audit.properties.places import found

_ROWS = 8  # of a batch, to tell what a size that is fixed makes of it
_BACK = re.compile(r"back|grad", re.I)
_RANDOM = {"shuffle", "permutation", "permuted", "choice", "sample", "randint", "randperm", "integers", "choices"}


def same_batch(inspection: Inspection) -> list[Finding]:
    """A loop over batches whose batch is the same at every turn: rows and labels are sliced, but not by the turn."""
    for loop in _loops(inspection.program.tree):
        if not _counts_batches(loop):
            continue
        assert isinstance(loop.target, ast.Name)
        changing = {
            part.id for part in ast.walk(loop) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)
        }
        slices = [node for statement in loop.body for node in _taken(statement)]
        kinds = {kind_of(_root(node)) for node in slices}
        if not kinds:
            slices, kinds = _by_numbers(loop)
        draws = any(isinstance(part, ast.Call) and last_name(part.func) in _RANDOM for part in ast.walk(loop))
        if {"x", "y"} <= kinds and not draws and all(_fixed(node, changing) for node in slices):
            measured = {"rows": ast.unparse(slices[0]), "turn": loop.target.id}
            return [found(inspection, "same-batch", "warning", slices[0].lineno, measured)]
    return []


def never_mixed(inspection: Inspection) -> list[Finding]:
    """Batches in the same order in every epoch, in a file that mixes nothing anywhere."""
    tree = inspection.program.tree
    if any(last_name(node) in _RANDOM for node in ast.walk(tree) if isinstance(node, ast.Name | ast.Attribute)):
        return []
    for outer in _loops(tree):
        if "epoch" not in ast.unparse(outer.target).lower() + ast.unparse(outer.iter).lower():
            continue
        for loop in _loops(outer):
            taken = [node for statement in loop.body for node in _taken(statement)]
            kinds = {kind_of(_root(node)) for node in taken if isinstance(node.slice, ast.Slice)}
            if loop is not outer and _counts_batches(loop) and {"x", "y"} <= kinds:
                return [found(inspection, "never-mixed", "note", loop.lineno, {})]
    return []


def fixed_size(inspection: Inspection) -> list[Finding]:
    """A way back that divides by the size that batches should have, where the last batch may have fewer rows."""
    tree = inspection.program.tree
    sizes = {
        one.targets[0].id: one.value.value for one in tree.body
        if isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Name) and "batch" in one.targets[0].id.lower()
        and isinstance(one.value, ast.Constant) and isinstance(one.value.value, int) and one.value.value > _ROWS
    }  # fmt: skip
    strides = {last_name(loop.iter.args[2]) for loop in _loops(tree)
               if isinstance(loop.iter, ast.Call) and len(loop.iter.args) == 3}  # fmt: skip
    said = {finding.code for finding in inspection.diagnosis.findings}
    if said & {"batch-dependent-factor", "summed", "averaged-twice"}:
        return []
    for function in (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and _BACK.search(n.name)):
        own = {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        own |= {one.arg for one in function.args.args}
        for node in ast.walk(function):
            name, line = _divisor(node)
            if name in sizes.keys() & strides - own:
                measured = {"factor": _ROWS / sizes[name], "rows": _ROWS}
                where = tuple(inspection.reading.subject.parameters())
                code = "batch-dependent-factor"
                return [found(inspection, code, "warning", line, measured, {"factor": 1.0}, where)]
    return []


def _divisor(node: ast.AST) -> tuple[str, int]:
    """(the name that something is divided by, the line)."""
    match node:
        case ast.BinOp(op=ast.Div(), right=ast.Name(id=name)):
            return name, node.lineno
        case ast.AugAssign(op=ast.Div(), value=ast.Name(id=name)):
            return name, node.lineno
    return "", 0


def _by_numbers(loop: ast.For) -> tuple[list[ast.Subscript], set[str]]:
    """The slices of an order that say which rows are taken, and what is taken by them: rows = order[i:j]; x[rows]."""
    slices: list[ast.Subscript] = []
    kinds: set[str] = set()
    for one in loop.body:
        match one:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Subscript() as value) if _has_slice(value.slice):
                inside = (n for n in ast.walk(loop) if isinstance(n, ast.Subscript) and _is(n.slice, name))
                taken = {kind_of(_root(node)) for node in inside}
                if {"x", "y"} <= taken:
                    slices, kinds = [*slices, value], kinds | taken
    return slices, kinds


def _is(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _loops(tree: ast.AST) -> Iterator[ast.For]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.For))


def _counts_batches(loop: ast.For) -> bool:
    """for i in range(0, n, size), or range of some number of batches."""
    if not (
        isinstance(loop.iter, ast.Call) and last_name(loop.iter.func) == "range" and isinstance(loop.target, ast.Name)
    ):
        return False
    said = ast.unparse(loop.iter).lower()
    return len(loop.iter.args) == 3 or "batch" in said or "//" in said or "iter_per" in said


def _taken(statement: ast.stmt) -> Iterator[ast.Subscript]:
    """The slices of rows and labels that a statement of the loop takes into names of its own."""
    if isinstance(statement, ast.Assign):
        for node in ast.walk(statement.value):
            if isinstance(node, ast.Subscript) and kind_of(_root(node)) and _has_slice(node.slice):
                yield node


def _has_slice(index: ast.expr) -> bool:
    parts = index.elts if isinstance(index, ast.Tuple) else [index]
    return any(isinstance(part, ast.Slice) and (part.lower or part.upper) for part in parts)


def _root(node: ast.Subscript) -> str:
    return ast.unparse(node.value) if isinstance(node.value, ast.Name | ast.Attribute) else ""


def _fixed(node: ast.Subscript, changing: set[str]) -> bool:
    """Whether neither the array nor the slice changes from turn to turn."""
    return not any(isinstance(part, ast.Name) and part.id in changing for part in ast.walk(node))
