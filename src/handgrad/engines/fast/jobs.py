"""Jobs: which kernels a part of a step runs, on which places of which arrays.

An operation is a layer's forward or backward half; a job is some operations on one part, a strip of columns or a block
of rows, one after the other. The table of both is made once, by `plan.py`; code that reads a table is compiled once for
all networks.
"""

from __future__ import annotations

import math
from typing import Any

from handgrad.engines.fast import kernels as k
from handgrad.engines.fast.activations import RELU, bend, unbend
from handgrad.engines.fast.compiling import compiled
from handgrad.engines.fast.lanes import BYTES, first_lanes, store

# What an operation does.
SPARSE_FORWARD, GROUP, TURN, NARROW_FORWARD, LOSS, NARROW_BACKWARD, SPARSE_BACKWARD, UPDATE = range(8)
# Columns of the table of operations: what, the layer's sizes, places of its arrays in theta and work, ...
KIND, N_IN, N_OUT, W, B, X, Z, Y, DX, DZ, WT, BEND, BELOW, DECAY_W, DECAY_B, PEAK, UNBEND, COLUMNS = range(18)
# Places in `numbers`: which rows this step takes; its loss and how many are right; and from PARTS on two for each job.
ROWS_FROM, ROWS, METHOD, STEP_METHOD, TOTAL, RIGHT, PARTS = range(7)
NARROW = 32  # outputs that a narrow layer has at most
SPARE_WIDTH = NARROW + 1  # stretches of scratch that a strip needs
GROUPS = 2  # parts in which a batch's nonzeros are put in order


@compiled
def do(job: int, plan: Any, arrays: Any) -> None:
    """Run the operations of one job: plan holds the tables of operations, phases and jobs."""
    ops, _, table = plan[0], plan[1], plan[2]
    for op in range(table[job, 0], table[job, 1]):
        run(ops, op, table[job, 2], table[job, 3], table[job, 4], arrays)


@compiled
def run(ops: Any, op: int, part: int, parts: int, strip: int, arrays: Any) -> None:
    """One operation on one part: of `parts` blocks of rows the part-th, or `strip` columns from `part` on."""
    theta, state, data, order, labels, groups, _, work, _, slopes, rates, _, numbers = arrays
    start, count = int(numbers[ROWS_FROM]), int(numbers[ROWS])
    first, last = count * part // parts, count * (part + 1) // parts
    kind, n_in, n_out, z = ops[op, KIND], ops[op, N_IN], ops[op, N_OUT], ops[op, Z]
    if kind == GROUP:
        rows = order[start + first : start + last]
        k.group_by_column(data, rows, first, groups[0][part], groups[1][part], groups[2][part])
    elif kind == TURN:
        k.transpose(theta, ops[op, W], n_in, n_out, work, ops[op, WT])
    elif kind == NARROW_FORWARD:
        x, wt, b = ops[op, X], ops[op, WT], ops[op, B]
        k.narrow_product(work, x, wt, theta, b, n_in, n_out, z, first, last, ops[op, BEND], rates)
        bend(ops[op, BEND], slopes[op], work, z, ops[op, Y], n_out, first, last, 0, n_out)
    elif kind == LOSS:
        rows, seen = order[start + first : start + last], numbers[PARTS + 2 * part : PARTS + 2 * part + 2]
        k.softmax_cross_entropy(work, z, ops[op, DZ], n_out, labels, rows, first, count, rates, seen)
    elif kind == UPDATE:
        at, method = ops[op, W] + part, int(numbers[STEP_METHOD])
        k.update_all(theta, state, at, state[2], at, strip, method, rates[ops[op, DECAY_W]], rates)
    elif strip == BYTES // theta.itemsize:
        run_strip(ops, op, part, strip, arrays, None)
    else:
        run_strip(ops, op, part, strip, arrays, first_lanes(strip, theta))


@compiled
def run_strip(ops: Any, op: int, c: int, strip: int, arrays: Any, mask: Any) -> None:
    """An operation on the columns from c on; the mask lets `strip` of them pass, or is None for all lanes."""
    theta, state, data, order, _, groups, alive, work, spare, slopes, rates, peaks, numbers = arrays
    start, count = int(numbers[ROWS_FROM]), int(numbers[ROWS])
    n_in, n_out, w, b, z, dz = ops[op, N_IN], ops[op, N_OUT], ops[op, W], ops[op, B], ops[op, Z], ops[op, DZ]
    lanes = BYTES // theta.itemsize
    part, method = c // lanes, int(numbers[METHOD])
    peak = ops[op, PEAK] + 2 * part * lanes
    decay_w, decay_b = rates[ops[op, DECAY_W]], rates[ops[op, DECAY_B]]
    if ops[op, KIND] == SPARSE_FORWARD:
        k.sparse_product(data, order[start : start + count], theta, w, b, n_out, work, z, c, mask, ops[op, BEND])
        bend(ops[op, BEND], slopes[op], work, z, ops[op, Y], n_out, 0, count, c, c + strip)
    elif ops[op, KIND] == SPARSE_BACKWARD:
        if ops[op, UNBEND] and ops[op, BEND] == RELU:
            k.relu_back(work, ops[op, Y], dz, n_out, count, c, mask)
        elif ops[op, UNBEND]:
            unbend(ops[op, BEND], slopes[op], work, z, ops[op, Y], dz, n_out, count, c, c + strip)
        if b >= 0:
            db = k.column_sums(work, dz, n_out, count, c, mask)
            k.update(theta, state, b + c, db, mask, method, decay_b, rates)
            store(peaks, peak + lanes, db, None)
        dw = k.sparse_gradient(groups, alive, theta, state, w, n_out, work, dz, c, mask, method, decay_w, rates)
        store(peaks, peak, dw, None)
    else:  # NARROW_BACKWARD, a strip of its inputs
        x, wt, dx, below = ops[op, X], ops[op, WT], ops[op, DX], ops[op, BELOW]
        k.narrow_back(work, wt, n_in, n_out, dz, x, dx, count, c, mask, ops[below, BEND])
        unbend(ops[below, BEND], slopes[below], work, ops[below, Z], x, dx, n_in, count, c, c + strip)
        g = (part * SPARE_WIDTH + 1) * lanes
        k.narrow_gradient(work, x, n_in, n_out, dz, count, spare, g, c, mask, strip)
        dw = k.update_all(theta, state, w + c * n_out, spare, g, strip * n_out, method, decay_w, rates)
        store(peaks, peak, dw, None)
        if b >= 0 and c == 0:
            for j in range(n_out):
                total = rates[k.ZERO]
                for r in range(count):
                    total += work[dz + r * n_out + j]
                spare[g + j] = total
            store(peaks, peak + lanes, k.update_all(theta, state, b, spare, g, n_out, method, decay_b, rates), None)


@compiled
def gather_loss(parts: int, arrays: Any) -> bool:
    """Add up what the parts of the loss have seen; whether it is a finite number."""
    numbers = arrays[-1]
    loss, right = 0.0, 0.0
    for part in range(parts):
        loss += numbers[PARTS + 2 * part]
        right += numbers[PARTS + 2 * part + 1]
    numbers[TOTAL], numbers[RIGHT] = loss / numbers[ROWS], right
    return math.isfinite(loss)
