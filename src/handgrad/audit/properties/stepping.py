"""Stepping: which way a program steps along its gradients, and whether it uses more than their signs. It is read."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from handgrad.audit.findings import Finding
from handgrad.audit.inspection import Inspection
from handgrad.audit.properties.naming import last_name
from handgrad.audit.properties.places import found
from handgrad.audit.properties.updating import is_rate

Function = ast.FunctionDef | ast.AsyncFunctionDef
_GIVES_GRADIENTS = ("gradients", "backward", "step", "loss")  # roles of functions that may return them
_MEANT = re.compile(r"sign|rprop|lion", re.IGNORECASE)  # optimizers that step by signs, and say so


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
