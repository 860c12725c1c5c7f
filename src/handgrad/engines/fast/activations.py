"""Activations, compiled: f and f' of `core.layers.activations`, on a block of rows and columns of a flat array.

z is what comes in and y what goes out; where f' needs only y, as in ReLU, both may be one place.
"""

from __future__ import annotations

import math
from typing import Any

from handgrad.engines.fast.compiling import compiled
from handgrad.engines.fast.lanes import apart

NONE, RELU, LEAKY, SIGMOID, TANH, ELU, GELU, GELU_TANH, SILU, SOFTPLUS = range(10)
IN_PLACE = (NONE, RELU, SIGMOID, TANH)  # f' from y alone
ROOT, CUBIC, FAR = math.sqrt(2 / math.pi), 0.044715, 10.0


@compiled
def bend(kind: int, a: Any, work: Any, z: int, y: int, n: int, columns: int, first: int, last: int) -> None:
    """y = f(z) for the rows from first to last of matrices with n numbers a row; a is f's slope or alpha.

    The product before it has taken care of ReLU already.
    """
    apart()
    if kind in (NONE, RELU):
        return
    for r in range(first, last):
        for i in range(r * n, r * n + columns):
            work[y + i] = value(kind, a, work[z + i])


@compiled
def unbend(kind: int, a: Any, work: Any, z: int, y: int, dy: int, n: int, columns: int, first: int, last: int) -> None:
    """dy *= f'(z) likewise; y is f(z). ReLU is taken care of."""
    apart()
    if kind in (NONE, RELU):
        return
    for r in range(first, last):
        for i in range(r * n, r * n + columns):
            work[dy + i] *= slope(kind, a, work[z + i], work[y + i])


@compiled
def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)) without overflow."""
    return math.exp(min(x, 0.0)) / (1 + math.exp(-abs(x)))


@compiled
def normal_cdf(x: Any) -> Any:
    """The distribution function of the standard normal."""
    return 0.5 * math.erfc(-x * 0.5**0.5)


@compiled
def gelu_tanh(x: Any) -> Any:
    """Its approximation."""
    near = min(max(x, -FAR), FAR)
    return 0.5 * (1 + math.tanh(ROOT * (near + CUBIC * near * near * near)))


@compiled
def value(kind: int, a: Any, x: Any) -> Any:
    """f(x) for one number."""
    if kind == LEAKY:
        return max(x, a * x) * 1.0
    if kind == SIGMOID:
        return sigmoid(x)
    if kind == TANH:
        return math.tanh(x) * 1.0
    if kind == ELU:
        return x if x > 0 else a * math.expm1(x) * 1.0
    if kind == GELU:
        return x * normal_cdf(x)
    if kind == GELU_TANH:
        return x * gelu_tanh(x)
    if kind == SILU:
        return x * sigmoid(x)
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


@compiled
def slope(kind: int, a: Any, x: Any, y: Any) -> Any:
    """f'(x) for one number, y being f(x)."""
    if kind == LEAKY:
        return 1.0 if x > 0 else a * 1.0
    if kind == SIGMOID:
        return y * (1.0 - y)
    if kind == TANH:
        return 1.0 - y * y
    if kind == ELU:
        return 1.0 if x > 0 else (y + a) * 1.0
    if kind == GELU:
        return normal_cdf(x) + x * math.exp(-0.5 * x * x) * (ROOT / 2)
    if kind == GELU_TANH:
        near, phi = min(max(x, -FAR), FAR), gelu_tanh(x)
        return phi + x * 2 * phi * (1 - phi) * ROOT * (1 + 3 * CUBIC * near * near)
    if kind == SILU:
        s = sigmoid(x)
        return s + y * (1 - s)
    return sigmoid(x)
