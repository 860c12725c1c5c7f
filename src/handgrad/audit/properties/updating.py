"""Updating: whether a training loop updates at all, and whether it multiplies by the learning rate once. Both are read.

An update is a statement that takes a multiple of the learning rate from something; what it is a multiple of is followed
through assignments and returned values, as one follows a unit of measure.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator

from handgrad.audit.dialects.calling import UPDATE, plain
from handgrad.audit.findings import Finding
from handgrad.audit.inspection import Inspection
from handgrad.audit.judging.rates import TWICE
from handgrad.audit.properties.naming import last_name
from handgrad.audit.properties.places import found

RATES = {
    "lr",
    "learningrate",
    "learnrate",
    "eta",
    "stepsize",
    "currentlearningrate",
    "currentlr",
}  # alpha is also the slope of a leaky ReLU, rate dropout's
_PRODUCTS = {"dot", "matmul", "outer", "multiply", "einsum", "tensordot"}
_SAME = {"sum", "mean", "copy", "array", "asarray", "reshape", "squeeze", "ravel", "flatten", "transpose", "clip", "T"}
BACK = re.compile(r"back_?ward|back_?prop|^grad(ient)?s?$|compute_grad|gradients?$", re.I)
_UPDATE = {plain(name) for name in UPDATE}
_ANYTHING = re.compile("")
TRAINS = re.compile(r"train|fit|learn|epoch|iter|batch|main|step|sgd|descent", re.I)
_PASSES = 3  # through the file, for what is assigned below and used above


def rate_twice(inspection: Inspection) -> list[Finding]:
    """A step that is multiplied by the learning rate once more than it should be."""
    if any(one.code == TWICE for one in inspection.diagnosis.findings):
        return []
    tree = inspection.program.tree
    first = next(iter(_Degrees(tree).twice()), None) or next(_squared(tree), None)
    if first is None:
        return []
    return [found(inspection, TWICE, "warning", first, {"power": 2.0}, {"power": 1.0})]


def _squared(tree: ast.Module) -> Iterator[int]:
    """Lines with a step that has one rate as a factor twice over, whatever people call it: rate * rate * g."""
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt) and (moved := _change(node)[0]) is not None:
            factors = [ast.unparse(one) for one in _all_factors(moved) if is_rate(one)]
            if len(factors) > len(set(factors)):
                yield node.lineno


def _all_factors(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        yield from _all_factors(node.left)
        yield from _all_factors(node.right)
    else:
        yield node.operand if isinstance(node, ast.UnaryOp) else node


def rate_line(inspection: Inspection, finding: Finding) -> int | None:
    """Where the learning rate comes in too early, for steps that are known to take it twice."""
    if finding.code != TWICE:
        return None
    tree = inspection.program.tree
    degrees = _Degrees(tree)
    return next(iter((*degrees.twice(), *_squared(tree), *degrees.outside())), None)


def velocity_line(inspection: Inspection, finding: Finding) -> int | None:
    """Where a share of something's old value is taken with a minus, for steps that turn their velocity round."""
    if finding.code != "optimizer-velocity-sign":
        return None
    for one in ast.walk(inspection.program.tree):
        if isinstance(one, ast.Assign):
            own = ast.unparse(one.targets[0])
            for part in ast.walk(one.value):
                match part:
                    case (
                        ast.BinOp(left=ast.UnaryOp(op=ast.USub()), op=ast.Mult(), right=kept)
                        | ast.BinOp(op=ast.Sub(), right=ast.BinOp(op=ast.Mult(), right=kept))
                    ) if ast.unparse(kept) == own:
                        return one.lineno
    return None


def never_called(inspection: Inspection) -> list[Finding]:
    """A training loop that goes back and updates nothing, in a file that has an update and calls it nowhere."""
    tree = inspection.program.tree
    functions = [one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef)]
    updates = {one.name for one in functions if any(takes_a_step(node) for node in ast.walk(one))}
    within = {id(node) for one in functions if one.name in updates for node in ast.walk(one)}
    outside = {_said(one) for one in ast.walk(tree) if id(one) not in within}
    named = {"__call__", "__init__"} & updates  # which are called without their name
    itself = any(TRAINS.search(one.name) and _own_calls(one, BACK) for one in functions if one.name in updates)
    loose = any(takes_a_step(node) and id(node) not in within for node in ast.walk(tree))
    if not updates or named or itself or loose or updates & outside:
        return []
    for name, loop in _training(tree):
        if id(loop) in within or any(plain(last_name(one.func)) in _UPDATE for one in _own_calls(loop, _ANYTHING)):
            continue  # what is called may come from another file
        back = _own_calls(loop, BACK)
        if back and TRAINS.search(name) and last_name(back[-1].func) not in updates:
            measured = {"update": sorted(updates)[0], "backward": last_name(back[-1].func)}
            return [found(inspection, "update-never-called", "error", back[-1].lineno, measured)]
    return []


def _said(node: ast.AST) -> str:
    """The name, or the text, that a node is: what is handed on or looked up may be called elsewhere."""
    text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
    return text or last_name(node)


def _training(tree: ast.Module) -> Iterator[tuple[str, ast.For | ast.While]]:
    """(what it is called, or stands in) of each loop."""
    scopes: list[ast.FunctionDef | ast.Module] = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]
    for scope in (*scopes, tree):
        for loop in _loops(scope.body):
            said = ast.unparse(loop.target) + ast.unparse(loop.iter) if isinstance(loop, ast.For) else ""
            yield getattr(scope, "name", "") + " " + said, loop


def _loops(body: list[ast.stmt]) -> Iterator[ast.For | ast.While]:
    for one in body:
        if isinstance(one, ast.For | ast.While):
            yield one
        elif isinstance(one, ast.If | ast.With | ast.Try):
            yield from _loops(one.body)


def _own_calls(inside: ast.AST, of: re.Pattern[str]) -> list[ast.Call]:
    calls = (n for n in ast.walk(inside) if isinstance(n, ast.Call) and of.search(last_name(n.func)))
    return sorted(calls, key=lambda n: n.lineno)


def takes_a_step(node: ast.AST) -> bool:
    """Whether a statement moves something by a multiple of the learning rate, or of a velocity."""
    if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Sub | ast.Add):
        return any(is_rate(part) or _says(part, "vel") for part in ast.walk(node.value))
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.BinOp) and isinstance(node.value.op, ast.Sub):
        return any(is_rate(part) for part in ast.walk(node.value))
    return False


def is_rate(node: ast.AST) -> bool:
    """Whether a name is one that people give to a learning rate."""
    return isinstance(node, ast.Name | ast.Attribute) and plain(last_name(node)) in RATES | {"alpha", "rate"}


def _says(node: ast.AST, word: str) -> bool:
    return word in last_name(node).lower()


class _Degrees:
    """How often the learning rate is a factor of what each name of a file holds."""

    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        self.held: dict[tuple[str, str], int] = defaultdict(int)
        self.owners: dict[str, str] = {}  # scope -> the class that it is a method of
        self.returned: dict[str, int] = defaultdict(int)
        self.statements: list[tuple[str, ast.stmt]] = []
        self.handed: dict[tuple[str, str], list[tuple[str, ast.expr]]] = defaultdict(list)  # argument -> (scope, what)
        self._gather("", tree.body)
        self._hand()
        self.own = {  # (class, attribute) that it assigns itself: what others keep by that name is another thing
            (self.owners[scope], name)
            for scope, one in self.statements
            if scope in self.owners and isinstance(one, ast.Assign)
            for place, name in map(_key, one.targets)
            if place
        }
        for _ in range(_PASSES):
            for scope, one in self.statements:
                self._assign(scope, one)
            for key, values in self.handed.items():
                self._hold(key[0], ast.Name(key[1]), min(self._degree(*one) for one in values))

    def twice(self) -> list[int]:
        """Lines at which a step comes to have it twice: where it comes in first, if that is not in the update."""
        for scope, one in self.statements:
            added, target = _change(one)
            if added is None or target is None or _key(target)[1] in RATES:
                continue
            if self._degree(scope, added) >= 2:
                return [*self._sources(scope, added), one.lineno]
        return []

    def outside(self) -> list[int]:
        """Lines with the rate as a factor, outside of updates; those of a backward pass and what is handed on first."""
        lines = [
            (0 if BACK.search(scope.partition("@")[0]) else 2, one.lineno) for scope, one in self.statements
            if isinstance(one, ast.Assign) and _change(one)[0] is None and _factor(one.value)
        ]  # fmt: skip
        calls = (node for node in ast.walk(self.tree) if isinstance(node, ast.Call) and not _of_numpy(node))
        lines += [(1, node.lineno) for node in calls if any(map(_factor, node.args))]
        return [line for _, line in sorted(lines)]

    def _gather(self, scope: str, body: list[ast.stmt], owner: str = "") -> None:
        for one in body:
            if isinstance(one, ast.Assign | ast.AugAssign | ast.Return | ast.Expr):
                self.statements.append((scope, one))
            inside = f"{one.name}@{one.lineno}" if isinstance(one, ast.FunctionDef) else scope
            if owner and inside:
                self.owners[inside] = owner
            for part in ("body", "orelse", "finalbody"):
                self._gather(inside, getattr(one, part, []), one.name if isinstance(one, ast.ClassDef) else owner)

    def _hand(self) -> None:
        """What functions of the file are called with, by a name of their own or one that is given to them."""
        functions = {one.name: one for one in ast.walk(self.tree) if isinstance(one, ast.FunctionDef)}
        names = [one.name for one in ast.walk(self.tree) if isinstance(one, ast.FunctionDef)]
        meant = {name: {name} for name in functions if names.count(name) == 1}
        for name, meaning in given(self.tree):
            if isinstance(meaning, ast.Name) and meaning.id in functions:
                meant.setdefault(name, set()).add(meaning.id)
        calls = [
            (scope, node) for scope, one in self.statements for node in ast.walk(one) if isinstance(node, ast.Call)
        ]
        for scope, call in calls:
            for name in meant.get(last_name(call.func), ()):
                arguments = [one.arg for one in functions[name].args.args]
                bound = isinstance(call.func, ast.Attribute) and arguments[:1] == ["self"]
                for argument, value in zip(arguments[bound:], call.args, strict=False):
                    self.handed[f"{name}@{functions[name].lineno}", argument].append((scope, value))

    def _place(self, scope: str, node: ast.expr) -> tuple[str, str]:
        """The key under which a name is held: an attribute's class where that assigns it, else the whole file."""
        place, name = _key(node)
        owner = self.owners.get(scope, "")
        return (f".{owner}" if (owner, name) in self.own else ".") if place else scope, name

    def _kept(self, scope: str, target: ast.expr) -> set[tuple[str, str]]:
        """The keys of what is assigned; an attribute's for other classes as well."""
        key = self._place(scope, target)
        return {key, (".", key[1])} if key[0].startswith(".") else {key}

    def _assign(self, scope: str, one: ast.stmt) -> None:
        if isinstance(one, ast.Return) and one.value is not None:
            self.returned[scope] = max(self.returned[scope], self._degree(scope, one.value))
        elif isinstance(one, ast.AugAssign) and isinstance(one.op, ast.Mult):
            self._hold(scope, one.target, self._degree(scope, one.target) or self._degree(scope, one.value))
        elif isinstance(one, ast.Assign) and _change(one)[0] is None:
            for target in one.targets:
                for each, value in _pairs(target, one.value):
                    self._hold(scope, each, self._degree(scope, value, _key(each)[1]))

    def _hold(self, scope: str, target: ast.expr, degree: int) -> None:
        for key in self._kept(scope, target):
            if key[1] not in RATES and degree:
                self.held[key] = max(self.held[key], min(degree, 2))

    def _sources(self, scope: str, added: ast.expr) -> list[int]:
        """The statement that gave the rate to a factor of an update, ahead of it."""
        wanted, seen = self._holding(scope, added), set[tuple[str, str]]()
        while wanted - seen:
            seen |= wanted
            for where, one in self.statements:
                targets = one.targets if isinstance(one, ast.Assign) else []
                if isinstance(one, ast.Assign) and any(self._kept(where, each) & seen for each in targets):
                    if _factor(one.value):
                        return [one.lineno]
                    wanted = wanted | self._holding(where, one.value)
        return []

    def _holding(self, scope: str, node: ast.expr) -> set[tuple[str, str]]:
        """The names in an expression that have the rate as a factor."""
        keys = {self._place(scope, part) for part in ast.walk(node) if isinstance(part, ast.Name | ast.Attribute)}
        return {key for key in keys if self.held[key]}

    def _degree(self, scope: str, node: ast.expr, own: str = "") -> int:
        """Of an expression; a sum has what all of its terms have, its own old value aside."""

        def of(part: ast.expr) -> int:
            return self._degree(scope, part, own)

        match node:
            case ast.Name() | ast.Attribute():
                if isinstance(node, ast.Attribute) and node.attr == "T":
                    return of(node.value)
                key = self._place(scope, node)
                return 1 if key[1] in RATES else self.held[key]
            case ast.BinOp(op=ast.Mult() | ast.MatMult()):
                return of(node.left) + of(node.right)
            case ast.BinOp(op=ast.Div()):
                return of(node.left) - of(node.right)
            case ast.BinOp(op=ast.Pow(), right=ast.Constant(value=int(power))):
                return of(node.left) * power
            case ast.BinOp(op=ast.Add() | ast.Sub()):
                mine = [part for part in (node.left, node.right) if not own or own not in _names(part)]
                return min(map(of, mine), default=0)
            case ast.UnaryOp():
                return of(node.operand)
            case ast.Subscript(slice=ast.Constant(value=str(key))) if plain(key) in RATES:
                return 1
            case ast.Subscript():
                return of(node.value)
            case ast.Tuple() | ast.List():
                return max(map(of, node.elts), default=0)
            case ast.Call():
                return self._called(scope, node)
        return 0

    def _called(self, scope: str, node: ast.Call) -> int:
        name = last_name(node.func)
        parts = list(node.args)
        if isinstance(node.func, ast.Attribute) and last_name(node.func.value) not in ("np", "numpy"):
            parts.insert(0, node.func.value)
        degrees = [self._degree(scope, part) for part in parts]
        if name in _PRODUCTS:
            return sum(degrees)
        if name in _SAME and degrees:
            return degrees[0]
        return min((had for scope, had in self.returned.items() if scope.startswith(f"{name}@")), default=0)


def given(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """(name, what it is given) by defaults of arguments, by keywords, and by assignments."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.args.defaults:
            last = node.args.args[-len(node.args.defaults) :]
            yield from ((one.arg, value) for one, value in zip(last, node.args.defaults, strict=True))
        elif isinstance(node, ast.Call):
            yield from ((one.arg, one.value) for one in node.keywords if one.arg)
        elif isinstance(node, ast.Assign):
            yield from ((last_name(target), node.value) for target in node.targets)


def _of_numpy(node: ast.Call) -> bool:
    return isinstance(node.func, ast.Attribute) and last_name(node.func.value) in ("np", "numpy")


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Each name with its value, for several at once."""
    if not isinstance(target, ast.Tuple | ast.List):
        yield target, value
    elif isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts):
        yield from zip(target.elts, value.elts, strict=True)
    elif isinstance(value, ast.Call):
        yield from ((each, value) for each in target.elts)


def _change(one: ast.stmt) -> tuple[ast.expr | None, ast.expr | None]:
    """(what is added to or taken from something, that) for w -= a, w = w - a, and the like."""
    if isinstance(one, ast.AugAssign) and isinstance(one.op, ast.Sub | ast.Add):
        return one.value, one.target
    if isinstance(one, ast.Assign) and isinstance(one.value, ast.BinOp) and isinstance(one.value.op, ast.Sub | ast.Add):
        target, value = one.targets[0], one.value
        if ast.unparse(value.left) == ast.unparse(target):
            return value.right, target
    return None, None


def _factor(value: ast.expr) -> bool:
    """Whether the rate is a factor somewhere within, and not the whole."""
    return not is_rate(value) and any(
        isinstance(part, ast.BinOp)
        and isinstance(part.op, ast.Mult)
        and any(isinstance(n, ast.Name | ast.Attribute) and plain(last_name(n)) in RATES for n in ast.walk(part))
        for part in ast.walk(value)
    )


def _key(node: ast.expr) -> tuple[str, str]:
    """("." of an attribute, its plain name); the elements of a list or dictionary count as one."""
    while isinstance(node, ast.Subscript | ast.Starred):
        node = node.value
    return ("." if isinstance(node, ast.Attribute) else "", plain(last_name(node)))


def _names(node: ast.expr) -> set[str]:
    return {plain(last_name(part)) for part in ast.walk(node) if isinstance(part, ast.Name | ast.Attribute)}
