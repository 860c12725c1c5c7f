"""Preparation: whether training and test data are brought to the same scale. It is read, for it never runs.

Numbers are followed through the assignments: what becomes of a pixel of 0 and one of 255. What cannot be followed is
left alone.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from handgrad.audit.findings import Finding
from handgrad.audit.inspection import Inspection
from handgrad.audit.properties.naming import kind_of, last_name, stem
from handgrad.audit.properties.places import found

_KEEPS = {"reshape", "astype", "copy", "flatten", "ravel", "array", "asarray", "float32", "float64", "squeeze"} | {
    "to_numpy",
}  # fmt: skip
_RAW = 255.0
_SCALES = re.compile(r"norm|scal|stand|preproc|transform|prepare|clean|whiten|rescale", re.IGNORECASE)
_SPLITS = re.compile(r"split|shuffle|permut|fold", re.IGNORECASE)
_STACKS = {"hstack", "column_stack", "concatenate", "append", "insert"}  # of the rows and a column of ones
_SETS = re.compile(r"x?_?(train|training|test|testing|val|valid|validation|dev|tr|te|t10k|\d+|_|-|\.)+", re.IGNORECASE)


@dataclass(frozen=True)
class Range:
    """What a pixel of 0 and one of 255 have become, where from, and on which line last."""

    origin: str
    low: float | None
    high: float | None
    line: int


def scaled_differently(inspection: Inspection) -> list[Finding]:
    """Test data of the same origin as the training data, on another scale; or on statistics of its own."""
    tree = inspection.program.tree
    findings = []
    scopes: list[ast.Module | ast.FunctionDef] = [tree]
    scopes += (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    for scope in scopes:
        findings += _in_scope(inspection, scope)
    return findings[:1]


def _in_scope(inspection: Inspection, scope: ast.Module | ast.FunctionDef) -> list[Finding]:
    ranges: dict[str, Range] = {}
    own: dict[str, int] = {}
    for node in _statements(scope.body):
        _follow(node, ranges, own)
    findings = []
    for train, test in _pairs(ranges):
        a, b = ranges[train], ranges[test]
        if a.origin != b.origin or not _used_after(scope, test, max(a.line, b.line)):
            continue
        known = None not in (a.low, a.high, b.low, b.high)
        if known and (a.low, a.high) != (b.low, b.high) and not _rescaled(inspection.program.tree, scope, test):
            measured = {"train": train, "test": test, "trained": a.high, "tested": b.high}
            line = a.line if a.high == _RAW and b.high != _RAW else b.line  # where one is left as it came
            findings.append(found(inspection, "test-scaled-differently", "warning", line, measured))
        elif train in own and test in own:
            findings.append(found(inspection, "own-statistics", "note", own[test], {"train": train, "test": test}))
    return findings


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that run once, in order: those in loops and functions are left out."""
    for node in body:
        if isinstance(node, ast.If | ast.With | ast.Try):
            yield from _statements(node.body)
        else:
            yield node


def _follow(node: ast.stmt, ranges: dict[str, Range], own: dict[str, int]) -> None:
    """Note what an assignment makes of the names on its left."""
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name) and node.target.id in ranges:
        whole = ast.BinOp(ast.Name(node.target.id, ast.Load()), node.op, node.value)
        _set(node.target.id, whole, node.lineno, ranges, own)
    elif isinstance(node, ast.Assign):
        for target in node.targets:
            if isinstance(target, ast.Name):
                _set(target.id, node.value, node.lineno, ranges, own)
            elif isinstance(target, ast.Tuple | ast.List):
                _unpack(target, node.value, node.lineno, ranges, own)


def _unpack(
    target: ast.Tuple | ast.List, value: ast.expr, line: int, ranges: dict[str, Range], own: dict[str, int]
) -> None:
    if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts):
        before = dict(ranges)
        for one, each in zip(target.elts, value.elts, strict=True):
            if isinstance(one, ast.Name):
                held = dict(before)
                _set(one.id, each, line, held, own)
                if one.id in held:
                    ranges[one.id] = held[one.id]
        return
    made = given_back(value, ranges, line)
    ranges |= {part.id: made for part in ast.walk(target) if isinstance(part, ast.Name) and kind_of(part.id) == "x"}


def given_back(value: ast.expr, ranges: dict[str, Range], line: int) -> Range:
    """The range of rows that come out of something together: pixels as they come of what loads, the range that they
    had where rows that are followed are only split or mixed.
    """
    known = [ranges[part.id] for part in ast.walk(value) if isinstance(part, ast.Name) and part.id in ranges]
    if not known:
        return Range(f"line {line}", 0.0, 255.0, line)
    splits = isinstance(value, ast.Call) and _SPLITS.search(last_name(value.func))
    return known[0] if splits else Range(known[0].origin, None, None, line)


def _set(name: str, value: ast.expr, line: int, ranges: dict[str, Range], own: dict[str, int]) -> None:
    if kind_of(name) != "x":
        return
    names = {part.id for part in ast.walk(value) if isinstance(part, ast.Name)}
    called = {last_name(part.func) for part in ast.walk(value) if isinstance(part, ast.Call)}
    if name in names and {"mean", "std"} & called:
        own[name] = line
    made = range_of(value, ranges)
    ranges[name] = Range(made.origin, made.low, made.high, line)


def range_of(node: ast.expr, ranges: dict[str, Range]) -> Range:
    """The range that an expression has; of a source that is not known, a pixel as it comes."""
    unknown = Range(_SETS.sub("", ast.unparse(node)), None, None, 0)
    match node:
        case ast.Name(id=name):
            return ranges.get(name, Range(name, 0.0, 255.0, 0) if stem(name) == "" else unknown)
        case ast.List(elts=[only]):
            return range_of(only, ranges)
        case ast.Constant(value=int(value) | float(value)):
            return Range("", float(value), float(value), 0)
        case ast.Subscript(value=held, slice=ast.Constant(value=str(key))):  # of an archive that holds labels as well
            made = range_of(held, ranges)
            return Range(f"{made.origin}[{_SETS.sub('', key).strip('xX')}]", made.low, made.high, made.line)
        case ast.Subscript() | ast.Attribute(attr="T" | "values"):
            return range_of(node.value, ranges)
        case ast.BinOp(left=left, op=op, right=right):
            a, b = range_of(left, ranges), range_of(right, ranges)
            origin = a.origin or b.origin
            if None in (a.low, a.high, b.low, b.high) or (a.origin and b.origin):
                return Range(origin, None, None, 0)
            try:
                low, high = _apply(op, a.low, b.low), _apply(op, a.high, b.high)
            except (ZeroDivisionError, OverflowError):
                return Range(origin, None, None, 0)
            return Range(origin, low, high, 0)
        case ast.Call(func=func, args=args):
            if last_name(func) in _KEEPS:
                of = func.value if isinstance(func, ast.Attribute) and not _is_numpy(func.value) else None
                return range_of(of if of is not None else args[0], ranges) if of is not None or args else unknown
            if last_name(func) in _STACKS and args and isinstance(args[0], ast.List | ast.Tuple) and args[0].elts:
                return range_of(args[0].elts[0], ranges)
            known = [ranges[p.id] for p in ast.walk(node) if isinstance(p, ast.Name) and p.id in ranges]
            if known or _SCALES.search(ast.unparse(func)):
                return Range(known[0].origin if known else unknown.origin, None, None, 0)
            return Range(_SETS.sub("", ast.unparse(node)), 0.0, 255.0, 0)
    return unknown


def _is_numpy(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ("np", "numpy", "cp", "jnp")


def _apply(op: ast.operator, a: float | None, b: float | None) -> float | None:
    if a is None or b is None:
        return None
    match op:
        case ast.Add():
            return a + b
        case ast.Sub():
            return a - b
        case ast.Mult():
            return a * b
        case ast.Div():
            return a / b
    return None


def _pairs(ranges: dict[str, Range]) -> Iterator[tuple[str, str]]:
    """x_train with x_test: names that differ in the set only. X with X_test, where one statement loads the two."""
    named = any(stem(name) == "train" for name in ranges)
    for train, of in ranges.items():
        for test in ranges:
            if stem(test) != "held":
                continue
            if (stem(train) == "train" and _SETS.sub("", train) == _SETS.sub("", test)) or (
                not named and of.origin.startswith("line ") and test.lower().startswith(f"{train.lower()}_")
            ):
                yield train, test


def _used_after(scope: ast.AST, name: str, line: int) -> bool:
    """Whether the name is read after the last preparation."""
    reads = (node for node in ast.walk(scope) if isinstance(node, ast.Name) and node.id == name)
    return any(isinstance(node.ctx, ast.Load) and node.lineno > line for node in reads)


def _rescaled(tree: ast.Module, scope: ast.AST, test: str) -> bool:
    """Whether the test data, or any input of a function, is brought to a scale somewhere else, later or within."""
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div | ast.Mult | ast.Sub):
            names = {part.id for part in ast.walk(node.left) if isinstance(part, ast.Name)}
            if test in names and node.lineno and _later(scope, node, test):
                return True
    return prepared(tree, scope)


def _scales(node: ast.AST) -> bool:
    """Whether a call brings data to a scale, by its name: normalize(X), and not BatchNorm(64)."""
    given = [*node.args, *(one.value for one in node.keywords)] if isinstance(node, ast.Call) else []
    names = {last_name(part) for one in given for part in ast.walk(one)}
    said = last_name(node.func) if isinstance(node, ast.Call) else ""
    return bool(_SCALES.search(said)) and not said.endswith("normal") and any(map(kind_of, names))


def loaded_alike(one: str, other: str) -> bool:
    """Whether two origins are the same, but for the set that they speak of: load("train"), load("test")."""
    return _SETS.sub("", one) == _SETS.sub("", other)


def prepared(tree: ast.Module, scope: ast.AST) -> bool:
    """Whether some other function of the file brings its input to a scale."""
    functions = [one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef) and one is not scope]
    return any(_scales(node) for node in ast.walk(tree)) or any(
        _by_constant(node) for one in functions for node in ast.walk(one)
    )


def _by_constant(node: ast.AST) -> bool:
    """Whether rows of data are divided, multiplied or moved by a number: x / 255."""
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Div | ast.Mult | ast.Sub):
        return False
    names = {part.id for part in ast.walk(node.left) if isinstance(part, ast.Name)}
    constant = isinstance(node.right, ast.Constant) and node.right.value not in (1, 2)
    return constant and any(kind_of(name) == "x" for name in names)


def _later(scope: ast.AST, node: ast.AST, test: str) -> bool:
    """Whether the arithmetic is no part of an assignment to the test data that was followed already."""
    for statement in ast.walk(scope):
        if isinstance(statement, ast.Assign) and any(node is part for part in ast.walk(statement)):
            targets = [part.id for t in statement.targets for part in ast.walk(t) if isinstance(part, ast.Name)]
            return not any(stem(name) == "held" and kind_of(name) == "x" for name in targets)
    return True
