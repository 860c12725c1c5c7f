"""Edits about derivatives: one that is missing, fed the wrong array, of another function, or too much or too little of
the softmax's Jacobian.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from handgrad.audit.repair.edits import Edit
from handgrad.audit.repair.places import Place, bracketed, joined

_WRITTEN = {
    "sigmoid": ("{a} * (1 - {a})",),
    "tanh": ("(1 - {a} ** 2)",),
    "relu": ("({a} > 0)",),
    "elu": ("np.where({a} > 0, 1, np.exp({a}))", "np.where({a} > 0, 1, {a} + 1)"),
}
_ALL = ("{a} * (1 - {a})", "({a} > 0)", "(1 - {a} ** 2)")
JACOBIAN = "{p} * ({d} - np.sum({d} * {p}, axis={axis}, keepdims=True))"


def missing(place: Place) -> Iterator[Edit]:
    """The derivative of an activation, as a factor of what a statement makes, or a lambda in it."""
    for node in place.nodes:
        if isinstance(node, ast.Lambda):
            shapes = dict.fromkeys(seen.shape for seen in place.scope.values() if len(seen.shape) == 2)
            for factor, size in (one for inner in shapes for one in _factors(place, inner)):
                yield place.replace(node.body, joined(place, node.body, "*", factor), "slope", size)
    value, shape = place.value, () if place.hints.scalar else place.result
    kinds = (ast.Assign, ast.AugAssign) if place.hints.scalar else (ast.Assign, ast.AugAssign, ast.Return)
    if value is None or shape is None or not isinstance(place.statement, kinds):
        return
    plain = 0.3 * isinstance(value, ast.Name | ast.Attribute)  # da = dz cries for a factor
    for factor, size in _factors(place, shape):
        yield place.replace(value, joined(place, value, "*", factor), "slope", size - plain)
    if len(shape) == 2:
        for p in _arrays(place, shape):
            yield place.replace(value, joined(place, value, "/", f"({p} * (1 - {p}))"), "divide-slope", 3)


def arguments(place: Place) -> Iterator[Edit]:
    """The derivative of an activation as a factor of what one call is given."""
    for node in place.nodes:
        if not isinstance(node, ast.Call):
            continue
        for given in node.args:
            shape = place.shape(given)
            if shape and given is not place.value:
                for factor, size in _factors(place, shape):
                    yield place.replace(given, joined(place, given, "*", factor), "slope", size + 0.5)
                for p in _arrays(place, shape):
                    new = joined(place, given, "/", f"({p} * (1 - {p}))")
                    yield place.replace(given, new, "divide-slope", 3.5)


def at_entry(place: Place) -> Iterator[Edit]:
    """The derivative as a factor of what a function is handed, in a line of its own at its beginning."""
    function = place.source.function(place.statement)
    if function is None or not function.body:
        return
    first = next((one for one in function.body if not _is_docstring(one)), None)
    if first is not place.statement:
        return
    for argument in function.args.args:
        seen = place.scope.get(argument.arg)
        if seen is None or len(seen.shape) < 2:
            continue
        for factor, size in _factors(place, seen.shape):
            yield place.rewrite(f"{argument.arg} = {argument.arg} * {factor}", "slope", size + 1, "before")


def functions(place: Place) -> Iterator[Edit]:
    """Another of the file's derivatives, called or handed on; and another way to write one."""
    for node in place.nodes:
        text = place.text(node) if isinstance(node, ast.Name | ast.Attribute) else ""
        if text in place.hints.slopes:
            for other in place.hints.slopes:
                if other != text:
                    yield place.replace(node, other, "function")
        if isinstance(node, ast.BinOp) and not isinstance(node.op, ast.MatMult):
            yield from _rewritten(place, node)
    for whole, parts in place.products:
        yield from _rewritten_product(place, whole, parts)


def _rewritten_product(place: Place, whole: ast.BinOp, parts: list[ast.expr]) -> Iterator[Edit]:
    """dy * a * (1 - a) with another derivative, or the same of another array, for the factors that speak of one."""
    words = [{ast.unparse(one) for one in place.atoms if _within(one, part)} for part in parts]
    for text in dict.fromkeys(text for several in words for text in several):
        rest = [bracketed(place, part) for part, several in zip(parts, words, strict=True) if several != {text}]
        seen = place.scope.get(text)
        if not rest or len(rest) == len(parts) or seen is None:
            continue
        for other in [text, *(one for one in place.alike(seen.shape) if one != text)]:
            for form in _forms(place):
                slope = form.format(a=other)
                yield place.replace(whole, " * ".join([*rest, slope]), "rewrite-slope", 2 + (other != text))


def _rewritten(place: Place, node: ast.BinOp) -> Iterator[Edit]:
    """a * (1 - a), 1 - a ** 2 or the like, as the derivative of another activation."""
    atoms = {ast.unparse(one): place.text(one) for one in place.atoms if _within(one, node)}
    shapes = {text: seen.shape for text in atoms if (seen := place.scope.get(text)) is not None and seen.shape}
    if len(shapes) == 1:
        (text,) = shapes
        for form in _forms(place):
            new = form.format(a=text)
            if new != place.text(node):
                yield place.replace(node, new, "rewrite-slope", 2)
    elif len(shapes) == 2 and isinstance(node.op, ast.Mult):
        for text in shapes:
            other = next(one for one in shapes if one != text)
            for form in _forms(place):
                yield place.replace(node, f"{other} * {form.format(a=text)}", "rewrite-slope", 2.5)


def jacobians(place: Place) -> Iterator[Edit]:
    """The whole Jacobian of a softmax for its diagonal."""
    value, shape = place.value, place.result
    for node in place.nodes:
        if isinstance(node, ast.Call) and node.args and _called(node) in ("diag", "diagflat"):
            inner = node.args[0]
            names = [one for one in place.atoms if _within(one, inner)]
            if names:
                s = place.text(names[0])
                flat = isinstance(node.func, ast.Attribute) and _called(node) == "diagflat"
                outer = f"np.dot({s}, {s}.T)" if flat else f"np.outer({s}, {s})"
                yield place.replace(node, f"{place.text(node.func)}({s}) - {outer}", "jacobian", 2)
    if value is None or not shape or len(shape) != 2:
        return
    atoms = dict.fromkeys(place.text(one) for one in place.atoms if place.shape(one) == shape)
    for p in atoms:
        for d in atoms:
            if p != d:
                for axis in (1, 0):
                    yield place.replace(
                        value, JACOBIAN.format(p=p, d=d, axis=axis), "jacobian", 2.5 + 0.1 * (axis == 0)
                    )


def _factors(place: Place, shape: tuple[int, ...]) -> Iterator[tuple[str, float]]:
    """(text, how far-fetched) of every derivative of that shape that can be written with what is in scope."""
    for mask in place.alike(shape, boolean=True):
        yield mask, 1.0
        yield f"~{mask}", 1.2
    arrays = _arrays(place, shape)
    for text in arrays:
        for slope in place.hints.slopes:
            yield f"{slope}({text})", 1.3
        for form in _forms(place):
            yield form.format(a=text), 1.5


def _forms(place: Place) -> tuple[str, ...]:
    """The ways to write the derivative of the network's activation, of its output or of its input."""
    if place.hints.hidden.startswith("leaky"):
        return tuple(f"np.where({{a}} > 0, 1, {leak})" for leak in place.hints.leaks)
    return _WRITTEN.get(place.hints.hidden, ()) or _ALL


def _arrays(place: Place, shape: tuple[int, ...]) -> list[str]:
    return [text for text in place.alike(shape) if "T" not in text.rpartition(".")[2:][-1:]][:8]


def _within(one: ast.expr, node: ast.expr) -> bool:
    return any(one is inner for inner in ast.walk(node))


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _is_docstring(one: ast.stmt) -> bool:
    return isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant)
