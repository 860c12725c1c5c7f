"""How far a number may lie from what its arithmetic comes to: as far as rounding in the net's own dtype can explain.

So that a net that computes something else is noticed, and not hidden by printing fewer digits.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from handgrad.explain.expression import OPERATORS, Apply, Node, Number, Rest, Value

_OPERATION = 8  # roundings that one operation may cost: a function is a few of them, and a long sum has many
_WHOLE = 4  # times the first-order bound: what one operation does to another


def is_rounding(node: Node, result: Any) -> bool:
    """Whether `result` is what the tree comes to, but for rounding in the coarsest dtype among its numbers."""
    numbers = [result, *(value.value for value in _values(node) if not value.exact)]
    dtypes = [np.asarray(number).dtype for number in numbers]
    kind = np.finfo(max((d for d in dtypes if d.kind == "f"), key=lambda d: np.finfo(d).eps, default=np.float64))
    value, error = _bounded(node, float(kind.eps))
    if not math.isfinite(value) or not math.isfinite(float(result)):
        return value == float(result) or math.isnan(value) or math.isnan(float(result)) or not math.isfinite(error)
    return abs(value - float(result)) <= _WHOLE * (error + float(kind.tiny))


def _values(node: Node) -> list[Value]:
    match node:
        case Value():
            return [node]
        case Apply():
            return [value for argument in node.args for value in _values(argument)]
        case Rest(total=Value() as total):
            return [total]
    return []


def _bounded(node: Node, eps: float) -> tuple[float, float]:
    """(what it comes to, how far rounding may carry it), to first order: each argument alone moved by its own error."""
    match node:
        case Value():
            return float(node.value), 0.0
        case Number():
            return float(node.text), 0.0
        case Rest():
            return _bounded(node.total, eps)[0], _OPERATION * eps * node.size
        case Apply():
            arguments = [_bounded(argument, eps) for argument in node.args]
            values = [value for value, _ in arguments]
            operate = OPERATORS[node.op]
            result = operate(*values)
            error = 0.0
            for i, (value, own) in enumerate(arguments):
                if own:
                    moved = [operate(*values[:i], value + shift, *values[i + 1 :]) for shift in (own, -own)]
                    error += max(abs(number - result) for number in moved)
            size = sum(map(abs, values)) if node.op in ("add", "sub") else abs(result)
            return result, error + _OPERATION * eps * size
