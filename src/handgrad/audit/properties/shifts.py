"""Shifts: by how many rows two slices are apart, whatever numbers stand for the names in them; labels rolled on."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from handgrad.audit.dialects.edits import assigned
from handgrad.audit.dialects.roles import role, words
from handgrad.audit.properties.naming import kind_of, last_name

_OF_TRAINING = {"train", "training", "test", "val", "valid"}  # words that data and labels have in common


def rolled(scope: ast.AST) -> Iterator[tuple[str, str, int, int]]:
    """(rows, labels, line, by how many rows) of calls that are handed rows, or outputs, and labels rolled on beside."""
    calls = (node for node in ast.walk(scope) if isinstance(node, ast.Call) and last_name(node.func) != "roll")
    for call in calls:
        turned = [(y, by) for one in call.args for y, by in _rolls(one)]
        beside = [one for one in call.args if not list(_rolls(one))]
        names = [n.id for one in beside for n in ast.walk(one) if isinstance(n, ast.Name)]
        rows = [name for name in names if kind_of(name) == "x" or role(name) == "pred"]
        if len(turned) == 1 and kind_of(turned[0][0]) == "y" and rows:
            yield rows[0], turned[0][0], call.lineno, turned[0][1]


def rolled_alone(scope: ast.AST) -> Iterator[tuple[str, str, int, int]]:
    """The same of labels that are rolled on where they stand, y_train = np.roll(y_train, 1), while no rows are.

    A plain y may be a signal over x, which is rolled for its own sake: one is labels that says so, or that a call gets
    together with rows.
    """
    made = [node for node in ast.walk(scope) if isinstance(node, ast.Assign) and len(node.targets) == 1]
    turned = [(last_name(node.targets[0]), node, what, by) for node in made for what, by in _rolls(node.value)]
    if not turned or not all(kind_of(name) == kind_of(what) == "y" for name, _, what, _ in turned):
        return
    calls = [{last_name(one) for one in node.args} for node in ast.walk(scope) if isinstance(node, ast.Call)]
    rows = sorted({n.id for n in ast.walk(scope) if isinstance(n, ast.Name) and kind_of(n.id) == "x"})
    for name, node, what, by in turned:
        beside = [one for one in rows if any({one, name} <= handed for handed in calls)]
        alike = [one for one in rows if set(words(one)) & set(words(name)) & _OF_TRAINING]
        if name == what and (beside or alike):
            yield (beside or alike)[0], name, node.lineno, by


def rolled_beside(scope: ast.AST) -> Iterator[tuple[str, str, int, int]]:
    """The same of labels rolled on after a pick, beside rows of the same pick: X[order], np.roll(Y[order], 1)."""
    for node in ast.walk(scope):
        body = getattr(node, "body", ())  # of a lambda that is no list
        statements = body if isinstance(body, list) else []
        pairs = [pair for one in statements if isinstance(one, ast.Assign) for pair in assigned(one)]
        picks = [(target, value) for target, value in pairs if isinstance(value, ast.Subscript)]
        rows = {ast.unparse(value.slice): last_name(target) for target, value in picks if _is_of(value, "x")}
        for target, value in pairs:
            match value:
                case ast.Call(func=ast.Attribute(attr="roll"), args=[ast.Subscript() as what, by, *_]):
                    beside, far = rows.get(ast.unparse(what.slice), ""), _whole(by)
                    if far and kind_of(beside) == "x" and _is_of(what, "y"):
                        yield beside, last_name(target), value.lineno, far


def _is_of(pick: ast.Subscript, kind: str) -> bool:
    """Whether what is picked from is rows, or labels, by its name."""
    return kind_of(last_name(pick.value)) == kind


def _rolls(node: ast.AST) -> Iterator[tuple[str, int]]:
    """(what is rolled, by how many rows) within an expression: np.roll(y, 1)."""
    for part in ast.walk(node):
        match part:
            case ast.Call(func=ast.Attribute(attr="roll"), args=[what, ast.Constant(value=int(by)), *_]) if by:
                yield last_name(what), by


def shift_between(first: ast.expr | None, second: ast.expr | None) -> int | None:
    """By how many rows two picks of the same length differ, whatever the numbers in them are; None without such one."""
    if first is None or second is None:
        return None
    if written := _further(first, second) or -_further(second, first):
        return written
    if isinstance(first, ast.Slice) != isinstance(second, ast.Slice):
        return None
    if (
        isinstance(first, ast.Subscript)
        and isinstance(second, ast.Subscript)
        and ast.unparse(first.value) == ast.unparse(second.value)  # of one order: order[i:i + 32]
    ):
        return shift_between(first.slice, second.slice)
    shifts = set()
    for base in (100, 137):
        ranges = [_range(node, base) for node in (first, second)]
        if None in ranges:
            return None
        (start, stop), (other, end) = ranges  # type: ignore[misc]
        if stop - start != end - other:
            return None
        shifts.add(other - start)
    return shifts.pop() if len(shifts) == 1 else None


def _further(first: ast.expr, second: ast.expr) -> int:
    """By how many rows the second of two picks is further on, where it says so: np.roll(rows, -1) beside rows, [1:]
    beside [:-1]; 0 for others.
    """
    match first, second:
        case _, ast.Call(func=ast.Attribute(attr="roll"), args=[what, by]) if ast.unparse(what) == ast.unparse(first):
            return -(_whole(by) or 0)
        case (
            ast.Slice(lower=None, upper=ast.expr() as end, step=None),
            ast.Slice(lower=ast.expr() as start, upper=None, step=None),
        ):
            rows = _whole(start)
            return rows if rows is not None and _whole(end) == -rows else 0
    return 0


def _whole(node: ast.expr) -> int | None:
    """A whole number as it is written, -1 too."""
    match node:
        case ast.Constant(value=int(value)):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int(value))):
            return -value
    return None


def _range(node: ast.expr, base: int) -> tuple[int, int] | None:
    """(start, stop) of a slice or a whole number, each name standing for a number of its own."""
    if isinstance(node, ast.Slice):
        if node.lower is None or node.upper is None or node.step is not None:
            return None
        start, stop = _number(node.lower, base), _number(node.upper, base)
        return None if start is None or stop is None else (start, stop)
    if isinstance(node, ast.Name | ast.BinOp | ast.Subscript) and any(isinstance(n, ast.Name) for n in ast.walk(node)):
        value = _number(node, base)
        return None if value is None else (value, value + 1)
    return None


def _number(node: ast.expr, base: int) -> int | None:
    """The value of an expression of names, whole numbers, +, - and *; % only goes round at the end of the rows."""
    match node:
        case ast.Constant(value=int(value)):
            return value
        case ast.Name(id=name):
            return base * (1 + sum(map(ord, name)))
        case ast.Attribute() | ast.Subscript():
            return base * (1 + sum(map(ord, ast.unparse(node))))
        case ast.BinOp(left=left, op=ast.Mod()):
            return _number(left, base)
        case ast.BinOp(left=left, op=op, right=right):
            a, b = _number(left, base), _number(right, base)
            if a is None or b is None:
                return None
            match op:
                case ast.Add():
                    return a + b
                case ast.Sub():
                    return a - b
                case ast.Mult():
                    return a * b
    return None
