"""Forgotten: lines in which something is left out, found by reading: a list of parameters that is short, a lost reset.

What is missing leaves no wrong number behind, so no number can tell its line. That it is missing is known before.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import numpy as np

from handgrad.audit.findings import Finding
from handgrad.audit.inspection import Inspection

_RATE = re.compile(r"lr|rate|alpha|eta|step")
_SUMS = {f"{module}.{name}" for module in ("np", "numpy") for name in ("add", "subtract")}
_SHORT = 3  # letters of a name such as W1, whose numbers may be a start that is written out
_LISTS = re.compile(r"^_?(get_|trainable_|all_|collect_)*(param|parameter|variable)s?(_list)?$")
_WEIGHT, _BIAS = re.compile(r"^_?(w|theta|kernel)|weight"), re.compile(r"^_?b\d*$|bias|intercept")


def forgotten(inspection: Inspection, finding: Finding) -> int | None:
    """The line of the program's text that leaves out what a finding misses; None where reading does not tell.

    For never-updated: the list of parameters that lacks the biases, or whole layers. For never-reset, among scalars:
    the call of backward() ahead of which nothing is reset.
    """
    tree = inspection.program.tree
    if finding.code == "never-updated":
        if (line := _rebound(tree)) is not None:
            return line
        missing = _kinds(inspection, finding)
        lines = [line for body in _lists(tree) for line in _short(body, missing)]
        lines += _given(tree) if missing == "layers" else ()
        return lines[0] if lines else next(_by_key(inspection), None) or _new_entry(tree)
    if finding.code == "never-reset" and inspection.reading.dialect == "scalars":
        return next(_backward_in_loops(tree), None)
    return None


def constants(tree: ast.Module) -> frozenset[str]:
    """Arrays at top level that are written out number by number and never assigned to again: no parameters."""
    written = {
        target.id for one in tree.body if isinstance(one, ast.Assign) and _is_written(one.value)
        for target in one.targets if isinstance(target, ast.Name)
    }  # fmt: skip
    stored: list[str] = []
    for node in ast.walk(tree):
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AugAssign) else []
        )
        stored += [n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)]
    return frozenset(name for name in written if stored.count(name) == 1 and len(name) > _SHORT)


def _is_written(value: ast.expr) -> bool:
    """np.array([1.0, 2.0, 0.5]), divided or multiplied by a number perhaps."""
    calls = [ast.unparse(n.func).rpartition(".")[2] for n in ast.walk(value) if isinstance(n, ast.Call)]
    names = [n for n in ast.walk(value) if isinstance(n, ast.Name) and n.id not in ("np", "numpy")]
    return bool(calls) and set(calls) <= {"array", "asarray"} and not names


def _rebound(tree: ast.Module) -> int | None:
    """The update that binds a name of its own anew where it should change an array, or keeps nothing at all.

    p = p - lr * g, where p is local and goes nowhere; np.subtract(p, lr * g).
    """
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Call(func=func, args=[_, _], keywords=[])) if ast.unparse(func) in _SUMS:
                return node.lineno
    for function in (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)):
        assigned = [n for n in ast.walk(function) if isinstance(n, ast.Assign)]
        for one in assigned:
            match one:
                case ast.Assign(
                    targets=[ast.Name(id=name)], value=ast.BinOp(left=ast.Name(id=left), op=ast.Sub(), right=by)
                ) if name == left and _RATE.search(ast.unparse(by).lower()):
                    kept: list[ast.AST] = [
                        n.value for n in assigned if n is not one and not isinstance(n.targets[0], ast.Name)
                    ]
                    kept += [n for n in ast.walk(function) if isinstance(n, ast.Return | ast.Call | ast.Global)]
                    if not any(isinstance(n, ast.Name) and n.id == name for k in kept for n in ast.walk(k)):
                        return one.lineno
    return None


def _new_entry(tree: ast.Module) -> int | None:
    """The update that puts a new array into a dictionary or list, while layers hold the old one."""
    for one in ast.walk(tree):
        match one:
            case ast.Assign(targets=[ast.Subscript() as entry], value=ast.BinOp(left=old, op=ast.Sub(), right=by)):
                if ast.unparse(entry) == ast.unparse(old) and _RATE.search(ast.unparse(by).lower()):
                    return one.lineno
    return None


def _kinds(inspection: Inspection, finding: Finding) -> str:
    """What is missing: "biases", "weights", or "layers" where it is both."""
    identity, missing = inspection.diagnosis.identity, set(finding.where)
    if identity is None:
        shapes = [value.shape for name, value in inspection.reading.subject.parameters().items() if name in missing]
        return "biases" if all(np.prod(shape) == max(shape, default=1) for shape in shapes) else "layers"
    weights, biases = {m.weight for m in identity.matrices}, {m.bias for m in identity.matrices if m.bias}
    if missing == biases:
        return "biases"
    return "weights" if missing == weights else "layers"


def _given(tree: ast.Module) -> Iterator[int]:
    """Lines that hand only some parameters or layers to one of the file's classes: Adam(net.parameters()[2:])."""
    classes = {one.name for one in ast.walk(tree) if isinstance(one, ast.ClassDef)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in classes:
            parts = [one for one in node.args if isinstance(one, ast.Subscript) and isinstance(one.slice, ast.Slice)]
            yield from (
                one.lineno for one in parts if re.search(r"param|layer|variable", ast.unparse(one.value).lower())
            )


def _lists(tree: ast.Module) -> Iterator[list[ast.AST]]:
    """What stands in functions called parameters(), and in assignments to such a name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and _LISTS.match(node.name.lower()):
            yield [inner for one in node.body for inner in ast.walk(one)]
        elif isinstance(node, ast.Assign) and len(node.targets) == 1:
            name = getattr(node.targets[0], "attr", getattr(node.targets[0], "id", ""))
            if _LISTS.match(name.lower()):
                yield [node]
    for node in ast.walk(tree):  # what an optimizer collects when it is made, by whatever name
        if isinstance(node, ast.FunctionDef) and node.name == "__init__":
            for one in ast.walk(node):
                if isinstance(one, ast.Assign) and _collects(one):
                    yield [one]


def _collects(one: ast.Assign) -> bool:
    """self.pairs = [... for layer in layers], with more than one thing of each."""
    if not isinstance(one.value, ast.ListComp) or not isinstance(one.targets[0], ast.Attribute):
        return False
    items = {n.id for part in one.value.generators for n in ast.walk(part.target) if isinstance(n, ast.Name)}
    taken = (n for n in ast.walk(one.value) if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name))
    return len({n.attr for n in taken if isinstance(n.value, ast.Name) and n.value.id in items}) > 1


def _short(body: list[ast.AST], missing: str) -> Iterator[int]:
    """Lines of such a body that leave out what is missing."""
    for node in body:
        if missing == "layers":
            inner = ast.walk(node) if isinstance(node, ast.Assign | ast.Return) else [node]
            yield from (one.iter.lineno for one in inner if isinstance(one, ast.For | ast.comprehension) and _some(one))
        elif isinstance(node, ast.comprehension) and any(map(_asks_name, node.ifs)):
            yield node.ifs[0].lineno
        elif isinstance(node, ast.Assign | ast.Return | ast.AugAssign) and node.value is not None:
            names = {getattr(n, "attr", getattr(n, "id", "")).lower() for n in ast.walk(node.value)}
            weights, biases = any(map(_WEIGHT.search, names)), any(map(_BIAS.search, names))
            if (weights and not biases) if missing == "biases" else (missing == "weights" and biases and not weights):
                yield node.lineno


def _asks_name(test: ast.expr) -> bool:
    """Whether a condition compares something with a name that is written out: key == "weight"."""
    return any(isinstance(node, ast.Constant) and isinstance(node.value, str) for node in ast.walk(test))


def _by_key(inspection: Inspection) -> Iterator[int]:
    """Lines of what is gathered of parameters only where their key is a certain one: ... if key == "W"."""
    keys = {re.split(r"\W+", name.rstrip("']"))[-1] for name in inspection.reading.subject.parameters()}
    for node in ast.walk(inspection.program.tree):
        for test in node.ifs if isinstance(node, ast.comprehension) else ():
            compared = [part for one in ast.walk(test) if isinstance(one, ast.Compare) for part in ast.walk(one)]
            if keys & {part.value for part in compared if isinstance(part, ast.Constant)}:
                yield test.lineno


def _some(loop: ast.For | ast.comprehension) -> bool:
    """Whether a loop goes over a part only of what it names: layers[1:], range(n - 1)."""
    ranges = [n for n in ast.walk(loop.iter) if isinstance(n, ast.Call) and ast.unparse(n.func) == "range"]
    return any(isinstance(n, ast.Slice) for n in ast.walk(loop.iter)) or any(
        isinstance(argument, ast.BinOp) for one in ranges for argument in one.args
    )


def _backward_in_loops(tree: ast.Module) -> Iterator[int]:
    """Lines in loops that call backward() on something, with nothing to go on."""
    for loop in ast.walk(tree):
        if isinstance(loop, ast.For | ast.While):
            for node in ast.walk(loop):
                plain = isinstance(node, ast.Call) and not node.args and isinstance(node.func, ast.Attribute)
                if plain and node.func.attr in ("backward", "backprop"):  # type: ignore[attr-defined]
                    yield node.lineno  # type: ignore[attr-defined]
