"""Edits: the two things that a loop cut out of a file must give away: the loss that it reports, and its learning rate.

Both are changed in a copy of the syntax tree, and only there: a loss that is merely printed gets a name, and a learning
rate that was written as a number, or left out because it is 1, becomes a name.
"""

from __future__ import annotations

import ast
import copy
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from handgrad.audit.dialects.roles import is_buffer, is_loss, role, words

RATE = "_rate_"
LOSS = "_loss_{}_"


def base(node: ast.AST) -> str:
    """The name at the bottom of a chain: W of W[0].T, "" for anything else."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def callee(node: ast.Call) -> str:
    """The last word of what is called: dot of np.dot(...)."""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def reads(node: ast.AST) -> set[str]:
    """All names that are read anywhere below."""
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}


class Losses:
    """Names that may hold the loss after a turn, the likeliest first; unnamed ones get a name of their own."""

    def __init__(self) -> None:
        self.plain: list[str] = []
        self.gathered: list[str] = []
        self.shown: list[str] = []

    def names(self) -> list[str]:
        """Assigned ones, then those that lists gather or that are printed, then sums over an epoch."""
        return list(dict.fromkeys([*self.plain, *self.shown, *self.gathered]))

    def give(self, body: list[ast.stmt]) -> list[ast.stmt]:
        """The body in which each loss has a name, and is worked out in every turn."""
        found: list[ast.stmt] = []
        for one in body:
            if isinstance(one, ast.Assign):
                self.plain += [
                    n.id for t in one.targets for n in ast.walk(t) if isinstance(n, ast.Name) and is_loss(n.id)
                ]
                # self.loss = ..., history['loss'] = ...
                if any(isinstance(t, ast.Attribute | ast.Subscript) and self._says(t) for t in one.targets):
                    made = self._named(one.value)
                    one.value = _once(made, one.value)
                    found += made
            elif isinstance(one, ast.AugAssign) and is_loss(base(one.target)):
                self.gathered.append(base(one.target))
                made = self._named(one.value)
                one.value = _once(made, one.value)
                found += made
            elif isinstance(one, ast.Expr) and isinstance(one.value, ast.Call):
                for value in _told(one.value):
                    made = self._named(value)
                    one.value.args = [_once(made, a) if a is value else a for a in one.value.args]
                    found += made
            elif isinstance(one, ast.Return) and one.value is not None:
                several = one.value.elts if isinstance(one.value, ast.Tuple) else [one.value]
                for value in several:
                    found += self._named(value)
            elif isinstance(one, ast.If):
                one = self._opened(one)
            elif isinstance(one, ast.For | ast.While | ast.With):
                one.body = self.give(one.body)
            found.append(one)
        return found

    @staticmethod
    def _says(target: ast.Attribute | ast.Subscript) -> bool:
        word = target.attr if isinstance(target, ast.Attribute) else getattr(target.slice, "value", "")
        return isinstance(word, str) and is_loss(word)

    def _named(self, value: ast.expr) -> list[ast.stmt]:
        if isinstance(value, ast.Name):
            self.shown.append(value.id)
            return []
        if not any(isinstance(n, ast.Call | ast.BinOp | ast.Attribute | ast.Subscript) for n in ast.walk(value)):
            return []
        name = LOSS.format(len(self.shown))
        self.shown.append(name)
        assign = ast.Assign([ast.Name(name, ast.Store())], copy.deepcopy(value))
        return [_forgiven(ast.fix_missing_locations(ast.copy_location(assign, value)))]

    def _opened(self, one: ast.If) -> ast.If:
        """`if epoch % 100 == 0:` before a loss that is worked out or shown holds in each turn."""
        before = len(self.plain) + len(self.shown) + len(self.gathered)
        one.body = self.give(one.body)
        one.orelse = self.give(one.orelse)
        found = len(self.plain) + len(self.shown) + len(self.gathered) > before
        ends = any(isinstance(n, ast.Break | ast.Continue | ast.Return) for s in one.body for n in ast.walk(s))
        moves = any(isinstance(n, ast.AugAssign) and not is_loss(base(n.target)) for s in one.body for n in ast.walk(s))
        if found and not ends and not moves and not one.orelse:
            one.test = ast.copy_location(ast.Constant(True), one.test)
            one.body = [_forgiven(inner) for inner in one.body]
        return one


def _once(made: list[ast.stmt], value: ast.expr) -> ast.expr:
    """A value that calls something, after it was given a name: the name, for a call that trains must run only once."""
    if not made or not any(isinstance(n, ast.Call) for n in ast.walk(value)):
        return value
    assign = next(n for n in ast.walk(made[0]) if isinstance(n, ast.Assign))
    made[:] = [assign]  # without it the turn has failed, as it would have done before
    return ast.copy_location(ast.Name(assign.targets[0].id, ast.Load()), value)  # type: ignore[attr-defined]


def _forgiven(one: ast.stmt) -> ast.stmt:
    """The statement, left undone where it fails: what only tells how it goes must not end the turn."""
    handler = ast.ExceptHandler(ast.Name("Exception", ast.Load()), None, [ast.Pass()])
    return ast.fix_missing_locations(ast.copy_location(ast.Try([one], [handler], [], []), one))


def read_at_all(body: list[ast.stmt]) -> set[str]:
    """Names that a body reads; writing into a container does not read it."""
    nodes = [n for one in body for n in ast.walk(one)]
    written = {id(n.value) for n in nodes if isinstance(n, ast.Subscript) and isinstance(n.ctx, ast.Store)}
    return {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load) and id(n) not in written}


def forgiven(body: list[ast.stmt]) -> list[ast.stmt]:
    """The body in which what is only noted down, and read nowhere, may fail: scores by a library that is not there."""
    read = read_at_all(body)

    def noted(one: ast.stmt) -> bool:
        targets = one.targets if isinstance(one, ast.Assign) else []
        plain = all(isinstance(t, ast.Name | ast.Subscript) for t in targets)
        return bool(targets) and plain and not {base(t) for t in targets} & (read | {""})

    return [_forgiven(one) if noted(one) else one for one in body]


def _told(call: ast.Call) -> list[ast.expr]:
    """The values that a call shows or keeps in a list."""
    name = callee(call)
    if name == "append":
        return list(call.args[:1])
    if name not in ("print", "info", "debug", "write", "set_description", "set_postfix"):
        return []
    found: list[ast.expr] = []
    for arg in [*call.args, *(k.value for k in call.keywords)]:
        inner = [n.value for n in ast.walk(arg) if isinstance(n, ast.FormattedValue)]
        if isinstance(arg, ast.BinOp) and isinstance(arg.op, ast.Mod):
            inner = list(arg.right.elts) if isinstance(arg.right, ast.Tuple) else [arg.right]
        if isinstance(arg, ast.Call) and callee(arg) == "format":
            inner = [*arg.args, *(k.value for k in arg.keywords)]
        if isinstance(arg, ast.BinOp) and isinstance(arg.op, ast.Add):
            inner = [n.args[0] for n in ast.walk(arg) if isinstance(n, ast.Call) and callee(n) == "str" and n.args]
        found += inner or ([] if isinstance(arg, ast.Constant) else [arg])
    return found


def with_rate(body: list[ast.stmt], parameters: set[str], resolve: Callable[[ast.expr], Any]) -> list[ast.stmt]:
    """A copy of the body in which the learning rate is the name RATE, wherever no name stands for it already."""
    editor = _Rates(parameters, resolve, {name for one in body for name in counted(one)})
    return [editor.visit(copy.deepcopy(one)) for one in body]


class _Rates(ast.NodeTransformer):
    def __init__(self, parameters: set[str], resolve: Callable[[ast.expr], Any], counted: set[str]) -> None:
        self.parameters = parameters
        self.resolve = resolve
        self.counted = counted  # a step that is counted is no rate
        self.looped: set[str] = set()  # variables of loops that go over parameters

    def visit_For(self, node: ast.For) -> ast.stmt:
        held, self.looped = self.looped, self.looped | self._each(node.target, node.iter)
        self.generic_visit(node)
        self.looped = held
        return node

    def _each(self, target: ast.expr, over: ast.expr) -> set[str]:
        """The names in a loop's target that stand for one parameter after the other."""
        parts = target.elts if isinstance(target, ast.Tuple) else []
        match over:
            case ast.Call(func=ast.Name(id="zip"), args=args) if len(args) == len(parts):
                return set[str]().union(*(self._each(*both) for both in zip(parts, args, strict=True)))
            case ast.Call(func=ast.Name(id="enumerate"), args=[inner, *_]) if len(parts) == 2:
                return self._each(parts[1], inner)
            case ast.Call(func=ast.Attribute(value=inner, attr="items")) if len(parts) == 2:
                return self._each(parts[1], inner)
            case ast.Call(func=ast.Name(id="list"), args=[inner]) | ast.Subscript(value=inner, slice=ast.Slice()):
                return self._each(target, inner)
            case ast.Call(func=ast.Attribute(value=inner, attr="values")):
                return self._each(target, inner)
        held = isinstance(target, ast.Name) and isinstance(over, ast.Name | ast.Attribute) and self._is_parameter(over)
        return {ast.unparse(target)} if held else set()

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.stmt:
        if isinstance(node.op, ast.Add | ast.Sub) and self._is_parameter(node.target):
            node.value = _scaled(node.value, self.resolve, self.counted)
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.stmt:
        self.generic_visit(node)
        value, target = node.value, node.targets[0]
        if isinstance(target, ast.Name) and role(target.id) == "lr":  # lr = 0.1 in each turn
            node.value = _plain(value)
        if not isinstance(value, ast.BinOp) or not isinstance(value.op, ast.Add | ast.Sub):
            return node
        if self._is_parameter(target) and ast.unparse(value.left) == ast.unparse(target):
            value.right = _scaled(value.right, self.resolve, self.counted)
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        called = self.resolve(node.func)
        try:
            wanted = list(inspect.signature(called).parameters)
        except (TypeError, ValueError):
            return node
        for i, name in enumerate(wanted):
            if role(name) != "lr":
                continue
            given = next((k for k in node.keywords if k.arg == name), None)
            if i < len(node.args):
                node.args[i] = _plain(node.args[i])
            elif given is not None:
                given.value = _plain(given.value)
            else:
                node.keywords.append(ast.keyword(name, ast.Name(RATE, ast.Load())))
        return ast.fix_missing_locations(node)

    def _is_parameter(self, target: ast.expr) -> bool:
        name = base(target)
        if isinstance(target, ast.Name) and name in self.looped:
            return True
        last = target.attr if isinstance(target, ast.Attribute) else name
        if is_loss(name) or is_buffer(last):
            return False
        names = {*words(last), *words(name)}
        return name in self.parameters or role(last) in ("weight", "params") or bool({"param", "p", "theta"} & names)


def assigned(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """(target, value) of an assignment, one by one where several stand in it; nothing of any other node."""
    if not isinstance(node, ast.Assign):
        return
    for target in node.targets:
        if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            yield from zip(target.elts, node.value.elts, strict=False)
        else:
            yield target, node.value


def counted(node: ast.AST) -> set[str]:
    """Names that statements count up by a whole number."""
    return {
        n.target.id for n in ast.walk(node)
        if isinstance(n, ast.AugAssign) and isinstance(n.target, ast.Name) and isinstance(n.op, ast.Add)
        and isinstance(n.value, ast.Constant) and type(n.value.value) is int
    }  # fmt: skip


def _plain(value: ast.expr) -> ast.expr:
    """The name, where a number stood."""
    return ast.copy_location(ast.Name(RATE, ast.Load()), value) if isinstance(value, ast.Constant) else value


def _scaled(value: ast.expr, resolve: Callable[[ast.expr], Any], counted: set[str]) -> ast.expr:
    """An amount of change with its rate as the name: a factor that is a number, or the name of one, is replaced.

    Where there is none, the rate is 1, and a factor is put in front.
    """
    if any(role(name) == "lr" for name in reads(value) - counted) or any(
        isinstance(n, ast.Attribute) and role(n.attr) == "lr" for n in ast.walk(value)
    ):
        return value
    rate = ast.Name(RATE, ast.Load())
    if _replaced(value, resolve):
        return ast.fix_missing_locations(value)
    if isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.USub):
        value.operand = ast.BinOp(rate, ast.Mult(), value.operand)
        return ast.fix_missing_locations(value)
    return ast.fix_missing_locations(ast.copy_location(ast.BinOp(rate, ast.Mult(), value), value))


def _replaced(value: ast.expr, resolve: Callable[[ast.expr], Any]) -> bool:
    """Put the name in place of the number among an amount's factors; whether there was one."""
    if isinstance(value, ast.UnaryOp):
        return _replaced(value.operand, resolve)
    if isinstance(value, ast.Call) and callee(value) in ("dot", "matmul", "outer", "sum", "multiply"):
        return any(_replaced_in(value.args, i, resolve) for i in range(len(value.args)))
    if not isinstance(value, ast.BinOp) or not isinstance(value.op, ast.Mult | ast.MatMult | ast.Div):
        return False
    sides = [value.left] if isinstance(value.op, ast.Div) else [value.left, value.right]
    found = any(_replaced_in(sides, i, resolve) for i in range(len(sides)))
    value.left, value.right = sides[0], (sides[1] if len(sides) > 1 else value.right)
    return found


def _replaced_in(factors: list[ast.expr], i: int, resolve: Callable[[ast.expr], Any]) -> bool:
    """The same for one factor of several; a number with a sign keeps its sign."""
    factor = factors[i]
    inner = factor.operand if isinstance(factor, ast.UnaryOp) else factor
    number = inner.value if isinstance(inner, ast.Constant) else resolve(inner)
    if not isinstance(number, float):
        return _replaced(factor, resolve)
    name = ast.copy_location(ast.Name(RATE, ast.Load()), inner)
    if isinstance(factor, ast.UnaryOp):
        factor.operand = name
    else:
        factors[i] = name
    return True


def resolver(known: Mapping[str, Any]) -> Callable[[ast.expr], Any]:
    """Finds what a name, or an attribute of a name, stands for; None where it cannot be known."""

    def resolve(node: ast.expr) -> Any:
        if isinstance(node, ast.Name):
            return known.get(node.id)
        if isinstance(node, ast.Attribute):
            owner = resolve(node.value)
            return getattr(owner, node.attr, None) if owner is not None else None
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):  # one of several rates
            rates, i = resolve(node.value), node.slice.value
            return rates[i] if isinstance(rates, list | tuple) and isinstance(i, int) and i < len(rates) else None
        return None

    return resolve
