"""Kernels: the mathematics of a step, compiled. Each stands for the NumPy lines that its docstring shows.

All of them work on one part of a step, a strip of columns or a block of rows, so that several threads can share it; who
works on a part changes no number. Arrays are flat; a matrix is a place in one, with its number of columns. `c` is the
first column of a strip, which is as wide as `Lanes`, and `mask` lets fewer columns pass, or is None.
"""

from __future__ import annotations

import math
from typing import Any

from handgrad.engines.fast.activations import RELU
from handgrad.engines.fast.compiling import compiled
from handgrad.engines.fast.lanes import (
    BYTES,
    FEW_BYTES,
    apart,
    fetch,
    first_few,
    first_lanes,
    fma,
    inside,
    item,
    keep_far,
    keep_where,
    largest,
    load,
    load_few,
    load_like,
    put_item,
    root,
    store,
    zeros,
    zeros_few,
)

# What happens to a gradient: an optimizer's step, of which PLAIN is SGD that changes nothing where the gradient is 0;
# or it is kept as it is, for a step that needs all of them first.
PLAIN, SGD, MOMENTUM, NESTEROV, ADAM, ADAMW, STORE = range(7)
# Places in `rates`, the numbers of this step.
LR, DECAY, MU, B1, B1_REST, B2, B2_REST, EPS, LR_CORRECTED, TINY, SMOOTHING, ZERO, ONE, RATES = range(14)
LINE, AHEAD = 64, 20  # bytes that a processor fetches at once; rows


@compiled
def group_by_pair(data: Any, rows: Any, first: int, ends: Any, entry_rows: Any, entry_values: Any) -> None:
    """The nonzeros of some rows, pair by pair (scipy's csr.tocsc): those of pair j lie from ends[j] up to ends[j + 1].

    `first` is the number that the first row has in its batch. Rows lie anywhere in a large memory; each is called in a
    few rows ahead.
    """
    starts, pairs, values, scale = data
    ends[:] = 0
    if len(rows) == 0:
        return
    for r in range(-AHEAD, len(rows)):
        coming = rows[min(r + AHEAD, len(rows) - 1)]
        for k in range(starts[coming], starts[coming + 1], LINE // 2):
            fetch(pairs, k)
            fetch(values, 2 * k)
        if r >= 0:
            for k in range(starts[rows[r]], starts[rows[r] + 1]):
                j = item(pairs, k) + 1
                put_item(ends, j, item(ends, j) + 1)
    total = 0
    for j in range(1, len(ends)):
        ends[j], total = total, total + ends[j]
    for row in rows:
        for k in range(starts[row], starts[row + 1]):
            j = item(pairs, k) + 1
            at = item(ends, j)
            put_item(ends, j, at + 1)
            put_item(entry_rows, at, first)
            put_item(entry_values, 2 * at, item(values, 2 * k) * scale[0])
            put_item(entry_values, 2 * at + 1, item(values, 2 * k + 1) * scale[0])
        first += 1


@compiled
def sparse_product(
    group: Any, first: int, last: int, theta: Any, w: int, n_in: int, n: int, work: Any, z: int, row: int,
    end: int, c: int, mask: Any,
) -> None:  # fmt: skip
    """z = x[:, 2 * first : 2 * last] @ W[2 * first : 2 * last, c:], for the rows of a block, `row` to `end`.

    x is the block's nonzeros pair by pair; a pair's two rows of W stay in registers for all rows of the block.
    """
    lanes = BYTES // theta.itemsize
    ends, entry_rows, entry_values = group
    for r in range(row, end):
        store(work, z + r * lanes, zeros(work), None)
    for j in range(first, last):
        if ends[j] == ends[j + 1]:
            continue
        w0 = load(theta, w + 2 * j * n + c, mask)
        w1 = load(theta, w + min(2 * j + 1, n_in - 1) * n + c, mask)  # a last column without a neighbour has itself
        for k in range(ends[j], ends[j + 1]):
            at = z + item(entry_rows, k) * lanes
            total = fma(item(entry_values, 2 * k), w0, load(work, at, None))
            store(work, at, fma(item(entry_values, 2 * k + 1), w1, total), None)


@compiled
def finish(
    work: Any, z: int, parts: int, size: int, theta: Any, b: int, y: int, n: int, first: int, last: int, c: int,
    mask: Any, bend: int,
) -> None:  # fmt: skip
    """y[:, c:] = sum(z) + b[c:], and its ReLU, for the rows from first to last; z are the products of all parts of x.

    Other activations follow.
    """
    lanes = BYTES // theta.itemsize
    bias = load(theta, b + c, mask) if b >= 0 else zeros(theta)
    for r in range(first, last):
        total = bias
        for part in range(parts):
            total = total + load(work, z + part * size + r * lanes, None)
        if bend == RELU:
            total = keep_where(total, total, 0)
        store(work, y + r * n + c, total, None)


@compiled
def sparse_gradient(
    groups: Any, block: int, blocks: int, first: int, last: int, alive: Any, theta: Any, state: Any, w: int, n_in: int,
    n: int, work: Any, dz: int, dz_n: int, c: int, mask: Any, method: int, decay: Any, rates: Any,
) -> Any:  # fmt: skip
    """dW[2 * first : 2 * last, c:] = x.T @ dz[:, c:], used by the optimizer as soon as it is there. Returns max |dW|.

    Pairs that no sample of the batch touches have the gradient 0, which plain SGD can skip; and pairs that no sample of
    the whole data set touches stay as they are under any method without a decay.
    """
    ends, entry_rows, entry_values = groups
    peak, most = zeros(theta), entry_rows.shape[1]
    for j in range(first, last):
        touched = False
        for i in range(block, block + blocks):
            touched = touched or ends[i, j] < ends[i, j + 1]
        if not touched and (method == PLAIN or not (alive[j] or decay or method == STORE)):
            continue
        g0, g1 = zeros(theta), zeros(theta)
        for i in range(block, block + blocks):
            for k in range(i * most + ends[i, j], i * most + ends[i, j + 1]):
                d = load(work, dz + item(entry_rows, k) * dz_n + c, None)
                g0, g1 = fma(item(entry_values, 2 * k), d, g0), fma(item(entry_values, 2 * k + 1), d, g1)
        at = w + 2 * j * n + c
        peak = largest(g0, peak)
        update(theta, state, at, g0, mask, method, decay, rates)
        if 2 * j + 1 < n_in:
            peak = largest(g1, peak)
            update(theta, state, at + n, g1, mask, method, decay, rates)
    return peak


@compiled
def update(theta: Any, state: Any, at: int, g: Any, mask: Any, method: int, decay: Any, rates: Any) -> None:
    """`Optimizer.update` on theta[at:] with the gradient g; `state` is two arrays like theta, and the gradients."""
    inside()
    if method == PLAIN:
        store(theta, at, fma(-rates[LR], g, load_like(theta, at, mask, g)), mask)
    else:
        update_by(theta, state, at, g, mask, method, decay, rates)


@compiled
def update_by(theta: Any, state: Any, at: int, g: Any, mask: Any, method: int, decay: Any, rates: Any) -> None:
    """The other methods.

    Means near the smallest normal number become 0 here at once, which the optimizer does from time to time.
    """
    apart()
    t = load_like(theta, at, mask, g)
    if method == STORE:
        store(state[2], at, g, mask)
    elif method <= SGD:
        store(theta, at, t - rates[LR] * (g + decay * t), mask)
    elif method <= NESTEROV:
        d = g + decay * t
        v = rates[MU] * load_like(state[0], at, mask, g) + d
        store(state[0], at, v, mask)
        store(theta, at, t - rates[LR] * (d + rates[MU] * v if method == NESTEROV else v), mask)
    else:
        d = g + decay * t if method == ADAM else g
        m = keep_far(rates[B1] * load_like(state[0], at, mask, g) + rates[B1_REST] * d, rates[TINY])
        v = keep_far(rates[B2] * load_like(state[1], at, mask, g) + rates[B2_REST] * d * d, rates[TINY])
        store(state[0], at, m, mask)
        store(state[1], at, v, mask)
        t = (rates[ONE] - rates[LR] * decay) * t if method == ADAMW else t
        store(theta, at, t - rates[LR_CORRECTED] * (m / (root(v) + rates[EPS])), mask)


@compiled
def update_all(
    theta: Any, state: Any, at: int, gradient: Any, g: int, n: int, method: int, decay: Any, rates: Any
) -> Any:
    """`update` on theta[at : at + n] with gradient[g : g + n]. Returns the largest |gradient|."""
    lanes = BYTES // theta.itemsize
    peak = zeros(theta)
    for c in range(0, n, lanes):
        mask = first_lanes(n - c, theta)
        part = load(gradient, g + c, mask)
        peak = largest(part, peak)
        update(theta, state, at + c, part, mask, method, decay, rates)
    return peak


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


@compiled
def softmax_cross_entropy(
    work: Any, z: int, dz: int, stride: int, n: int, labels: Any, rows: Any, first: int, batch: int, rates: Any,
    seen: Any,
) -> None:  # fmt: skip
    """`SoftmaxCrossEntropy` on some rows: dz = (softmax(z) - t) / batch; their losses and rights are left in seen.

    t is (1 - smoothing) at the label, and smoothing / n everywhere.
    """
    loss, right = 0.0, 0
    share, rest = rates[SMOOTHING] / n, rates[ONE] - rates[SMOOTHING]
    for r in range(len(rows)):
        at, out, label = z + (first + r) * stride, dz + (first + r) * stride, labels[rows[r]]
        best = 0
        for j in range(1, n):
            if item(work, at + j) > item(work, at + best):
                best = j
        right += best == label
        top, total, above = item(work, at + best), rates[ZERO], rates[ZERO]
        for j in range(n):
            power = math.exp(item(work, at + j) - top)
            total += power
            above += top - item(work, at + j)
            put_item(work, out + j, power)
        norm, scale, smooth = math.log(total), rates[ONE] / (total * batch), share / batch
        loss += rest * (norm + (top - item(work, at + label)))
        if share:
            loss += share * (n * norm + above)
        for j in range(n):
            put_item(work, out + j, item(work, out + j) * scale - smooth)
        put_item(work, out + label, item(work, out + label) - rest / batch)
    seen[0], seen[1] = loss, right
