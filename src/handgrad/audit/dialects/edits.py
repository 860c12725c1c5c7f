"""Edits: the two things that a loop cut out of a file must give away: the loss that it reports, and its learning rate.

Both are changed in a copy of the syntax tree, and only there: a loss that is merely printed gets a name, and a learning
rate that was written as a number, or left out because it is 1, becomes a name.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from handgrad.audit.dialects.roles import is_loss

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
