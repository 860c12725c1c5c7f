"""Jobs: which kernels a part of a step runs, on which places of which arrays.

An operation is a layer's forward or backward half, or a piece of one; a job is some operations on one part, one after
the other. The table of both is made once, by `plan.py`; code that reads a table is compiled once for all networks.
"""

from __future__ import annotations

import math
from typing import Any

from handgrad.engines.fast import first as sparse
from handgrad.engines.fast import narrow, wide
from handgrad.engines.fast.activations import RELU, bend, unbend
from handgrad.engines.fast.compiling import compiled, written_out
from handgrad.engines.fast.lanes import BYTES, PANEL_BYTES, first_lanes, first_panel, store
from handgrad.engines.fast.loss import softmax_cross_entropy
from handgrad.engines.fast.updates import update_all

# What an operation does.
GROUP, GATHER, TURN, SPARSE_FORWARD, FINISH, NARROW_FORWARD, LOSS, NARROW_BACK, UNBEND = range(9)
SPARSE_GRADIENT, NARROW_GRADIENT, BIAS_GRADIENT, UPDATE, WIDE_FORWARD, WIDE_BACK, WIDE_GRADIENT = range(9, 16)
GRADIENTS = (SPARSE_GRADIENT, NARROW_GRADIENT, BIAS_GRADIENT, WIDE_GRADIENT)
# Columns of the table of operations: what, the layer's sizes, places of its arrays in theta (W, B) and in work (its
# input X, ...), the numbers from row to row of its input (X_N) and of all its own arrays (N).
KIND, N_IN, N_OUT, X_N, N, W, B, X, Z, Y, DZ, DX, WT, BEND, Z_BELOW, BEND_BELOW, LAYER, DECAY, PEAK = range(19)
PARTS, PART, BATCH = range(19, 22)  # of the first layer's products: how many are summed, their size, the rows
ROOM, ROOM_SIZE, COLUMNS = range(22, 25)  # where the threads have room for a wide layer's panel, and how large each is
# Columns of the table of jobs: from which operation up to which; which block or part of how many; and a range.
FROM, UP_TO, SLOT, SLOTS, FIRST, LAST = range(6)
# Places in `numbers`: which rows this step takes; its loss and how many are right; which of two sides has its
# nonzeros in order, and which rows' the other side may have; and from SEEN on, a block's loss and how many are right.
ROWS_FROM, ROWS, METHOD, STEP_METHOD, TOTAL, RIGHT, SIDE, READY, SEEN = range(9)


@written_out
def do(job: int, thread: int, plan: Any, arrays: Any) -> None:
    """Run the operations of one job: plan holds the tables of operations, phases and jobs; thread is who does it."""
    ops, _, table = plan[0], plan[1], plan[2]
    for op in range(table[job, FROM], table[job, UP_TO]):
        run(ops, op, table[job], thread, arrays)


@compiled
def run(ops: Any, op: int, job: Any, thread: int, arrays: Any) -> None:  # noqa: PLR0912 - a branch for each kind
    """One operation on one part: a block of rows, or what lies from FIRST up to LAST."""
    theta, _, data, order, labels, _, _, work, slopes, rates, _, numbers = arrays
    start, count, slot = int(numbers[ROWS_FROM]), int(numbers[ROWS]), job[SLOT]
    row, end = count * slot // job[SLOTS], count * (slot + 1) // job[SLOTS]
    kind, n_in, n_out, x_n, n, w, b = ops[op, 0], ops[op, 1], ops[op, 2], ops[op, 3], ops[op, 4], ops[op, 5], ops[op, 6]
    x, z, y, dz, dx, wt, bends = ops[op, 7], ops[op, 8], ops[op, 9], ops[op, 10], ops[op, 11], ops[op, 12], ops[op, 13]
    layer = ops[op, LAYER]
    if kind == GROUP:
        group(job, arrays)
    elif kind == GATHER:
        sparse.gather(data, order[start + row : start + end], row, work, x, x_n, n_in)
    elif kind == TURN:
        narrow.transpose(theta, w, n_in, n_out, work, wt, x_n)
    elif kind == NARROW_FORWARD:
        narrow.narrow_product(work, x, x_n, theta, w, b, n_in, n_out, z, n, row, end, bends)
        bend(bends, slopes[layer], work, z, y, n, n_out, row, end)
    elif kind == LOSS:
        seen = numbers[SEEN + 2 * slot : SEEN + 2 * slot + 2]
        rows = order[start + row : start + end]
        softmax_cross_entropy(work, y, dz, n, n_out, labels, rows, row, count, rates, seen)
    elif kind == NARROW_BACK:
        narrow.narrow_back(work, wt, n_in, n_out, dz, n, x, dx, x_n, row, end, ops[op, BEND_BELOW])
        unbend(ops[op, BEND_BELOW], slopes[layer - 1], work, ops[op, Z_BELOW], x, dx, x_n, n_in, row, end)
    elif kind == UNBEND and bends == RELU:
        narrow.relu_back(work, y, dz, n, row, end)
    elif kind == UNBEND:
        unbend(bends, slopes[layer], work, z, y, dz, n, n_out, row, end)
    elif kind >= WIDE_FORWARD:
        run_panel(ops, op, job[FIRST], thread, row, end, arrays)
    elif kind > SPARSE_GRADIENT:
        update(ops, op, job, arrays)
    else:
        lanes = BYTES // theta.itemsize
        for c in range(0, n_out, lanes):
            run_strip(ops, op, job, c, arrays, first_lanes(min(lanes, n_out - c), theta))
        if kind == FINISH:
            bend(bends, slopes[layer], work, z, y, n, n_out, row, end)


@compiled
def update(ops: Any, op: int, job: Any, arrays: Any) -> None:
    """The gradient of some rows of W or of b, and its step; or the step alone, with a gradient that was stored."""
    theta, state, _, _, _, _, _, work, _, rates, peaks, numbers = arrays
    n_out, x_n, n, w, x, dz = ops[op, N_OUT], ops[op, X_N], ops[op, N], ops[op, W], ops[op, X], ops[op, DZ]
    method, decay, count = int(numbers[METHOD]), rates[ops[op, DECAY]], int(numbers[ROWS])
    first, last = job[FIRST], job[LAST]
    if ops[op, KIND] == NARROW_GRADIENT:
        dw = narrow.narrow_gradient(
            work, x, x_n, dz, n, count, theta, state, w, n_out, first, last, method, decay, rates
        )
        store(peaks, ops[op, PEAK] + job[SLOT] * (BYTES // theta.itemsize), dw, None)
    elif ops[op, KIND] == BIAS_GRADIENT:
        db = narrow.bias_gradient(work, dz, n, count, theta, state, ops[op, B], n_out, method, decay, rates)
        store(peaks, ops[op, PEAK], db, None)
    else:
        method, size = int(numbers[STEP_METHOD]), last - first
        update_all(theta, state, w + first, state[2], w + first, size, method, decay, rates)


@compiled
def begin(start: int, rows: int, arrays: Any) -> None:
    """A step on the rows of the epoch from `start` on begins."""
    numbers = arrays[-1]
    numbers[ROWS_FROM], numbers[ROWS] = start, rows
    if numbers[READY] == start:
        numbers[SIDE] = 1 - numbers[SIDE]


@compiled
def group(job: Any, arrays: Any) -> None:
    """Put a block's nonzeros in order: of this step, unless that is done; or, if FIRST is 1, of the next, ahead."""
    data, order, groups, numbers = arrays[2], arrays[3], arrays[5], arrays[-1]
    ahead, slot, slots, blocks = job[FIRST], job[SLOT], job[SLOTS], len(groups[0]) // 2
    start, count, side = int(numbers[ROWS_FROM]), int(numbers[ROWS]), int(numbers[SIDE])
    if ahead:
        start += count
        count, side = min(count, len(order) - start), 1 - side
    if count <= 0 or (not ahead and numbers[READY] == start):
        return
    row, end, at = count * slot // slots, count * (slot + 1) // slots, side * blocks + slot
    sparse.group_by_pair(data, order[start + row : start + end], row, groups[0][at], groups[1][at], groups[2][at])
    if ahead:
        numbers[READY] = start


@compiled
def run_strip(ops: Any, op: int, job: Any, c: int, arrays: Any, mask: Any) -> None:
    """An operation of the first layer on the columns from c on, of which a mask lets pass what there is of them."""
    theta, state, _, _, _, groups, alive, work, _, rates, peaks, numbers = arrays
    count, slot, slots, blocks = int(numbers[ROWS]), job[SLOT], job[SLOTS], len(groups[0]) // 2
    side = int(numbers[SIDE]) * blocks
    n_in, n_out, n, w, parts = ops[op, N_IN], ops[op, N_OUT], ops[op, N], ops[op, W], ops[op, PARTS]
    first, last, z, size = job[FIRST], job[LAST], ops[op, X] + c * ops[op, BATCH], ops[op, PART]
    if ops[op, KIND] == SPARSE_FORWARD:
        if parts > 1:
            z += slot * size
        elif c != slot:  # then a job is a strip
            return
        for block in range(blocks):
            row, end = count * block // blocks, count * (block + 1) // blocks
            at = side + block
            group = groups[0][at], groups[1][at], groups[2][at]
            sparse.sparse_product(group, first, last, theta, w, n_in, n_out, work, z, row, end, c, mask)
    elif ops[op, KIND] == FINISH:
        row, end = count * slot // slots, count * (slot + 1) // slots
        sparse.finish(work, z, parts, size, theta, ops[op, B], ops[op, Z], n, row, end, c, mask, ops[op, BEND])
    else:
        dz, method, decay = ops[op, DZ], int(numbers[METHOD]), rates[ops[op, DECAY]]
        dw = sparse.sparse_gradient(
            groups, side, blocks, first, last, alive, theta, state, w, n_in, n_out, work, dz, n, c, mask, method, decay,
            rates,
        )  # fmt: skip
        store(peaks, ops[op, PEAK] + slot * n + c, dw, None)


@compiled
def run_panel(ops: Any, op: int, c: int, thread: int, first: int, rows: int, arrays: Any) -> None:
    """An operation of a wide layer on the panel of columns from c on, for the rows from first on: all."""
    theta, state, _, _, _, _, _, work, slopes, rates, peaks, numbers = arrays
    kind, n_in, n_out, x_n, n, w = ops[op, KIND], ops[op, N_IN], ops[op, N_OUT], ops[op, X_N], ops[op, N], ops[op, W]
    x, z, y, dz, dx = ops[op, X], ops[op, Z], ops[op, Y], ops[op, DZ], ops[op, DX]
    room, layer, lanes = ops[op, ROOM] + thread * ops[op, ROOM_SIZE], ops[op, LAYER], PANEL_BYTES // theta.itemsize
    mask = first_panel(min(lanes, n_out - c), theta)
    if kind == WIDE_FORWARD:
        kind = ops[op, BEND]
        wide.wide_product(work, x, x_n, theta, w, ops[op, B], n_in, n_out, z, n, rows, c, mask, kind, room)
        bend(kind, slopes[layer], work, z + c, y + c, n, min(lanes, n_out - c), first, rows)
    elif kind == WIDE_BACK:
        kind, z = ops[op, BEND_BELOW], ops[op, Z_BELOW]
        wide.wide_back(theta, w, n_in, n_out, work, dz, n, x, dx, x_n, rows, c, kind, room)
        unbend(kind, slopes[layer - 1], work, z + c, x + c, dx + c, x_n, min(lanes, n_in - c), first, rows)
    else:
        method, decay = int(numbers[METHOD]), rates[ops[op, DECAY]]
        dw = wide.wide_gradient(
            work, x, x_n, dz, n, rows, theta, state, w, n_in, n_out, c, mask, method, decay, rates, room
        )
        store(peaks, ops[op, PEAK] + c, dw, None)


@compiled
def gather_loss(parts: int, arrays: Any) -> bool:
    """Add up what the parts of the loss have seen; whether it is a finite number."""
    numbers = arrays[-1]
    loss, right = 0.0, 0.0
    for part in range(parts):
        loss += numbers[SEEN + 2 * part]
        right += numbers[SEEN + 2 * part + 1]
    numbers[TOTAL], numbers[RIGHT] = loss / numbers[ROWS], right
    return math.isfinite(loss)
