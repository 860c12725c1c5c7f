"""Arithmetic as it stands on a blackboard: a tree of numbers and operators that can be worked out, and be printed.

A tree is built from exact numbers (`Value`); `equation.settle` turns it into one of printed numbers (`Number`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Ref:
    """Where a number came from: an array of the trace, by name, and the index in it."""

    array: str
    index: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Value:
    """A number that is not printed yet.

    Attributes:
        value: the number itself, of the net's own dtype where it is one of the net's.
        name: what it is called, as plain text: "x[214]", "fc1.weight[214,17]"; empty for none.
        ref: where it came from; None for a setting or a count.
        exact: printed in full, such as a count or a setting: 1, 200, 0.999.
    """

    value: Any
    name: str = ""
    ref: Ref | None = None
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Number:
    """A printed number: `text` reads as a decimal number, "-0.0312" or "1.25e-6", and is all that a reader sees."""

    text: str
    name: str = ""
    ref: Ref | None = None

    def __float__(self) -> float:
        return float(self.text)


@dataclass(frozen=True, slots=True)
class Rest:
    """The sum of `count` more terms, which are not written out one by one; `size` is that of their absolute values."""

    count: int
    total: Value | Number
    size: float = 0.0


@dataclass(frozen=True, slots=True)
class Apply:
    """An operator or function on its arguments.

    Attributes:
        op: a key of OPERATORS.
        args: what it is applied to.
        value: what it comes to, where that is written down on the way (one product of a sum); None where it is not.
    """

    op: str
    args: tuple[Node, ...]
    value: Value | Number | None = None


Node: TypeAlias = Value | Number | Rest | Apply


def _quotient(a: float, b: float) -> float:
    if b:
        return a / b
    return math.nan if a == 0 or math.isnan(a) else math.copysign(math.inf, a)


def _exp(x: float) -> float:
    return math.exp(x) if x < 709 else math.inf


def _log(x: float) -> float:
    return math.log(x) if x > 0 else -math.inf if x == 0 else math.nan


def _power(base: float, exponent: float) -> float:
    return float(base**exponent)


# What each operator does. A sum may have any number of terms, a product of factors.
OPERATORS: dict[str, Callable[..., float]] = {
    "add": lambda *terms: float(sum(map(_decimal, terms))) if all(map(math.isfinite, terms)) else sum(terms),
    "sub": lambda a, b: float(_decimal(a) - _decimal(b)) if math.isfinite(a) and math.isfinite(b) else a - b,
    "mul": lambda *factors: math.prod(factors),
    "div": _quotient,
    "pow": _power,
    "neg": lambda a: -a,
    "exp": _exp,
    "log": _log,
    "sqrt": lambda a: math.sqrt(a) if a >= 0 else math.nan,
    "tanh": math.tanh,
    "max": max,
    "min": min,
    "abs": abs,
    "Phi": lambda a: 0.5 * math.erfc(-a / math.sqrt(2)),
    "phi": lambda a: math.exp(-a * a / 2) / math.sqrt(2 * math.pi),
}


def _decimal(number: float) -> Decimal:
    """As the number is written, so that a sum of printed numbers is exact."""
    return Decimal(repr(number))


def work_out(node: Node) -> float:
    """What a tree comes to, from the numbers that stand in it: a term's written value where it has one."""
    match node:
        case Value():
            return float(node.value)
        case Number():
            return float(node.text)
        case Rest():
            return work_out(node.total)
        case Apply(value=None):
            return OPERATORS[node.op](*map(work_out, node.args))
        case Apply():
            return work_out(node.value)  # type: ignore[arg-type]


def add(*terms: Node) -> Apply:
    """a + b + ..."""
    return Apply("add", terms)


def sub(a: Node, b: Node) -> Apply:
    """a - b."""
    return Apply("sub", (a, b))


def mul(*factors: Node) -> Apply:
    """a * b * ..."""
    return Apply("mul", factors)


def div(a: Node, b: Node) -> Apply:
    """a / b."""
    return Apply("div", (a, b))


def call(name: str, *args: Node) -> Apply:
    """A function by name: exp, log, sqrt, tanh, max."""
    return Apply(name, args)


def exact(value: Any, name: str = "") -> Value:
    """A count or a setting, printed in full."""
    return Value(value, name, exact=True)


def worked(node: Apply, value: Any = None, name: str = "", ref: Ref | None = None) -> Apply:
    """The same with what it comes to written down: the given value, or what its arguments make."""
    return Apply(node.op, node.args, Value(work_out(node) if value is None else value, name, ref))
