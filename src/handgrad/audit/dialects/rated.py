"""Rated: the learning rate of updates in which a number stands for it, under one name, so that it can be set."""

from __future__ import annotations

import ast
import copy
import inspect
from collections.abc import Callable, Iterator
from typing import Any

from handgrad.audit.dialects.edits import RATE, base, callee, counted, reads
from handgrad.audit.dialects.roles import is_buffer, is_loss, role, words

_PRODUCTS = ("dot", "matmul", "outer", "sum", "multiply")


def with_rate(body: list[ast.stmt], parameters: set[str], resolve: Callable[[ast.expr], Any]) -> list[ast.stmt]:
    """A copy of the body in which the learning rate is the name RATE, wherever no name stands for it already."""
    editor = _Rates(parameters, resolve, {name for one in body for name in counted(one)})
    editor.learn(body)
    return [editor.visit(copy.deepcopy(one)) for one in body]


class _Rates(ast.NodeTransformer):
    def __init__(self, parameters: set[str], resolve: Callable[[ast.expr], Any], counted: set[str]) -> None:
        self.parameters = parameters
        self.resolve = resolve
        self.counted = counted  # a step that is counted is no rate
        self.looped: set[str] = set()  # variables of loops that go over parameters
        self.rates: set[str] = set()  # what stands for the rate where parameters are updated

    def learn(self, body: list[ast.stmt]) -> None:
        """Note what the updates of parameters that say so are multiplied by: others may not say it by their names."""
        for node in (n for one in body for n in ast.walk(one)):
            if (both := _changed(node)) and self._is_parameter(both[0]):
                self.rates |= set(self._numbers(both[1]))

    def _numbers(self, value: ast.expr) -> Iterator[str]:
        """The factors of an amount that are numbers, as they are written."""
        for factor in _factors(value):
            number = factor.value if isinstance(factor, ast.Constant) else self.resolve(factor)
            if isinstance(number, float):
                yield ast.unparse(factor)

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
        if isinstance(node.op, ast.Add | ast.Sub) and self._is_updated(node.target, node.value):
            node.value = _scaled(node.value, self.resolve, self.counted)
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.stmt:
        self.generic_visit(node)
        value, target = node.value, node.targets[0]
        if isinstance(target, ast.Name) and role(target.id) == "lr":  # lr = 0.1 in each turn
            node.value = _plain(value)
        if not isinstance(value, ast.BinOp) or not isinstance(value.op, ast.Add | ast.Sub):
            return node
        if ast.unparse(value.left) == ast.unparse(target) and self._is_updated(target, value.right):
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

    def _is_updated(self, target: ast.expr, amount: ast.expr) -> bool:
        """Whether a target is a parameter, by its name or by the rate at which it changes."""
        alike = not self._is_kept(target) and bool(self.rates & set(self._numbers(amount)))
        return alike or self._is_parameter(target)

    def _is_kept(self, target: ast.expr) -> bool:
        """Whether the name is that of a loss, or of what an optimizer remembers."""
        return is_loss(base(target)) or is_buffer(target.attr if isinstance(target, ast.Attribute) else base(target))

    def _is_parameter(self, target: ast.expr) -> bool:
        name = base(target)
        if isinstance(target, ast.Name) and name in self.looped | self.parameters:
            return True
        last = target.attr if isinstance(target, ast.Attribute) else name
        if self._is_kept(target):
            return False
        names = {*words(last), *words(name)}
        return name in self.parameters or role(last) in ("weight", "params") or bool({"param", "p", "theta"} & names)


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
    if isinstance(value, ast.Call) and callee(value) in _PRODUCTS:
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


def _changed(node: ast.AST) -> tuple[ast.expr, ast.expr] | None:
    """(target, amount) of w -= amount and of w = w - amount; None of any other node."""
    match node:
        case ast.AugAssign(target=target, op=ast.Add() | ast.Sub(), value=amount):
            return target, amount
        case ast.Assign(targets=[target], value=ast.BinOp(left=left, op=ast.Add() | ast.Sub(), right=amount)):
            return (target, amount) if ast.unparse(left) == ast.unparse(target) else None
    return None


def _factors(value: ast.expr) -> Iterator[ast.expr]:
    """What an amount is the product of: 0.1, x.T and d of 0.1 * x.T @ d."""
    match value:
        case ast.UnaryOp(operand=inner) | ast.BinOp(op=ast.Div(), left=inner):
            yield from _factors(inner)
        case ast.BinOp(op=ast.Mult() | ast.MatMult()):
            yield from (*_factors(value.left), *_factors(value.right))
        case ast.Call(args=args) if callee(value) in _PRODUCTS:
            yield from (factor for one in args for factor in _factors(one))
        case _:
            yield value
