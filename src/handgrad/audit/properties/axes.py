"""Axes: an argmax over the samples where it should be over the classes, at the place where the outputs are used.

How the outputs lie is seen in a run of the training loss: what has one shape whenever it is seen has it everywhere.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import numpy as np

from handgrad.audit.findings import Finding
from handgrad.audit.inspection import Inspection
from handgrad.audit.place.observe import RETURNED, observe
from handgrad.audit.properties.forward import batch, flat
from handgrad.audit.properties.naming import kind_of, last_name
from handgrad.audit.properties.places import found

_ROWS = (7, 11, 13, 17)
_TURNED = re.compile(r"\.T\b|transpose|swapaxes|moveaxis|reshape|ravel|flatten")
_LEAST = 3  # classes
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def argmax_axis(inspection: Inspection) -> list[Finding]:
    """Every argmax along the samples of what the run has shown to be the outputs."""
    subject = inspection.reading.subject
    if not flat(subject) or subject.classes < _LEAST:
        return []
    calls = list(_argmaxes(inspection.program.tree))
    if not any(axis in (0, 1, -1) for _, _, axis in calls):
        return []
    lies: dict[str, set[int]] | None = None
    findings = []
    against_labels = set(map(id, _against_labels(inspection.program.tree)))
    for scope, call, axis in calls:
        given = _given(call)
        name, plain = _called(given), id(call) in against_labels
        if not (name or plain) or _TURNED.search(_without_arguments(given)) or _one_by_one(scope, given):
            continue
        lies = outputs(inspection) if lies is None else lies
        sides = set() if not name or _turned(scope, given) else lies.get(name, set())
        sides = sides or (set[int]().union(*lies.values()) if plain else set())
        if len(sides) == 1 and axis % 2 in sides:
            measured = {
                "function": ast.unparse(call), "claimed": _claimed(subject.classes), "right": 1.0,
                "samples": "columns" if 1 in sides else "rows",
            }  # fmt: skip
            findings.append(
                found(inspection, "accuracy-wrong-axis", "warning", call.lineno, measured, {"claimed": 1.0})
            )
    return findings[:1]


def _argmaxes(tree: ast.Module) -> Iterator[tuple[ast.AST, ast.Call, int]]:
    """(the function around it, the call, its axis) of each argmax with an axis that is written."""
    for scope in (tree, *(n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef))):
        for node in _own(scope):
            if isinstance(node, ast.Call) and last_name(node.func) == "argmax":
                places = node.args if _of_array(node) else node.args[1:]
                said = [*(k.value for k in node.keywords if k.arg == "axis"), *places[:1]]
                try:
                    axis = ast.literal_eval(said[0]) if said else None
                except ValueError:
                    axis = None
                if isinstance(axis, int) and axis in (0, 1, -1):
                    yield scope, node, axis


def _own(scope: ast.AST) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(scope):
        if not isinstance(node, ast.FunctionDef):
            yield node
            yield from _own(node)


def _of_array(call: ast.Call) -> bool:
    """x.argmax(axis) and not np.argmax(x, axis)."""
    return isinstance(call.func, ast.Attribute) and not (
        isinstance(call.func.value, ast.Name) and call.func.value.id in ("np", "numpy", "cp")
    )


def _given(call: ast.Call) -> ast.expr:
    """What the largest is taken of."""
    if _of_array(call) and isinstance(call.func, ast.Attribute):
        return call.func.value
    return call.args[0] if call.args else call


def _against_labels(tree: ast.Module) -> Iterator[ast.AST]:
    """Every argmax that is compared with labels under their own name, itself or by a name that it is given."""
    given = {
        node.targets[0].id: node.value for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and isinstance(node.value, ast.Call)
    }  # fmt: skip
    for node in ast.walk(tree):
        match node:
            case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]):
                for one, other in ((left, right), (right, left)):
                    if isinstance(other, ast.Name | ast.Attribute | ast.Subscript) and kind_of(_root(other)) == "y":
                        yield given.get(one.id, one) if isinstance(one, ast.Name) else one


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Subscript):
        node = node.value
    return last_name(node)


def _without_arguments(node: ast.expr) -> str:
    """An expression as text, without what its function is given, which may well be turned round or reshaped."""
    if isinstance(node, ast.Subscript):
        return _without_arguments(node.value)
    if isinstance(node, ast.Call) and not _of_numpy(node):
        return ast.unparse(node.func)
    return ast.unparse(node)


def _of_numpy(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and last_name(call.func.value) in ("np", "numpy", "cp")


def _called(node: ast.expr) -> str:
    """The name of a value, or of the function that gives it, alone or the first of several."""
    match node:
        case ast.Subscript(value=ast.Call(func=func), slice=ast.Constant()):
            return f"{last_name(func)}()"
        case ast.Call(func=func):
            return f"{last_name(func)}()"
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _turned(scope: ast.AST, given: ast.expr) -> bool:
    """Whether a name is given another thing than what it stands for elsewhere: something turned round, or labels."""
    if not isinstance(given, ast.Name):
        return False
    for node in _own(scope):
        if isinstance(node, ast.Assign) and any(
            isinstance(part, ast.Name) and part.id == given.id for target in node.targets for part in ast.walk(target)
        ):
            said = node.value
            if _TURNED.search(ast.unparse(said)) or not isinstance(said, ast.Call | ast.BinOp | ast.Attribute):
                return True
    return False


def _one_by_one(scope: ast.AST, given: ast.expr) -> bool:
    """Whether it is of one sample, which a loop takes out of all of them."""
    around = [
        part for node in _own(scope)
        if isinstance(node, ast.For) or (isinstance(node, _COMPREHENSIONS) and any(n is given for n in ast.walk(node)))
        for part in (node.generators if isinstance(node, _COMPREHENSIONS) else [node])
    ]  # fmt: skip
    taken = {
        part.id for one in around if not ast.unparse(one.iter).startswith("range")
        for part in ast.walk(one.target) if isinstance(part, ast.Name)
    }  # fmt: skip
    own = {
        part.id for node in ast.walk(given) if isinstance(node, ast.comprehension) for part in ast.walk(node.target)
        if isinstance(part, ast.Name)
    }  # fmt: skip
    return any(isinstance(part, ast.Name) and part.id in taken - own for part in ast.walk(given))


def outputs(inspection: Inspection) -> dict[str, set[int]]:
    """By name, on which axes the samples of arrays lie that have a row or column for each sample and class."""
    subject = inspection.reading.subject
    sizes = {n for value in subject.parameters().values() for n in value.shape} | {subject.features, subject.classes}
    rows = next(n for n in _ROWS if n not in sizes)
    x, y = batch(subject, rows, 6)
    files = {inspection.program.filename, "<audit>"}
    lies: dict[str, set[int]] = {}
    for note in observe(lambda: subject.loss(x, y), files):
        for axis, shape in ((0, (rows, subject.classes)), (1, (subject.classes, rows))):
            if note.value.shape == shape:
                names = {re.split(r"[.\[]", re.sub(r"\[[^\]]*\]$", "", note.name))[-1]}
                names |= {f"{note.function.rpartition('.')[2]}()"} if note.how == RETURNED else set()
                for name in names:
                    lies.setdefault(name, set()).add(axis)
    return lies


def _claimed(classes: int) -> float:
    """What is said of answers that are all right, one of each class, when the largest is taken the wrong way."""
    y = np.random.default_rng(9).permutation(classes)
    return float((np.eye(classes)[y].argmax(axis=0) == y).mean())
