"""An equation with the real numbers in it, printed with so many digits that a reader with a calculator gets the result.

`settle` chooses the digits: it prints, works out again from what is printed, and takes more digits for what goes in, or
fewer for what comes out, until the result rounds to the very digits that are printed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from handgrad.explain.decimals import at_place, half_unit, in_full, magnitude, shared_power, to_digits
from handgrad.explain.expression import Apply, Node, Number, Ref, Rest, Value, work_out
from handgrad.explain.rounding import is_rounding

_GUARD = 13  # more digits for what goes in than for what comes out; float64 has no more than 17
_SLACK = 1 + 1e-6  # a result that lies half-way between two printed numbers may be rounded either way


@dataclass(frozen=True, slots=True)
class Equation:
    """symbol = expression = result, all of it printed.

    Attributes:
        symbol: what is worked out, as plain text: "fc1.y[17]".
        expression: the arithmetic, of printed numbers.
        result: what the net had, printed.
    """

    symbol: str
    expression: Node
    result: Number

    def closes(self) -> bool:
        """Whether the printed numbers, multiplied and added again, round to the printed result, and so each term.

        A reader may add up what the terms are said to come to, or work out the whole line at once: both must agree.
        """
        by_terms, at_once = work_out(_without_value(self.expression)), work_out(_without_values(self.expression))
        both = _rounds_to(by_terms, self.result.text) and _rounds_to(at_once, self.result.text)
        return both and _inner_close(self.expression, top=True)


def settle(
    symbol: str, expression: Node, result: Any, *, digits: int = 4, ref: Ref | None = None, fine: bool = False
) -> Equation:
    """The equation of an unprinted tree and of the number that the net had for it, printed so that it closes.

    Args:
        symbol: what is worked out.
        expression: of exact numbers.
        result: the net's own number.
        digits: how many digits of the result say something, if they can.
        ref: where the result lies in the trace.
        fine: so many places that the smallest term of the sum is seen: a small step off a large weight.

    Raises:
        ArithmeticError: where the net's number is not what the expression comes to.
    """
    if not is_rounding(expression, result):
        raise ArithmeticError(f"{symbol}: {work_out(_without_value(expression))} is not {result}")
    # First with all digits. Where large terms cancel, the result is mostly rounding of the net's own sums: then with so
    # few of its digits as are right, and at last with those that the terms have, of which it may be 0.
    for fewer, seen in [*((fewer, True) for fewer in range(digits)), *((fewer, False) for fewer in range(digits + 1))]:
        for guard in range(_GUARD):
            own = Value(result, symbol, ref)
            equation = _printed(symbol, expression, own, digits - fewer, guard, fine=fine, seen=seen)
            if equation is not None and equation.closes():
                return equation
    raise ArithmeticError(f"{symbol}: {work_out(_without_value(expression))} is not {result}")


def _printed(
    symbol: str, node: Node, result: Value, digits: int, guard: int, *, fine: bool, seen: bool
) -> Equation | None:
    """The equation with so many digits in its result, and `guard` more in what goes in; None where that cannot be."""
    if isinstance(node, Apply) and node.op in ("add", "sub"):
        parts = [float(result.value), *map(work_out, node.args)]
        largest = max((m for m in map(magnitude, parts) if m is not None), default=0)
        small = [float(result.value), *(parts if fine else ())] if seen else []
        own = min((m for m in map(magnitude, small) if m is not None), default=None)
        # As many places as the largest number needs for its digits; more, where the result would hardly be seen.
        place = largest - digits + 1 if own is None else min(largest - digits + 1, own - max(digits - 2, 0))
        power = shared_power(largest)
        guard += len(node.args) > 2  # many roundings add up
        terms = _terms(node.args, place - guard, power, digits + guard)
        if terms is None:
            return None
        text = at_place(result.value, place, power) if any(parts) else "0"
        shown = Number(text, result.name, result.ref)
        return Equation(symbol, Apply(node.op, tuple(terms)), shown)
    expression = _leaves(node, digits + guard)
    shown = Number(to_digits(result.value, max(digits, 1)), result.name, result.ref)
    return None if expression is None else Equation(symbol, expression, shown)


def _terms(nodes: tuple[Node, ...], place: int, power: int, digits: int) -> list[Node] | None:
    """The terms of a sum, what each comes to printed to the column's place; their factors with equally many digits."""
    for factors in range(3, 18):
        terms = [_term(node, place, power, digits, factors) for node in nodes]
        if all(term is not None for term in terms):
            return [term for term in terms if term is not None]
    return None


def _term(node: Node, place: int, power: int, digits: int, factors: int) -> Node | None:
    match node:
        case Value(exact=False):
            text = "0" if node.value == 0 else at_place(node.value, place, power)
            return Number(text, node.name, node.ref)
        case Rest():
            return Rest(node.count, Number(at_place(work_out(node.total), place, power)), node.size)
        case Apply(value=Value() as value):
            return _worked(node, Number(at_place(value.value, place, power), value.name, value.ref), factors)
    return _leaves(node, digits)


def _worked(node: Apply, shown: Number, digits: int) -> Node | None:
    """A part with its printed value, its numbers printed to so many digits; None where they do not come to it."""
    args = [_leaves(argument, digits) for argument in node.args]
    if any(argument is None for argument in args):
        return None
    part = Apply(node.op, tuple(a for a in args if a is not None))
    return Apply(part.op, part.args, shown) if _rounds_to(work_out(part), shown.text) else None


def _leaves(node: Node, digits: int) -> Node | None:
    """The tree with each of its numbers printed to so many digits."""
    match node:
        case Value():
            return Number(in_full(node.value) if node.exact else to_digits(node.value, digits), node.name, node.ref)
        case Rest():
            return Rest(node.count, Number(to_digits(work_out(node.total), digits)), node.size)
        case Apply(value=Value() as value):
            shown = Number(to_digits(value.value, digits), value.name, value.ref)
            found = (_worked(node, shown, more) for more in range(digits, 18))
            return next((part for part in found if part is not None), None)
        case Apply():
            args = [_leaves(argument, digits) for argument in node.args]
            return None if any(a is None for a in args) else Apply(node.op, tuple(a for a in args if a is not None))
    return node


def _without_value(node: Node) -> Node:
    return Apply(node.op, node.args) if isinstance(node, Apply) else node


def _without_values(node: Node) -> Node:
    return Apply(node.op, tuple(map(_without_values, node.args))) if isinstance(node, Apply) else node


def _inner_close(node: Node, *, top: bool = False) -> bool:
    """Whether every part whose value is written down comes to it."""
    if not isinstance(node, Apply):
        return True
    own = top or node.value is None or _rounds_to(work_out(_without_value(node)), str(getattr(node.value, "text", "")))
    return own and all(map(_inner_close, node.args))


def _rounds_to(number: float, text: str) -> bool:
    printed = float(text)
    if not (math.isfinite(number) and math.isfinite(printed)):
        return number == printed or (math.isnan(number) and math.isnan(printed))
    return abs(number - printed) <= half_unit(text) * _SLACK
