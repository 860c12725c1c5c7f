"""Lost: an update that ends in a new array, under a name that nobody looks at again. The network keeps the old one.

It is read: what is bound to a name of its own, put into a copy, or handed back by a function and then not kept. So
is a call whose result is thrown away.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from handgrad.audit.dialects.edits import base
from handgrad.audit.findings import Finding
from handgrad.audit.inspection import Inspection
from handgrad.audit.properties.naming import kind_of, last_name
from handgrad.audit.properties.places import found
from handgrad.audit.properties.updating import given, is_rate

Function = ast.FunctionDef | ast.AsyncFunctionDef
_ALIASES = ast.Name | ast.Attribute | ast.Subscript  # of what is there already
_COPIES = {"dict", "list", "copy", "deepcopy", "array"}


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
            if _into_a_copy(scope, node) or _handed_back(tree, scope, node) or _thrown_away(tree, node):
                return [_rebinds(inspection, node)]
            if not isinstance(node, ast.Assign) or not name or name in outer:
                continue
            if kind_of(name) == "x" and not any(is_rate(part) for part in ast.walk(node.value)):
                continue
            if not _of_gradients(node, scope, name):
                continue
            if _comes_anew(scope, node, name) and not _looked_at(scope, node, name):
                return [_rebinds(inspection, node)]
    return []


def _rebinds(inspection: Inspection, node: ast.AST) -> Finding:
    said = ast.unparse(node)
    line = getattr(node, "lineno", 0)
    return found(inspection, "optimizer-rebinds", "error", line, {"optimizer": said}, {}, (said,))


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


def _into_a_copy(scope: ast.Module | Function, node: ast.AST) -> bool:
    """`new[k] = new[k] - lr * g`, or `w -= lr * g`, where new is a copy of what holds the parameters, and w of one."""
    target = onto_itself(node) if isinstance(node, ast.Assign) else None
    arrays = isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Sub | ast.Add)
    target = node.target if isinstance(node, ast.AugAssign) and arrays else target
    entry = isinstance(target, ast.Subscript) and not isinstance(target.slice, ast.Slice)
    if target is None or not isinstance(node, ast.Assign | ast.AugAssign) or not (entry or arrays):
        return False
    name = base(target)
    made = [n for n in _own(scope) if isinstance(n, ast.Assign) and n is not node and base(n.targets[0]) == name]
    if not made or not all(isinstance(n.targets[0], ast.Name) and _copies(n.value, deep=arrays) for n in made):
        return False
    return rated(node.value, scope) and not _looked_at(scope, node, name) and not _comes_round(scope, node, made, name)


def _copies(value: ast.expr, *, deep: bool) -> bool:
    """Whether a value is a copy: dict(params), params.copy(), np.array(w). `deep`: of the arrays in it as well."""
    if isinstance(value, ast.DictComp | ast.Dict) and not deep:
        keys = value.keys if isinstance(value, ast.Dict) else []
        return None in keys  # {**params}
    if not isinstance(value, ast.Call):
        return False
    kind = last_name(value.func)
    entry = [*value.args, *([value.func.value] if isinstance(value.func, ast.Attribute) else [])]
    array = any(isinstance(one, ast.Subscript) for one in entry)
    return kind in _COPIES and (not deep or kind == "deepcopy" or (kind in ("copy", "array") and array))


def _comes_round(scope: ast.AST, node: ast.AST, made: list[ast.Assign], name: str) -> bool:
    """Whether what is changed in a loop is looked at in a later turn of it, for it was copied ahead of the loop."""
    for loop in (n for n in _own(scope) if isinstance(n, ast.For | ast.While)):
        inner = [n for one in loop.body for n in ast.walk(one)]
        if any(n is node for n in inner) and not any(n is one for n in inner for one in made):
            own = {id(n) for n in ast.walk(node)}
            if any(isinstance(n, ast.Name) and n.id == name and id(n) not in own for n in inner):
                return True
    return False


def _handed_back(tree: ast.Module, scope: ast.Module | Function, node: ast.AST) -> bool:
    """`w = rule(w, dw)` of a loop's own w, where the rule gives back a new array and leaves the old one as it was."""
    if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Call):
        return False
    call, target = node.value, node.targets[0]
    names = {one.id for one in getattr(target, "elts", [target]) if isinstance(one, ast.Name)}
    items = {n for loop in _own(scope) if isinstance(loop, ast.For) and any(one is node for one in ast.walk(loop))
             for n in _names(loop.target)}  # fmt: skip
    lost = [i for i, one in enumerate(call.args) if isinstance(one, ast.Name) and one.id in names & items]
    if len(lost) != 1 or _looked_at(scope, node, ast.unparse(call.args[lost[0]])):
        return False
    called = {last_name(call.func)}
    called |= {value.id for name, value in given(tree) if name in called and isinstance(value, ast.Name)}
    rules = [one for one in ast.walk(tree) if isinstance(one, Function) and one.name in called]
    return bool(rules) and all(_makes_anew(one, lost[0] + _bound(one)) for one in rules)


def _thrown_away(tree: ast.Module, node: ast.AST) -> bool:
    """`update(W, b, dW, db, lr)` on a line of its own, where it gives back new arrays and leaves its arguments as they
    were.
    """
    if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Call):
        return False
    call = node.value
    rules = [one for one in ast.walk(tree) if isinstance(one, Function) and one.name == last_name(call.func)]
    handed = [i for i, one in enumerate(call.args) if isinstance(one, ast.Name | ast.Attribute)]
    return bool(rules) and all(any(_gives_back(one, i + _bound(one)) for i in handed) for one in rules)


def _gives_back(function: Function, position: int) -> bool:
    """Whether a function returns the new array that it makes of an argument, or new ones of all that it holds."""
    if _builds_anew(function, position):
        return True
    if not _makes_anew(function, position):
        return False
    name = function.args.args[position].arg
    returned = [n.value for n in _own(function) if isinstance(n, ast.Return) and n.value is not None]
    return bool(returned) and all(name in _names(one) for one in returned)


def _builds_anew(function: Function, position: int) -> bool:
    """Whether a function returns a container of its own that it fills with what an argument holds, a step further:
    `new[k] = params[k] - lr * grads[k]`, or `[w - lr * g for w, g in zip(params, grads)]`. It changes nothing else.
    """
    if position >= len(function.args.args):
        return False
    nodes = list(_own(function))
    fresh = [n for n in nodes if isinstance(n, ast.Assign) and not isinstance(n.value, _ALIASES)]
    made = {n.targets[0].id for n in fresh if isinstance(n.targets[0], ast.Name)}
    stored = [t for n in nodes if isinstance(n, ast.Assign) for t in n.targets if not isinstance(t, ast.Name)]
    kept = all(base(one) in made for one in stored if isinstance(one, ast.Subscript | ast.Attribute))
    if not kept or any(isinstance(n, ast.AugAssign | ast.Global | ast.Nonlocal | ast.Expr) and _acts(n) for n in nodes):
        return False
    held = {function.args.args[position].arg}
    for loop in (n for n in nodes if isinstance(n, ast.For | ast.comprehension)):
        held |= _names(loop.target) if held & _names(loop.iter) else set()
    steps = [n for n in nodes if _is_step(n, held, function)]
    returned = [n.value for n in nodes if isinstance(n, ast.Return) and n.value is not None]
    own = {base(one) for one in stored} & made
    inside = any(part is one for value in returned for part in ast.walk(value) for one in steps)
    filled = any(isinstance(value, ast.Name) and value.id in own for value in returned)
    return bool(steps and returned) and (inside or filled)


def _is_step(node: ast.AST, held: set[str], function: Function) -> bool:
    """Whether it is a parameter and a step: params[k] - lr * grads[k]."""
    match node:
        case ast.BinOp(left=ast.Name() | ast.Subscript() as left, op=ast.Sub() | ast.Add(), right=right):
            return base(left) in held and rated(right, function)
    return False


def _acts(node: ast.stmt) -> bool:
    """Whether a statement may change something, as a docstring does not."""
    return not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


def _bound(function: Function) -> int:
    return int([one.arg for one in function.args.args[:1]] == ["self"])


def _makes_anew(function: Function, position: int) -> bool:
    """Whether a function gives an argument of its own another array, a step further, and changes nothing inside it."""
    if position >= len(function.args.args):
        return False
    name, nodes = function.args.args[position].arg, list(_own(function))
    inside = [n for n in nodes if isinstance(n, ast.AugAssign) and base(n.target) == name]
    entries = [n for n in nodes if isinstance(n, ast.Assign) and base(n.targets[0]) == name]
    anew = [n for n in entries if onto_itself(n) is not None and isinstance(n.targets[0], ast.Name)]
    out = any(isinstance(n, ast.Call) and any(one.arg == "out" for one in n.keywords) for n in nodes)
    steps = any(rated(n.value, function) for n in anew)
    return not inside and not out and steps and anew == entries
