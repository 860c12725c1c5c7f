"""Stepping: whether what a program does with its gradients ever reaches the parameters. What never runs is read.

A new array that is given to a name which nobody looks at again is lost, and of a gradient whose sign alone is used the
size is.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from handgrad.audit.findings import Finding
from handgrad.audit.inspection import Inspection
from handgrad.audit.properties.naming import kind_of, last_name
from handgrad.audit.properties.places import found
from handgrad.audit.properties.updating import is_rate

Function = ast.FunctionDef | ast.AsyncFunctionDef
_GIVES_GRADIENTS = ("gradients", "backward", "step", "loss")  # roles of functions that may return them
_MEANT = re.compile(r"sign|rprop|lion", re.IGNORECASE)  # optimizers that step by signs, and say so


def lost_update(inspection: Inspection) -> list[Finding]:
    """`w = w - lr * g` where w is a name that nobody looks at afterwards: the network keeps the old array."""
    if any(finding.code == "never-updated" for finding in inspection.diagnosis.findings):
        return []  # that is said
    tree = inspection.program.tree
    scopes: list[ast.Module | Function] = [tree, *(node for node in ast.walk(tree) if isinstance(node, Function))]
    for scope in scopes:
        outer = {n for node in _own(scope) if isinstance(node, ast.Global | ast.Nonlocal) for n in node.names}
        for node in _own(scope):
            target = onto_itself(node)
            name = target.id if isinstance(target, ast.Name) else ""
            if not isinstance(node, ast.Assign) or not name or name in outer or kind_of(name) == "x":
                continue
            if not _of_gradients(node, scope, name):
                continue
            if _comes_anew(scope, node, name) and not _looked_at(scope, node, name):
                return [_rebinds(inspection, node)]
    return []


def _rebinds(inspection: Inspection, node: ast.Assign) -> Finding:
    said = ast.unparse(node)
    return found(inspection, "optimizer-rebinds", "error", node.lineno, {"optimizer": said}, {}, (said,))


def _own(scope: ast.AST) -> Iterator[ast.AST]:
    """All nodes of a scope, without those of functions and classes within."""
    for node in ast.iter_child_nodes(scope):
        if not isinstance(node, Function | ast.ClassDef):
            yield node
            yield from _own(node)


def onto_itself(node: ast.AST) -> ast.expr | None:
    """w of `w = w - ...` and `w = w + ...`."""
    match node:
        case ast.Assign(targets=[target], value=ast.BinOp(left=left, op=ast.Sub() | ast.Add())):
            return target if ast.unparse(left) == ast.unparse(target) else None
    return None


def _of_gradients(node: ast.Assign, scope: ast.AST, name: str) -> bool:
    """Whether what is added says that it is a step: by a learning rate, or by what goes with the name in its loop."""
    partners = {
        part.id for loop in _own(scope) if isinstance(loop, ast.For) and name in _names(loop.target)
        for part in ast.walk(loop.target) if isinstance(part, ast.Name)
    }  # fmt: skip
    return rated(node.value, scope) or bool((_names(node.value) - {name}) & partners)


def rated(value: ast.expr, scope: ast.AST) -> bool:
    """Whether an expression holds a learning rate or a velocity, or something that the scope makes of a rate."""
    held = {ast.unparse(part) for part in ast.walk(value) if isinstance(part, ast.Name | ast.Attribute | ast.Subscript)}
    made = [n.value for n in _own(scope) if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) in held]
    return any(_is_rate(part) for one in (value, *made) for part in ast.walk(one))


def _is_rate(part: ast.AST) -> bool:
    if isinstance(part, ast.Subscript) and isinstance(part.slice, ast.Constant) and isinstance(part.slice.value, str):
        return is_rate(ast.Name(part.slice.value))
    return is_rate(part) or "velocity" in last_name(part).lower()


def _comes_anew(scope: ast.AST, node: ast.AST, name: str) -> bool:
    """Whether the name is set afresh ahead of the statement each time that it runs."""
    around = [
        one for one in _own(scope) if isinstance(one, ast.For | ast.While) and any(n is node for n in ast.walk(one))
    ]
    if not around:
        arguments = scope.args if isinstance(scope, Function) else None
        return arguments is not None and name in {a.arg for a in (*arguments.posonlyargs, *arguments.args)}
    inner = max(around, key=lambda one: one.lineno)
    if isinstance(inner, ast.For) and name in _names(inner.target):
        return True
    line = getattr(node, "lineno", 0)
    before = [n for one in inner.body for n in ast.walk(one) if isinstance(n, ast.Assign) and n.lineno < line]
    fresh = [n for n in before if any(name in _names(t) for t in n.targets) and name not in _names(n.value)]
    reads = [n for n in _own(scope) if isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Load)]
    return bool(fresh) and not any(inner.lineno <= n.lineno < fresh[0].lineno for n in reads)


def _looked_at(scope: ast.AST, node: ast.AST, name: str) -> bool:
    """Whether the name is read after the statement, or by a function within."""
    last = getattr(node, "end_lineno", 0)
    for part in ast.walk(scope):
        if isinstance(part, ast.Name) and part.id == name and isinstance(part.ctx, ast.Load) and part.lineno > last:
            return True
    inner = [one for one in ast.walk(scope) if isinstance(one, Function | ast.Lambda) and one is not scope]
    return isinstance(scope, Function) and any(name in _names(one) for one in inner)


def _names(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def only_sign(inspection: Inspection) -> list[Finding]:
    """An update by the sign of the gradient alone. The sign of the weight itself is the slope of an L1 penalty."""
    if any(finding.code == "gradient-sign-only" for finding in inspection.diagnosis.findings):
        return []
    tree = inspection.program.tree
    named = [one for one in ast.walk(tree) if isinstance(one, Function | ast.ClassDef) and _MEANT.search(one.name)]
    meant = {id(node) for one in named for node in ast.walk(one)}
    for node in ast.walk(tree):
        target, moved = _moved_by(node)
        if target is None or moved is None or id(node) in meant:
            continue
        for factor in _factors(moved):
            inside = _sign_of(factor)
            if inside is not None and inside != ast.unparse(target):
                line = getattr(node, "lineno", 0)
                where = tuple(inspection.reading.subject.parameters())
                return [found(inspection, "gradient-sign-only", "warning", line, {}, {}, where)]
    return []


def climbing(inspection: Inspection) -> list[Finding]:
    """`w += lr * grads[key]` in a loop, where the gradients were found to be right: the step goes up."""
    reading, tree = inspection.reading, inspection.program.tree
    if reading.subject.gradients is None or not inspection.diagnosis.ok:
        return []
    back = {getattr(one, "__name__", "") for role, one in reading.functions.items() if role in _GIVES_GRADIENTS}
    made = [n for n in ast.walk(tree) if isinstance(n, ast.Assign)]
    grads = {name for n in made for name in _last_names(n.targets[0]) if _calls(n.value, back)}
    steps = (_moved_by(n)[1] for n in ast.walk(tree) if not isinstance(getattr(n, "op", None), ast.Add))
    taken = {ast.unparse(part) for step in steps if step is not None for part in ast.walk(step)}  # a sum, or a mean
    for node in ast.walk(tree):
        if not isinstance(node, ast.AugAssign) or not isinstance(node.op, ast.Add):
            continue
        factors, target = list(_factors(node.value)), ast.unparse(node.target)
        ours = [one for one in factors if isinstance(one, ast.Name | ast.Subscript) and _root(one) in grads]
        rates = [one for one in factors if is_rate(one) or _is_positive(one)]
        minus = any(isinstance(part, ast.USub) for part in ast.walk(node.value))
        if len(ours) == 1 and len(rates) == len(factors) - 1 > 0 and not minus and target not in taken:
            where = tuple(reading.subject.parameters())
            return [found(inspection, "sign-flipped", "error", node.lineno, {"factor": -1.0}, {"factor": 1.0}, where)]
    return []


def _calls(node: ast.expr, names: set[str]) -> bool:
    return isinstance(node, ast.Call) and last_name(node.func) in names


def _is_positive(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, float) and node.value > 0


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _last_names(target: ast.expr) -> list[str]:
    """The name that is assigned, the last of several: loss, grads = ..."""
    last = target.elts[-1] if isinstance(target, ast.Tuple) and target.elts else target
    return [last.id] if isinstance(last, ast.Name) else []


def _moved_by(node: ast.AST) -> tuple[ast.expr | None, ast.expr | None]:
    """(w, what is taken from it) of `w -= step` and `w = w - step`."""
    match node:
        case ast.AugAssign(target=target, op=ast.Sub() | ast.Add(), value=value):
            return target, value
        case ast.Assign(targets=[target], value=ast.BinOp(left=left, op=ast.Sub(), right=value)) if ast.unparse(
            left
        ) == ast.unparse(target):
            return target, value
        case ast.Call(func=ast.Name(id="setattr"), args=[_, _, ast.BinOp(left=left, op=ast.Sub(), right=value)]):
            return left, value
    return None, None


def _factors(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div):
        yield from _factors(node.left)
        yield from _factors(node.right)
    elif isinstance(node, ast.UnaryOp):
        yield from _factors(node.operand)
    else:
        yield node


def _sign_of(node: ast.expr) -> str | None:
    """g of np.sign(g), and of (1 if g > 0 else -1)."""
    match node:
        case ast.Call(func=func, args=[inside]) if last_name(func) == "sign":
            return ast.unparse(inside)
        case ast.IfExp(
            test=ast.Compare(left=inside, comparators=[ast.Constant(value=0 | 0.0)]),
            body=ast.Constant(value=1 | 1.0), orelse=ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=1 | 1.0)),
        ):  # fmt: skip
            return ast.unparse(inside)
    return None
