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
_SOME_ROWS = {"choice", "randint", "integers", "choices"}
_RANDOM = {"shuffle", "permutation", "permuted", "choice", "sample", "randint", "randperm", "integers", "choices"}


def same_batch(inspection: Inspection) -> list[Finding]:
    """A loop over batches whose batch is the same at every turn: rows and labels are picked, but not by the turn."""
    tree = inspection.program.tree
    drawn = _drawn_once(tree)
    for loop in _loops(tree):
        by_turn = _counts_batches(loop)
        if any(isinstance(part, ast.Call) and last_name(part.func) in _RANDOM for part in ast.walk(loop)):
            continue
        changing = _changing(loop)
        picks = [one for one in _picks(loop) if by_turn or _names(one.slice) & drawn.keys()]
        if {"x", "y"} <= {kind_of(_root(one)) for one in picks} and all(_fixed(one, changing) for one in picks):
            measured = {"rows": ast.unparse(picks[0]), "turn": ast.unparse(loop.target)}
            lines = [drawn[name] for name in _names(picks[0].slice) & drawn.keys()]
            line = min(lines, default=0) or _picked_in(loop, picks[0])
            return [found(inspection, "same-batch", "warning", line, measured)]
    return []


def overlapping(inspection: Inspection) -> list[Finding]:
    """Batches that begin one row after another: as many turns as there are batches, with the turn as the first row."""
    tree = inspection.program.tree
    made = {one.targets[0].id: one.value for one in ast.walk(tree)
            if isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Name)}  # fmt: skip
    for loop in _loops(tree):
        if not isinstance(loop.target, ast.Name) or not isinstance(loop.iter, ast.Call) or len(loop.iter.args) != 1:
            continue
        (turns,) = loop.iter.args
        parts = [turns, made.get(turns.id, turns)] if isinstance(turns, ast.Name) else [turns]
        divisors = {ast.dump(node.right) for part in parts for node in ast.walk(part)
                    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div | ast.FloorDiv)}  # fmt: skip
        for node in (node for one in loop.body for node in ast.walk(one)):
            size = _rows_from(node, loop.target.id)
            if size is not None and ast.dump(size) in divisors:
                told = {"rows": ast.unparse(node), "turn": loop.target.id, "size": ast.unparse(size)}
                return [found(inspection, "batches-overlap", "warning", loop.lineno, told)]
    return []


def _rows_from(node: ast.AST, turn: str) -> ast.expr | None:
    """The size of data[turn : turn + size]; None of anything else."""
    for part in _parts(node.slice) if isinstance(node, ast.Subscript) else ():
        match part:
            case ast.Slice(
                lower=ast.Name(id=first), upper=ast.BinOp(left=ast.Name(id=again), op=ast.Add(), right=size)
            ):
                if first == again == turn:
                    return size
    return None


def _changing(loop: ast.For) -> set[str]:
    """The names that are not the same in every turn of a loop: its own, what is counted up, what is made of either."""
    changing = _names(loop.target)
    nodes = [node for one in loop.body for node in ast.walk(one)]
    changing |= {name for n in nodes if isinstance(n, ast.AugAssign) for name in _names(n.target)}
    for node in nodes:
        if isinstance(node, ast.For | ast.comprehension):
            changing |= _names(node.target)
    assigned = [n for n in nodes if isinstance(n, ast.Assign)]
    for _ in assigned:
        for n in assigned:
            if _names(n.value) & changing or any(isinstance(call, ast.Call) for call in ast.walk(n.value)):
                changing |= {name for target in n.targets for name in _names(target)}
    return changing


def _picks(loop: ast.For) -> list[ast.Subscript]:
    """Where rows and labels are picked in a loop, by a stretch or by their numbers; whole sets taken one by one not."""
    nodes = (node for one in loop.body for node in ast.walk(one))
    picked = (n for n in nodes if isinstance(n, ast.Subscript) and isinstance(n.ctx, ast.Load) and kind_of(_root(n)))
    named = (ast.Name, ast.Subscript)
    found = [n for n in picked if _has_slice(n.slice) or any(isinstance(p, named) for p in _parts(n.slice))]
    return sorted(found, key=lambda node: (node.lineno, node.col_offset))


def _picked_in(loop: ast.For, pick: ast.Subscript) -> int:
    """The line that says which rows: where their numbers are given a name in the loop, or where they are picked."""
    named = {name for part in _parts(pick.slice) if isinstance(part, ast.Name) for name in _names(part)}
    assigned = [n for one in loop.body for n in ast.walk(one) if isinstance(n, ast.Assign)]
    taken = [n for n in assigned if isinstance(n.value, ast.Subscript)]
    own = [n.lineno for n in taken if {name for target in n.targets for name in _names(target)} & named]
    return min(own, default=pick.lineno)


def _drawn_once(tree: ast.Module) -> dict[str, int]:
    """Names that are given the numbers of some rows, drawn at random, and only outside of every loop; on which line."""
    inside = {id(node) for loop in ast.walk(tree) if isinstance(loop, ast.For | ast.While) for node in ast.walk(loop)}
    assigned = [(n, name) for n in ast.walk(tree) if isinstance(n, ast.Assign) for t in n.targets for name in _names(t)]
    drawn = {
        name: n.lineno for n, name in assigned
        if isinstance(n.value, ast.Call) and last_name(n.value.func) in _SOME_ROWS and len(n.value.args) > 1
    }  # fmt: skip
    again = {name for n, name in assigned if id(n) in inside}
    return {name: line for name, line in drawn.items() if name not in again}


def _names(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def _parts(index: ast.expr) -> list[ast.expr]:
    return index.elts if isinstance(index, ast.Tuple) else [index]


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
    return any(isinstance(part, ast.Slice) and (part.lower or part.upper) for part in _parts(index))


def _root(node: ast.Subscript) -> str:
    return ast.unparse(node.value) if isinstance(node.value, ast.Name | ast.Attribute) else ""


def _fixed(node: ast.Subscript, changing: set[str]) -> bool:
    """Whether neither the array nor the slice changes from turn to turn."""
    return not any(isinstance(part, ast.Name) and part.id in changing for part in ast.walk(node))
