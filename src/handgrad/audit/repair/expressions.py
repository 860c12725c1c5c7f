"""Edits of expressions: signs, averages, transposes, axes, constants, names, and one factor or call too many."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from difflib import SequenceMatcher
from itertools import combinations

from handgrad.audit.repair.edits import Change, Edit
from handgrad.audit.repair.places import Place, bracketed, joined

_PRODUCTS = ("dot", "matmul")
_UNWRAPPED = ("reshape", "copy", "array", "asarray", "len", "range", "zip", "enumerate", "reversed", "float", "int")
_TURNED = {"add": "subtract", "subtract": "add"}  # of NumPy
_SIDES = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
_SIGNS = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}


def averages(place: Place) -> Iterator[Edit]:
    """One division less, mean for sum, sum for mean, a power less."""
    for node in place.nodes:
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            yield place.replace(node, place.text(node.left), "drop-division")
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
            yield place.replace(node, place.text(node.left), "drop-power")
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult) and _is_share(node.left):
            yield place.replace(node, place.text(node.right), "drop-division")
        elif isinstance(node, ast.Attribute) and node.attr in ("mean", "sum", "average"):
            other = "mean" if node.attr == "sum" else "sum"
            yield place.replace(node, f"{place.text(node.value)}.{other}", f"{other}-for-{node.attr}")
    statement = place.statement
    if isinstance(statement, ast.AugAssign) and isinstance(statement.op, ast.Div | ast.Mult):
        yield place.rewrite("", "drop-division" if isinstance(statement.op, ast.Div) else "drop-factor")


def divisions(place: Place) -> Iterator[Edit]:
    """A division by the batch size more, or by the batch size in place of a fixed number."""
    sizes = _batch_sizes(place)
    for node in place.nodes:
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and place.shape(node.right) in ((), None):
            for size in sizes:
                if size != place.text(node.right):
                    yield place.replace(node.right, size, "batch-size", 2)
    value = place.value
    if value is not None and isinstance(place.statement, ast.Assign | ast.Return) and place.result:
        for size in sizes:
            yield place.replace(value, joined(place, value, "/", size), "divide", 2)


def _batch_sizes(place: Place) -> list[str]:
    """How the number of samples may be had: a name for it, or the length of something."""
    found = [text for text, seen in place.scope.items() if seen.kind == "number" and text in _COUNTS]
    arrays = [text for text, seen in place.scope.items() if len(seen.shape) == 2 and "[" not in text]
    rows = [text for text in arrays if not text.endswith(".T") and text.rpartition(".")[2] in _DATA]
    return [*found, *(f"{text}.shape[{axis}]" for text in (rows or arrays)[:2] for axis in (0, 1))]


_COUNTS = ("m", "n", "N", "B", "batch_size", "batch", "bs", "samples", "n_samples", "num_samples", "batch_num")
_DATA = ("x", "X", "xb", "inputs", "input", "dout", "dy", "dvalues", "grad_output", "dY", "dZ", "delta", "y", "Y")


def _is_share(node: ast.expr) -> bool:
    """1 / m."""
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and isinstance(node.left, ast.Constant)


def factors(place: Place) -> Iterator[Edit]:
    """One factor or one addend less; a part of an expression for the whole."""
    for whole, parts in place.products:
        if len(parts) > 2:
            for left_out in combinations(range(len(parts)), len(parts) - 2):
                kept = [bracketed(place, one) for i, one in enumerate(parts) if i not in left_out]
                yield place.replace(whole, " * ".join(kept), "drop-factor", 1.2)
            for part in parts:
                yield place.replace(whole, bracketed(place, part), "drop-factor", 1.2)
    for node in place.nodes:
        if not isinstance(node, ast.BinOp):
            continue
        if isinstance(node.op, ast.Mult):
            yield place.replace(node, place.text(node.left), "drop-factor")
            yield place.replace(node, place.text(node.right), "drop-factor")
        elif isinstance(node.op, ast.Add | ast.Sub):
            yield place.replace(node, place.text(node.right), "drop-addend", 1.5)
            yield place.replace(node, place.text(node.left), "drop-addend", 1.5)
    value = place.value
    if value is not None and place.result and not isinstance(value, ast.Name):
        for node in place.nodes:
            if node is not value and place.shape(node) == place.result:
                yield place.replace(value, place.text(node), "part-for-whole", 2)


def signs(place: Place) -> Iterator[Edit]:
    """The two sides of a difference changed about, a minus more or less, += for -= and back."""
    statement = place.statement
    if isinstance(statement, ast.AugAssign) and isinstance(statement.op, ast.Add | ast.Sub):
        sign = "-=" if isinstance(statement.op, ast.Add) else "+="
        yield place.rewrite(f"{place.text(statement.target)} {sign} {place.text(statement.value)}", "update-sign")
    if isinstance(statement, ast.AugAssign) and isinstance(statement.op, ast.Div):
        yield place.replace(statement.value, f"-{place.text(statement.value)}", "negate", 1.2)
    for node in place.nodes:
        if isinstance(node, ast.Attribute) and node.attr in _TURNED and ast.unparse(node.value) in ("np", "numpy"):
            yield place.replace(node, f"{place.text(node.value)}.{_TURNED[node.attr]}", "update-sign")
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub):
            left, right = place.text(node.left), place.text(node.right)
            yield place.replace(
                node, f"{_in_difference(node.right, right)} - {_in_difference(node.left, left)}", "swap-sides"
            )
            yield place.replace(node, f"{left} + {right}", "add-for-subtract")
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            left, right = place.text(node.left), place.text(node.right)
            yield place.replace(node, f"{left} - {_in_difference(node.right, right)}", "add-for-subtract")
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            yield place.replace(node, place.text(node.operand), "negate", 0.9)
    value = place.value
    if value is not None and place.result:
        text = joined(place, value, "", "").strip()
        yield place.replace(value, f"-{text}", "negate", 1.5)


def _in_difference(node: ast.expr, text: str) -> str:
    loose = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub)
    return f"({text})" if loose else text


def transposes(place: Place) -> Iterator[Edit]:
    """A transpose more or less; the sides of a product of matrices changed about."""
    for node in place.nodes:
        if isinstance(node, ast.Attribute) and node.attr == "T":
            yield place.replace(node, place.text(node.value), "transpose")
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "transpose":
            whole = node.args[0] if node.args else node.func.value
            yield place.replace(node, place.text(whole), "transpose")
        sides = product_sides(node)
        if sides is None:
            continue
        arms = [arm for side in sides if isinstance(side, ast.IfExp) for arm in (side.body, side.orelse)]
        for side in (*sides, *arms):
            shape = place.shape(side)
            if (shape is None or len(shape) == 2) and not (isinstance(side, ast.Attribute) and side.attr == "T"):
                inner = place.text(side)
                tight = isinstance(side, ast.Name | ast.Attribute | ast.Subscript | ast.Call)
                yield place.replace(side, f"{inner if tight else f'({inner})'}.T", "transpose")
        left, right = (place.text(side) for side in sides)
        if isinstance(node, ast.BinOp):
            yield place.replace(node, f"{right} @ {left}", "flip-product")
        elif isinstance(node, ast.Call) and len(node.args) == 2:
            yield place.replace(node, f"{place.text(node.func)}({right}, {left})", "flip-product")


def product_sides(node: ast.expr) -> tuple[ast.expr, ast.expr] | None:
    """The two sides of a product of matrices: a @ b, np.dot(a, b), a.dot(b)."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
        return node.left, node.right
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _PRODUCTS:
        if len(node.args) == 2:
            return node.args[0], node.args[1]
        if len(node.args) == 1:
            return node.func.value, node.args[0]
    return None


def axes(place: Place) -> Iterator[Edit]:
    """Another axis, keepdims more or less, an axis where there is none."""
    for node in place.nodes:
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if node.func.attr not in ("sum", "mean", "max", "argmax"):
            continue
        axis = next((k.value for k in node.keywords if k.arg == "axis"), None)
        positional = node.args[1] if len(node.args) > 1 else None
        if isinstance(node.func.value, ast.Name) and node.func.value.id in ("np", "numpy"):
            given = axis or positional
        else:
            given = axis or (node.args[0] if node.args else None)
        text = place.text(node)
        if isinstance(given, ast.Constant) and given.value in (0, 1):
            yield place.replace(given, str(1 - given.value), "axis")
        elif given is None and text.endswith(")"):
            lead = text[:-1].rstrip().rstrip(",")
            comma = "" if lead.endswith("(") else ", "
            for extra in ("axis=0", "axis=0, keepdims=True", "axis=1, keepdims=True"):
                yield place.replace(node, f"{lead}{comma}{extra})", "axis", 1.5)
        kept = next((k for k in node.keywords if k.arg == "keepdims"), None)
        if kept is not None and isinstance(kept.value, ast.Constant):
            yield place.replace(kept.value, str(not kept.value.value), "keepdims")
        elif given is not None:
            yield place.replace(node, f"{text[:-1].rstrip().rstrip(',')}, keepdims=True)", "keepdims")


def constants(place: Place) -> Iterator[Edit]:
    """Another number; an index or a bound one off."""
    for node in place.nodes:
        parent = place.parents.get(node)
        if isinstance(node, ast.Constant):
            yield from _numbers(place, node)
        elif isinstance(parent, ast.Subscript) and parent.slice is node and not isinstance(node, ast.Slice | ast.Tuple):
            seen = place.seen(node)
            if (seen is not None and seen.kind == "number") or isinstance(node, ast.UnaryOp):
                for step in ("- 1", "+ 1"):
                    yield place.replace(node, f"{place.text(node)} {step}", "index")
                if isinstance(node, ast.BinOp):
                    yield place.replace(node, place.text(node.left), "index")
        elif isinstance(parent, ast.Slice) and isinstance(node, ast.Constant | ast.UnaryOp):
            yield from _slices(place, parent, node)
        elif isinstance(node, ast.Call) and _is(node, "range"):
            yield from _ranges(place, node)


def _numbers(place: Place, node: ast.Constant) -> Iterator[Edit]:
    """One more or less where it counts or is a whole number, twice or half as much elsewhere."""
    value, parent = node.value, place.parents.get(node)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    index = isinstance(parent, ast.Subscript) or (isinstance(parent, ast.Call) and _is(parent, "range"))
    if isinstance(value, int):
        for other in (value - 1, value + 1):
            if other >= 0:
                yield place.replace(node, str(other), "index" if index else "constant")
    if not index and value in (0.5, 1.0, 2.0):
        for new in ("1", "2", "0.5"):
            if float(new) != value:
                yield place.replace(node, new, "constant")


def rows(place: Place) -> Iterator[Edit]:
    """The sum over the batch for one of its rows, each row's own class for all rows, a square where there is none."""
    for node in place.nodes:
        if isinstance(node, ast.Subscript):
            inner = place.text(node.value)
            first = node.slice.upper if isinstance(node.slice, ast.Slice) else node.slice
            if isinstance(first, ast.Constant) and len(place.shape(node.value) or ()) == 2:
                for how in ("axis=0", "axis=0, keepdims=True", "axis=1, keepdims=True"):
                    yield place.replace(node, f"np.sum({inner}, {how})", "rows", 1.5)
            if isinstance(node.slice, ast.Tuple) and isinstance(node.slice.elts[0], ast.Slice):
                picked = place.text(node.slice.elts[-1])
                if node.slice.elts[0].lower is None and isinstance(node.slice.elts[-1], ast.Name | ast.Attribute):
                    whole = f"{inner}[np.arange(len({picked})), {picked}]"
                    yield place.replace(node, whole, "rows", 1.5)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub) and isinstance(node.left, ast.Constant):
            yield place.replace(node.right, f"{bracketed(place, node.right)} ** 2", "power")


def _slices(place: Place, whole: ast.Slice, bound: ast.expr) -> Iterator[Edit]:
    """layers[1:] -> layers."""
    subscript = next((one for one in place.nodes if isinstance(one, ast.Subscript) and one.slice is whole), None)
    if subscript is not None:
        yield place.replace(subscript, place.text(subscript.value), "whole")


def _ranges(place: Place, node: ast.Call) -> Iterator[Edit]:
    """range(1, L) -> range(L), range(L) -> range(L + 1), range(L, 1, -1) -> range(L, 0, -1)."""
    parts = [place.text(one) for one in node.args]
    if len(parts) == 2:
        yield place.replace(node, f"range({parts[1]})", "bound")
    last = 0 if len(parts) == 1 else 1
    if parts and not isinstance(node.args[last], ast.Constant):
        for step in (" + 1", " - 1"):
            yield place.replace(node.args[last], parts[last] + step, "bound")


def comparisons(place: Place) -> Iterator[Edit]:
    """< for >, and with or without the equal case."""
    for node in place.nodes:
        if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _SIGNS:
            left, right = place.text(node.left), place.text(node.comparators[0])
            mine = _SIGNS[type(node.ops[0])]
            for sign in {"<": (">", ">="), "<=": (">", ">="), ">": ("<", "<="), ">=": ("<", "<=")}[mine]:
                yield place.replace(node, f"{left} {sign} {right}", "compare")


def unwrapped(place: Place) -> Iterator[Edit]:
    """What a call is given, in place of what it gives: abs, clip, sign, an activation once too often."""
    for node in place.nodes:
        if isinstance(node, ast.Compare):
            yield place.replace(node, place.text(node.left), "unwrap", 1.2)
        if isinstance(node, ast.IfExp):
            yield place.replace(node, place.text(node.body), "branch")
            yield place.replace(node, place.text(node.orelse), "branch")
        if not isinstance(node, ast.Call) or not node.args or product_sides(node) is not None:
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name not in _UNWRAPPED and not isinstance(node.args[0], ast.Starred):
            yield place.replace(node, place.text(node.args[0]), "unwrap")
            if len(node.args) > 1 and not isinstance(node.args[1], ast.Starred):
                yield place.replace(node, place.text(node.args[1]), "unwrap", 1.5)


def names(place: Place) -> Iterator[Edit]:
    """Another array of the same shape that is in scope, in one place or throughout; two of a pair changed about."""
    by_text: dict[str, list[ast.expr]] = {}
    for node in place.atoms:
        text = ast.unparse(node)
        seen = place.scope.get(text)
        if seen is None or (not seen.shape and not place.hints.scalar):
            continue
        by_text.setdefault(text, []).append(node)
        for other in place.alike(seen.shape):
            if other != text and not other.startswith(f"{text}["):
                yield place.replace(node, other, "name", 1 + 0.5 * _far(text, other))
    for text, nodes in by_text.items():
        for other in place.alike(place.scope[text].shape) if len(nodes) > 1 else ():
            if other != text:
                changes = tuple(Change(place.statement, other, node) for node in nodes)
                yield Edit(changes, "name", nodes[0].lineno, 1.5 + 0.5 * _far(text, other))
    for node in place.nodes:
        if isinstance(node, ast.Tuple) and len(node.elts) == 2 and isinstance(node.ctx, ast.Load):
            first, second = node.elts
            changes = (
                Change(place.statement, place.text(second), first),
                Change(place.statement, place.text(first), second),
            )
            yield Edit(changes, "name", node.lineno, 2)


def _far(one: str, other: str) -> float:
    """How unlike two names are, 0 to 1."""
    return 1 - SequenceMatcher(None, one, other, autojunk=False).ratio()


def _is(node: ast.Call, name: str) -> bool:
    return isinstance(node.func, ast.Name) and node.func.id == name
