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
    apart,
    first_lanes,
    fma,
    keep_far,
    keep_where,
    largest,
    load,
    root,
    store,
    total_of,
    zeros,
)  # fmt: skip

# What happens to a gradient: an optimizer's step, of which PLAIN is SGD that changes nothing where the gradient is 0;
# or it is kept as it is, for a step that needs all of them first.
PLAIN, SGD, MOMENTUM, NESTEROV, ADAM, ADAMW, STORE = range(7)
# Places in `rates`, the numbers of this step.
LR, DECAY, MU, B1, B1_REST, B2, B2_REST, EPS, LR_CORRECTED, TINY, SMOOTHING, ZERO, ONE, RATES = range(14)


@compiled
def sparse_product(
    data: Any, rows: Any, theta: Any, w: int, b: int, n: int, work: Any, z: int, c: int, mask: Any, bend: int
) -> None:
    """z[:, c:] = x @ W[:, c:] + b[c:], x being rows of the data, of which only nonzeros are stored.

    ReLU is taken here already, while z is in registers; other activations follow.
    """
    starts, columns, values = data
    for r in range(len(rows)):
        total = load(theta, b + c, mask) if b >= 0 else zeros(theta)
        for k in range(starts[rows[r]], starts[rows[r] + 1]):
            total = fma(values[k], load(theta, w + columns[k] * n + c, mask), total)
        if bend == RELU:
            total = keep_where(total, total, 0)
        store(work, z + r * n + c, total, mask)


@compiled
def group_by_column(data: Any, rows: Any, first: int, ends: Any, entry_rows: Any, entry_values: Any) -> None:
    """The nonzeros of some rows, column by column (scipy's csr.tocsc): column i's lie from ends[i - 1] up to ends[i].

    `first` is the number that the first row has in its batch.
    """
    starts, columns, values = data
    ends[:] = 0
    for r in range(len(rows)):
        for k in range(starts[rows[r]], starts[rows[r] + 1]):
            ends[columns[k]] += 1
    total = 0
    for i in range(len(ends)):
        ends[i], total = total, total + ends[i]
    for r in range(len(rows)):
        for k in range(starts[rows[r]], starts[rows[r] + 1]):
            i = columns[k]
            entry_rows[ends[i]], entry_values[ends[i]] = first + r, values[k]
            ends[i] += 1


@compiled
def sparse_gradient(
    groups: Any, alive: Any, theta: Any, state: Any, w: int, n: int, work: Any, dz: int, c: int, mask: Any, method: int,
    decay: Any, rates: Any,
) -> Any:  # fmt: skip
    """dW[:, c:] = x.T @ dz[:, c:], each row used by the optimizer as soon as it is there. Returns the largest |dW|.

    Rows that no sample of the batch touches have the gradient 0, which plain SGD can skip; and rows that no sample of
    the whole data set touches stay as they are under any method without a decay.
    """
    ends, entry_rows, entry_values = groups
    peak, minus_lr = zeros(theta), -rates[LR]
    k0 = k1 = 0
    for i in range(len(alive)):
        end0, end1 = ends[0, i], ends[1, i]
        at, touched = w + i * n + c, k0 < end0 or k1 < end1
        if not touched and (method == PLAIN or not (alive[i] or decay or method == STORE)):
            continue
        g = zeros(theta)
        for k in range(k0, end0):
            g = fma(entry_values[0, k], load(work, dz + entry_rows[0, k] * n + c, mask), g)
        for k in range(k1, end1):
            g = fma(entry_values[1, k], load(work, dz + entry_rows[1, k] * n + c, mask), g)
        k0, k1 = end0, end1
        peak = largest(g, peak)
        if method == PLAIN:
            store(theta, at, fma(minus_lr, g, load(theta, at, mask)), mask)
        else:
            update(theta, state, at, g, mask, method, decay, rates)
    return peak


@compiled
def update(theta: Any, state: Any, at: int, g: Any, mask: Any, method: int, decay: Any, rates: Any) -> None:
    """`Optimizer.update` on theta[at:] with the gradient g; `state` is two arrays like theta, and the gradients.

    Means near the smallest normal number become 0 here at once, which the optimizer does from time to time.
    """
    apart()
    t = load(theta, at, mask)
    if method == STORE:
        store(state[2], at, g, mask)
    elif method <= SGD:
        store(theta, at, t - rates[LR] * (g + decay * t), mask)
    elif method <= NESTEROV:
        d = g + decay * t
        v = rates[MU] * load(state[0], at, mask) + d
        store(state[0], at, v, mask)
        store(theta, at, t - rates[LR] * (d + rates[MU] * v if method == NESTEROV else v), mask)
    else:
        d = g + decay * t if method == ADAM else g
        m = keep_far(rates[B1] * load(state[0], at, mask) + rates[B1_REST] * d, rates[TINY])
        v = keep_far(rates[B2] * load(state[1], at, mask) + rates[B2_REST] * d * d, rates[TINY])
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
def transpose(theta: Any, w: int, n_in: int, n_out: int, work: Any, at: int) -> None:
    """work = W.T, so that a narrow layer's products run along its many inputs."""
    for i in range(n_in):
        for j in range(n_out):
            work[at + j * n_in + i] = theta[w + i * n_out + j]


@compiled
def narrow_product(
    work: Any, x: int, wt: int, theta: Any, b: int, n_in: int, n_out: int, z: int, first: int, last: int, bend: int,
    rates: Any,
) -> None:  # fmt: skip
    """z = x @ W + b, for the rows from first to last, and few outputs."""
    lanes = BYTES // theta.itemsize
    for r in range(first, last):
        for j in range(n_out):
            total = zeros(work)
            for c in range(0, n_in, lanes):
                mask = first_lanes(n_in - c, work)
                total = fma(load(work, x + r * n_in + c, mask), load(work, wt + j * n_in + c, mask), total)
            number = total_of(total) + theta[b + j] if b >= 0 else total_of(total)
            work[z + r * n_out + j] = rates[ZERO] if bend == RELU and number <= 0 else number


@compiled
def narrow_back(
    work: Any, wt: int, n_in: int, n_out: int, dz: int, y: int, dx: int, rows: int, c: int, mask: Any, bend: int
) -> None:
    """dx[:, c:] = dz @ W.T[:, c:]. If the layer below ends in a ReLU, with output y, it is passed as well."""
    for r in range(rows):
        total = zeros(work)
        for j in range(n_out):
            total = fma(work[dz + r * n_out + j], load(work, wt + j * n_in + c, mask), total)
        if bend == RELU:
            total = keep_where(total, load(work, y + r * n_in + c, mask), 0)
        store(work, dx + r * n_in + c, total, mask)


@compiled
def relu_back(work: Any, y: int, dz: int, n: int, rows: int, c: int, mask: Any) -> None:
    """dz[:, c:] *= y[:, c:] > 0."""
    for r in range(rows):
        d = keep_where(load(work, dz + r * n + c, mask), load(work, y + r * n + c, mask), 0)
        store(work, dz + r * n + c, d, mask)


@compiled
def narrow_gradient(
    work: Any, x: int, n_in: int, n_out: int, dz: int, rows: int, spare: Any, g: int, c: int, mask: Any, strip: int
) -> None:
    """spare[g:] = dW[c : c + strip], dW = x.T @ dz; what lies one stretch before g is used on the way."""
    before = g - BYTES // spare.itemsize
    for j in range(n_out):
        total = zeros(work)
        for r in range(rows):
            total = fma(work[dz + r * n_out + j], load(work, x + r * n_in + c, mask), total)
        store(spare, before, total, None)
        for i in range(strip):
            spare[g + i * n_out + j] = spare[before + i]


@compiled
def column_sums(work: Any, dz: int, n: int, rows: int, c: int, mask: Any) -> Any:
    """dz[:, c:].sum(axis=0), the gradient of a bias."""
    total = zeros(work)
    for r in range(rows):
        total = total + load(work, dz + r * n + c, mask)
    return total


@compiled
def softmax_cross_entropy(
    work: Any, z: int, dz: int, n: int, labels: Any, rows: Any, first: int, batch: int, rates: Any, seen: Any
) -> None:
    """`SoftmaxCrossEntropy` on some rows: dz = (softmax(z) - t) / batch; their losses and rights are left in seen.

    t is (1 - smoothing) at the label, and smoothing / n everywhere.
    """
    loss, right = 0.0, 0
    share, rest = rates[SMOOTHING] / n, 1 - rates[SMOOTHING]
    for r in range(len(rows)):
        at, out, label = z + (first + r) * n, dz + (first + r) * n, labels[rows[r]]
        best = 0
        for j in range(1, n):
            if work[at + j] > work[at + best]:
                best = j
        right += best == label
        top, total = work[at + best], rates[ZERO]
        for j in range(n):
            work[out + j] = math.exp(work[at + j] - top)
            total += work[out + j]
        norm = math.log(total)
        for j in range(n):
            t = share + rest if j == label else share
            if t:
                loss += t * (norm - (work[at + j] - top))
            work[out + j] = (work[out + j] / total - t) / batch
    seen[0], seen[1] = loss, right
