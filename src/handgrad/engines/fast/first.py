"""The first layer, compiled: its products and its gradient leave out the zeros of the data, if there are enough.

Each kernel stands for the NumPy lines that its docstring shows. It works on one part, a strip of columns or a block of
rows, so that several threads can share a step; who works on a part changes no number. Arrays are flat; a matrix is a
place in one, with its number of columns. `c` is the first column of a strip, which is as wide as `Lanes`, and `mask`
lets fewer columns pass, or is None.
"""

from __future__ import annotations

from typing import Any

from handgrad.engines.fast.activations import RELU
from handgrad.engines.fast.compiling import compiled
from handgrad.engines.fast.lanes import BYTES, fma, keep_where, largest, load, store, wide, zeros
from handgrad.engines.fast.memory import fetch, item, put_item
from handgrad.engines.fast.updates import PLAIN, STORE, update

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
def gather(data: Any, rows: Any, first: int, work: Any, x: int, x_n: int, n_in: int) -> None:
    """x[first:] = to_input(images[rows]), as numbers one by one: the way in for data with few zeros."""
    wide()
    _, _, values, scale = data
    for r in range(len(rows)):
        for j in range(n_in):
            put_item(work, x + (first + r) * x_n + j, item(values, rows[r] * n_in + j) * scale[0])


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
