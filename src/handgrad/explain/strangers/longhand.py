"""One statement of somebody's code as arithmetic for a single number of its result: z = x @ W + b at z[0, 3].

Only what NumPy code of networks is made of is read: sums and products, @ and dot, sums and means along an axis, a few
functions. Anything else gives no equation, and so does what does not come to the number that the code had.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeGuard

import numpy as np

from handgrad.core.arrays import Array
from handgrad.explain.equation import Equation, settle
from handgrad.explain.expression import Apply, Node, Rest, Value, add, call, div, exact, mul, sub, worked
from handgrad.explain.strangers.statements import Done, is_path

_BINARY: dict[type[ast.operator], tuple[Callable[[Any, Any], Any], Callable[[Node, Node], Node]]] = {
    ast.Add: (np.add, add), ast.Sub: (np.subtract, sub), ast.Mult: (np.multiply, mul), ast.Div: (np.divide, div),
    ast.Pow: (np.power, lambda a, b: call("pow", a, b)),
}  # fmt: skip
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Gt: np.greater, ast.GtE: np.greater_equal, ast.Lt: np.less, ast.LtE: np.less_equal, ast.Eq: np.equal,
}  # fmt: skip
_FUNCTIONS = {"exp": np.exp, "log": np.log, "sqrt": np.sqrt, "tanh": np.tanh, "abs": np.abs, "maximum": np.maximum,
              "minimum": np.minimum}  # fmt: skip
_NAMED: dict[str, type[ast.operator]] = {
    "add": ast.Add, "subtract": ast.Sub, "multiply": ast.Mult, "divide": ast.Div, "power": ast.Pow,
}  # fmt: skip
_SHORT = {"maximum": "max", "minimum": "min"}
SETTING = 8  # characters of a number that somebody wrote down, and that is printed in full
LONG = 30  # characters of a sum inside of an expression that it is called by
_MOST_INNER = 2  # sums inside of one expression that are written out
_SUMS = ("sum", "mean")
_EXTREMES = ("max", "min", "amax", "amin")


class _UnreadError(Exception):
    """A part of a statement is nothing that is read here."""


@dataclass(frozen=True, eq=False)
class _Part:
    """A part of an expression: its array, and its arithmetic at one place (an index of that array)."""

    array: Array
    at: Callable[[tuple[int, ...], bool], Node]  # (index, whether sums are written out)


def equations_of(
    done: Done, terms: int, digits: int, *, at: tuple[int, ...] | None = None, fine: bool = False
) -> list[Equation]:
    """The arithmetic of one number of a statement's result; nothing where it cannot be read, or is another.

    Sums inside of the expression come first, each as an equation of its own.

    Args:
        done: the statement.
        terms: how many terms of a sum are written out.
        digits: how many digits of the result say something.
        at: of the number, which is then left out of all names; None: the largest, whose place is written.
        fine: so many places that the smallest term of a sum is seen.
    """
    result = np.asarray(done.result, np.float64 if isinstance(done.result, (int, float)) else None)
    if result.dtype.kind != "f" or not np.isfinite(result).all() or not result.size:
        return []
    largest = tuple(int(i) for i in np.unravel_index(int(np.argmax(np.abs(result))), result.shape))
    index = largest if at is None else at
    reader = _Reader(done.operands, terms, at, result.shape)
    try:
        part = reader.statement(done)
        if part.array.shape != result.shape or isinstance(node := part.at(index, True), Value):
            return []
        symbol = _symbol(done) if at is not None else _named(_symbol(done), index)
        own = settle(symbol, node, result[index], digits=digits, fine=fine)
        inner = [settle(name, one, value, digits=digits) for name, (one, value) in reader.inner.items()]
    except (_UnreadError, ArithmeticError, ValueError, TypeError, IndexError, KeyError, SyntaxError):
        return []
    return [*(inner if len(inner) <= _MOST_INNER or reader.short else []), own]


def _symbol(done: Done) -> str:
    match done.node:
        case ast.Assign(targets=[target]):
            text = ast.unparse(target)
            return f"{text}_new" if text in done.operands else text
        case ast.AugAssign():
            return f"{ast.unparse(done.node.target)}_new"
    return "return"


def _named(text: str, index: tuple[int, ...]) -> str:
    return f"{text}[{','.join(map(str, index))}]" if index else text


class _Reader:
    """Reads expressions over known operands."""

    def __init__(
        self, operands: dict[str, Any], terms: int, at: tuple[int, ...] | None = None, shape: tuple[int, ...] = ()
    ) -> None:
        self.operands, self.terms, self.at = operands, terms, at
        self.short: dict[str, str] = {}  # names of those that are long
        self.inner: dict[str, tuple[Node, Any]] = {}  # sums inside of an expression, which are worked out first
        self.shape = shape

    def named(self, text: str, index: tuple[int, ...], array: Array) -> str:
        """A name with its place, unless that is the one place that everything is about."""
        return text if index == self.at and array.shape == self.shape else _named(text, index)

    def statement(self, done: Done) -> _Part:
        """What is assigned or returned."""
        assert done.node.value is not None
        part = self.read(done.node.value)
        if isinstance(done.node, ast.AugAssign):
            return self.binary(type(done.node.op), self.read(done.node.target), part)
        return part

    def read(self, node: ast.expr) -> _Part:
        """A part, or _UnreadError."""
        text = ast.unparse(node)
        if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
            return self.constant(node.value)
        if is_path(node) and text in self.operands:
            return self.operand(self.operands[text], text)
        match node:
            case ast.BinOp(op=ast.MatMult()):
                return self.product(self.read(node.left), self.read(node.right), text)
            case ast.BinOp():
                return self.binary(type(node.op), self.read(node.left), self.read(node.right))
            case ast.UnaryOp(op=ast.USub()):
                inner = self.read(node.operand)
                return _Part(-inner.array, lambda i, root: call("neg", inner.at(i, False)))
            case ast.Compare(ops=[op]) if type(op) in _COMPARE:
                return self.values(
                    _COMPARE[type(op)](self.read(node.left).array, self.read(node.comparators[0]).array), text
                )
            case ast.Subscript(value=value, slice=key):
                return self.sliced(self.read(value), self.key(key))
            case ast.Attribute(attr="T"):
                inner = self.read(node.value)
                return _Part(inner.array.T, lambda i, root: inner.at(i[::-1], root))
            case ast.Call():
                return self.called(node, text)
        raise _UnreadError

    def constant(self, value: float) -> _Part:
        return _Part(np.asarray(value), lambda i, root: exact(value))

    def operand(self, value: Any, name: str) -> _Part:
        if type(value) is int or (type(value) is float and len(repr(value)) <= SETTING):
            return _Part(np.asarray(value), lambda i, root: exact(value, name))
        array = np.asarray(value)
        if array.dtype.kind not in "f":  # counts, labels, masks: whole numbers, printed in full
            return _Part(array, lambda i, root: exact(int(array[i]), self.named(name, i, array)))
        return _Part(array, lambda i, root: Value(array[i], self.named(name, i, array)))

    def values(self, array: Array, name: str) -> _Part:
        """What is worked out by NumPy alone, and shown as a number: a truth value, a largest number, an inner sum."""
        if array.dtype.kind == "b":
            return _Part(array, lambda i, root: exact(int(array[i])))
        return _Part(array, lambda i, root: Value(array[i], f"({name})"))

    def binary(self, kind: type[ast.operator], a: _Part, b: _Part) -> _Part:
        if kind not in _BINARY:
            raise _UnreadError
        compute, combine = _BINARY[kind]
        array = np.asarray(compute(a.array, b.array))

        def at(index: tuple[int, ...], root: bool) -> Node:
            written = root and kind is ast.Add  # z = x @ W + b is one sum
            both = [part.at(_fit(part.array.shape, index), written) for part in (a, b)]
            if not written:
                return combine(*both)
            return add(*(term for one in both for term in (one.args if _is_sum(one) else (one,))))

        return _Part(array, at)

    def product(self, a: _Part, b: _Part, text: str) -> _Part:
        """A matrix product: at one place, a sum of products."""
        array = np.asarray(a.array @ b.array)
        if a.array.ndim != 2 or b.array.ndim != 2:
            raise _UnreadError

        def at(index: tuple[int, ...], root: bool) -> Node:
            i, j = index
            if not root:
                return self.apart(text, index, array, at)
            parts = a.array[i].astype(np.float64) * b.array[:, j].astype(np.float64)
            factors = [worked(mul(a.at((i, k), False), b.at((k, j), False))) for k in self.largest(parts)]
            return add(*factors, *self.rest(parts))

        return _Part(array, at)

    def called(self, node: ast.Call, text: str) -> _Part:
        """np.exp(z), z.sum(axis=0), np.dot(a, b), len(x)."""
        if not isinstance(node.func, ast.Attribute):
            if text in self.operands:
                return self.operand(self.operands[text], text)
            if isinstance(node.func, ast.Name) and node.func.id == "range" and len(node.args) == 1:
                return self.counted(node.args[0])
            if isinstance(node.func, ast.Name) and node.func.id == "len" and len(node.args) == 1:
                return self.constant(len(self.read(node.args[0]).array))
            raise _UnreadError
        name, owner = node.func.attr, node.func.value
        of_numpy = isinstance(owner, ast.Name) and owner.id in ("np", "numpy")
        args = [*([] if of_numpy else [owner]), *node.args]
        if name in _NAMED and of_numpy and len(args) == 2 and not node.keywords:
            return self.binary(_NAMED[name], *map(self.read, args))
        if name == "arange" and of_numpy and len(args) == 1:
            return self.counted(args[0])
        if name == "where" and of_numpy and len(args) == 3:
            return self.chosen(*map(self.read, args))
        if name == "square" and of_numpy and len(args) == 1:
            return self.binary(ast.Pow, self.read(args[0]), self.constant(2))
        if name in _FUNCTIONS and of_numpy and not node.keywords:
            return self.function(name, [self.read(argument) for argument in args])
        if name in ("dot", "matmul") and len(args) == 2 and not node.keywords:
            return self.product(self.read(args[0]), self.read(args[1]), text)
        if name in (*_SUMS, *_EXTREMES) and len(args) in (1, 2):
            axis, keep = self.axis(node, args)
            return self.reduced(name, self.read(args[0]), axis, keep, text)
        raise _UnreadError

    def apart(self, text: str, index: tuple[int, ...], array: Array, at: Callable[..., Node]) -> Value:
        """A sum inside of an expression: its value here, and its arithmetic before."""
        if len(text) > LONG and text not in self.short:
            self.short[text] = f"sum{len(self.short) + 1}"
        name = self.named(self.short.get(text, f"({text})"), index, array)
        if name not in self.inner:
            node = at(index, True)  # what stands in it comes first
            self.inner[name] = (node, array[index])
        return Value(array[index], name)

    def sliced(self, part: _Part, key: Any) -> _Part:
        """A part of an array: x[:, None], p[np.arange(n), y], W[:-1]."""
        places = np.arange(part.array.size).reshape(part.array.shape)[key]
        shape = part.array.shape

        def at(index: tuple[int, ...], root: bool) -> Node:
            return part.at(tuple(int(i) for i in np.unravel_index(int(places[index]), shape)), False)

        return _Part(np.asarray(part.array[key]), at)

    def counted(self, node: ast.expr) -> _Part:
        """0, 1, 2, ..., as rows are picked by."""
        count = np.arange(int(self.read(node).array))
        return _Part(count, lambda i, root: exact(int(count[i])))

    def key(self, node: ast.expr) -> Any:
        """What stands between brackets."""
        match node:
            case ast.Tuple(elts=elts):
                return tuple(map(self.key, elts))
            case ast.Slice(lower=lower, upper=upper, step=step):
                return slice(*(None if one is None else self.key(one) for one in (lower, upper, step)))
            case ast.Constant(value=None):
                return None
            case ast.Attribute(attr="newaxis"):
                return None
        array = self.read(node).array
        if array.dtype.kind not in "iub":
            raise _UnreadError
        return int(array) if array.ndim == 0 else array

    def function(self, name: str, parts: list[_Part]) -> _Part:
        array = np.asarray(_FUNCTIONS[name](*(part.array for part in parts)))
        return _Part(
            array,
            lambda i, root: call(_SHORT.get(name, name), *(p.at(_fit(p.array.shape, i), False) for p in parts)),
        )

    def chosen(self, condition: _Part, yes: _Part, no: _Part) -> _Part:
        """One of two, number by number."""
        array = np.where(condition.array, yes.array, no.array)
        held = np.broadcast_to(condition.array, array.shape)

        def at(index: tuple[int, ...], root: bool) -> Node:
            part = yes if held[index] else no
            return part.at(_fit(part.array.shape, index), False)

        return _Part(array, at)

    def axis(self, node: ast.Call, args: list[ast.expr]) -> tuple[int | None, bool]:
        settings = {keyword.arg: ast.literal_eval(keyword.value) for keyword in node.keywords}
        if set(settings) - {"axis", "keepdims"}:
            raise _UnreadError
        axis = ast.literal_eval(args[1]) if len(args) == 2 else settings.get("axis")
        if not (axis is None or isinstance(axis, int)):
            raise _UnreadError
        return axis, bool(settings.get("keepdims", False))

    def reduced(self, name: str, part: _Part, axis: int | None, keep: bool, text: str) -> _Part:
        """A sum, mean or extreme along an axis."""
        compute = getattr(np, name)
        array = np.asarray(compute(part.array, axis=axis, keepdims=keep))
        if name in _EXTREMES:
            return self.values(array, text)

        def at(index: tuple[int, ...], root: bool) -> Node:
            if not root:
                return self.apart(text, index, array, at)
            places = _places(part.array.shape, axis, index, keep=keep)
            numbers = np.array([part.array[place] for place in places], np.float64)
            shown = [part.at(places[k], False) for k in self.largest(numbers)]
            terms = [worked(term) if hasattr(term, "op") else term for term in shown]  # type: ignore[arg-type]
            total = add(*terms, *self.rest(numbers))
            return div(total, exact(len(places))) if name == "mean" else total

        return _Part(array, at)

    def largest(self, terms: Array) -> list[int]:
        return [int(k) for k in np.argsort(-np.abs(terms), kind="stable")[: self.count(terms)]]

    def count(self, terms: Array) -> int:
        """How many are written out: "1 more term" takes as much room as the term."""
        return self.terms + (len(terms) == self.terms + 1)

    def rest(self, terms: Array) -> list[Rest]:
        left = np.argsort(-np.abs(terms), kind="stable")[self.count(terms) :]
        return [Rest(len(left), Value(float(terms[left].sum())), float(np.abs(terms[left]).sum()))] if len(left) else []


def _is_sum(node: Node) -> TypeGuard[Apply]:
    return isinstance(node, Apply) and node.op == "add" and node.value is None


def _fit(shape: tuple[int, ...], index: tuple[int, ...]) -> tuple[int, ...]:
    """The index into an array that is spread over a larger one."""
    own = index[len(index) - len(shape) :]
    return tuple(0 if n == 1 else i for n, i in zip(shape, own, strict=True))


def _places(shape: tuple[int, ...], axis: int | None, index: tuple[int, ...], *, keep: bool) -> list[tuple[int, ...]]:
    """The places of an array that a sum along an axis brings to one place."""
    if axis is None:
        return [tuple(int(i) for i in place) for place in np.ndindex(*shape)]
    axis %= len(shape)
    own = list(index) if keep else [*index[:axis], 0, *index[axis:]]
    return [(*own[:axis], k, *own[axis + 1 :]) for k in range(shape[axis])]
