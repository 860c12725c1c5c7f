"""Narrow layers, compiled: few outputs, as the last layer of a classifier has, and what goes with them row by row.

Each kernel stands for the NumPy lines that its docstring shows, on one part of them, as in `first`.
"""

from __future__ import annotations

from typing import Any

from handgrad.engines.fast.activations import RELU
from handgrad.engines.fast.compiling import compiled
from handgrad.engines.fast.lanes import (
    BYTES,
    FEW_BYTES,
    first_few,
    fma,
    keep_where,
    largest,
    load,
    load_few,
    store,
    zeros,
    zeros_few,
)
from handgrad.engines.fast.memory import item
from handgrad.engines.fast.updates import update


@compiled
def transpose(theta: Any, w: int, n_in: int, n_out: int, work: Any, at: int, n: int) -> None:
    """work = W.T, with n numbers from row to row."""
    for i in range(n_in):
        for j in range(n_out):
            work[at + j * n + i] = theta[w + i * n_out + j]


@compiled
def narrow_product(
    work: Any, x: int, x_n: int, theta: Any, w: int, b: int, n_in: int, n_out: int, z: int, n: int, first: int,
    last: int, bend: int,
) -> None:  # fmt: skip
    """z = x @ W + b, and its ReLU, for the rows from first to last, and few outputs; four rows at a time."""
    lanes = FEW_BYTES // theta.itemsize
    for c in range(0, n_out, lanes):
        mask = first_few(n_out - c, theta)
        bias = load_few(theta, b + c, mask) if b >= 0 else zeros_few(theta)
        for r in range(first, last, 4):
            r1, r2, r3 = min(r + 1, last - 1), min(r + 2, last - 1), min(r + 3, last - 1)
            z0, z1, z2, z3 = bias, bias, bias, bias
            for i in range(n_in):
                row = load_few(theta, w + i * n_out + c, mask)
                z0, z1 = fma(item(work, x + r * x_n + i), row, z0), fma(item(work, x + r1 * x_n + i), row, z1)
                z2, z3 = fma(item(work, x + r2 * x_n + i), row, z2), fma(item(work, x + r3 * x_n + i), row, z3)
            if bend == RELU:
                z0, z1 = keep_where(z0, z0, 0), keep_where(z1, z1, 0)
                z2, z3 = keep_where(z2, z2, 0), keep_where(z3, z3, 0)
            store(work, z + r * n + c, z0, None)
            store(work, z + r1 * n + c, z1, None)
            store(work, z + r2 * n + c, z2, None)
            store(work, z + r3 * n + c, z3, None)


@compiled
def narrow_back(
    work: Any, wt: int, n_in: int, n_out: int, dz: int, dz_n: int, y: int, dx: int, n: int, first: int, last: int,
    bend: int,
) -> None:  # fmt: skip
    """dx = dz @ W.T, for the rows from first to last.

    If the layer below ends in a ReLU, with output y, it is passed as well; its arrays and W.T have n numbers a row.
    """
    lanes = BYTES // work.itemsize
    for r in range(first, last):
        for c in range(0, n_in, lanes):
            total = zeros(work)
            for j in range(n_out):
                total = fma(item(work, dz + r * dz_n + j), load(work, wt + j * n + c, None), total)
            if bend == RELU:
                total = keep_where(total, load(work, y + r * n + c, None), 0)
            store(work, dx + r * n + c, total, None)


@compiled
def narrow_gradient(
    work: Any, x: int, x_n: int, dz: int, dz_n: int, rows: int, theta: Any, state: Any, w: int, n_out: int, first: int,
    last: int, method: int, decay: Any, rates: Any,
) -> Any:  # fmt: skip
    """dW[first:last] = x.T @ dz, used by the optimizer at once; four rows of W at a time. Returns max |dW|."""
    lanes = FEW_BYTES // theta.itemsize
    peak = zeros_few(theta)
    for c in range(0, n_out, lanes):
        mask = first_few(n_out - c, theta)
        for i in range(first, last, 4):
            g0, g1, g2, g3 = zeros_few(theta), zeros_few(theta), zeros_few(theta), zeros_few(theta)
            for r in range(rows):
                d, at = load_few(work, dz + r * dz_n + c, None), x + r * x_n + i  # x has room for three more
                g0, g1 = fma(item(work, at), d, g0), fma(item(work, at + 1), d, g1)
                g2, g3 = fma(item(work, at + 2), d, g2), fma(item(work, at + 3), d, g3)
            for k in range(min(4, last - i)):
                peak = largest(g0, peak)
                update(theta, state, w + (i + k) * n_out + c, g0, mask, method, decay, rates)
                g0, g1, g2 = g1, g2, g3
    return peak


@compiled
def bias_gradient(
    work: Any, dz: int, dz_n: int, rows: int, theta: Any, state: Any, b: int, n: int, method: int, decay: Any,
    rates: Any,
) -> Any:  # fmt: skip
    """db = dz.sum(axis=0), used by the optimizer at once. Returns max |db|."""
    lanes = FEW_BYTES // theta.itemsize
    peak = zeros_few(theta)
    for c in range(0, n, lanes):
        mask = first_few(n - c, theta)
        total = zeros_few(theta)
        for r in range(rows):
            total = total + load_few(work, dz + r * dz_n + c, None)
        peak = largest(total, peak)
        update(theta, state, b + c, total, mask, method, decay, rates)
    return peak


@compiled
def relu_back(work: Any, y: int, dz: int, n: int, first: int, last: int) -> None:
    """dz *= y > 0, for the rows from first to last of n numbers."""
    lanes = FEW_BYTES // work.itemsize
    for i in range(first * n, last * n, lanes):
        store(work, dz + i, keep_where(load_few(work, dz + i, None), load_few(work, y + i, None), 0), None)
