"""Wide layers, compiled: dense products, in tiles of six rows and one panel of columns that stay in registers.

Each kernel stands for the NumPy lines that its docstring shows, for one panel of columns, from c on. The panel's matrix
is first put together in a room of the thread's own, where its rows lie one after the other (as in Goto and van de
Geijn, "Anatomy of High-Performance Matrix Multiplication", 2008). Matrices in the scratch have room for five more rows.
"""

from __future__ import annotations

from typing import Any

from handgrad.engines.fast.activations import RELU
from handgrad.engines.fast.compiling import compiled
from handgrad.engines.fast.lanes import PANEL_BYTES, fma, inside, keep_where, largest, load_panel, store, zeros_panel
from handgrad.engines.fast.memory import item, put_item
from handgrad.engines.fast.updates import update

TILE = 6  # rows: with 256 bytes of columns they fill 24 of 32 registers


@compiled
def tile(work: Any, a: int, a_row: int, a_step: int, room: int, depth: int, start: Any) -> Any:
    """Six rows of a @ panel + start: a[r, k] lies at a + r * a_row + k * a_step, and row k of the panel in the room."""
    inside()
    lanes = PANEL_BYTES // work.itemsize
    z0, z1, z2, z3, z4, z5 = start, start, start, start, start, start
    for k in range(depth):
        row, at = load_panel(work, room + k * lanes, None), a + k * a_step
        z0, z1 = fma(item(work, at), row, z0), fma(item(work, at + a_row), row, z1)
        z2, z3 = fma(item(work, at + 2 * a_row), row, z2), fma(item(work, at + 3 * a_row), row, z3)
        z4, z5 = fma(item(work, at + 4 * a_row), row, z4), fma(item(work, at + 5 * a_row), row, z5)
    return z0, z1, z2, z3, z4, z5


@compiled
def wide_product(
    work: Any, x: int, x_n: int, theta: Any, w: int, b: int, n_in: int, n_out: int, z: int, n: int, rows: int, c: int,
    mask: Any, bend: int, room: int,
) -> None:  # fmt: skip
    """z[:, c:] = x @ W[:, c:] + b[c:], and its ReLU."""
    lanes = PANEL_BYTES // theta.itemsize
    for i in range(n_in):
        store(work, room + i * lanes, load_panel(theta, w + i * n_out + c, mask), None)
    bias = load_panel(theta, b + c, mask) if b >= 0 else zeros_panel(theta)
    for r in range(0, rows, TILE):
        z0, z1, z2, z3, z4, z5 = tile(work, x + r * x_n, x_n, 1, room, n_in, bias)
        for i in range(TILE):
            store(work, z + (r + i) * n + c, keep_where(z0, z0, 0) if bend == RELU else z0, None)
            z0, z1, z2, z3, z4 = z1, z2, z3, z4, z5


@compiled
def wide_back(
    theta: Any, w: int, n_in: int, n_out: int, work: Any, dz: int, n: int, y: int, dx: int, x_n: int, rows: int, c: int,
    bend: int, room: int,
) -> None:  # fmt: skip
    """dx[:, c:] = dz @ W[c:].T. If the layer below ends in a ReLU, with output y, it is passed as well."""
    lanes = PANEL_BYTES // theta.itemsize
    for j in range(n_out):
        for i in range(lanes):
            put_item(work, room + j * lanes + i, item(theta, w + (c + i) * n_out + j) if c + i < n_in else 0)
    for r in range(0, rows, TILE):
        z0, z1, z2, z3, z4, z5 = tile(work, dz + r * n, n, 1, room, n_out, zeros_panel(theta))
        for i in range(r, r + TILE):
            kept = keep_where(z0, load_panel(work, y + i * x_n + c, None), 0) if bend == RELU else z0
            store(work, dx + i * x_n + c, kept, None)
            z0, z1, z2, z3, z4 = z1, z2, z3, z4, z5


@compiled
def wide_gradient(
    work: Any, x: int, x_n: int, dz: int, n: int, rows: int, theta: Any, state: Any, w: int, n_in: int, n_out: int,
    c: int, mask: Any, method: int, decay: Any, rates: Any, room: int,
) -> Any:  # fmt: skip
    """dW[:, c:] = x.T @ dz[:, c:], used by the optimizer as soon as it is there. Returns max |dW|."""
    lanes = PANEL_BYTES // theta.itemsize
    peak = zeros_panel(theta)
    for r in range(rows):
        store(work, room + r * lanes, load_panel(work, dz + r * n + c, None), None)
    for i in range(0, n_in, TILE):
        z0, z1, z2, z3, z4, z5 = tile(work, x + i, 1, x_n, room, rows, zeros_panel(theta))
        for k in range(i, min(i + TILE, n_in)):
            peak = largest(z0, peak)
            update(theta, state, w + k * n_out + c, z0, mask, method, decay, rates)
            z0, z1, z2, z3, z4 = z1, z2, z3, z4, z5
    return peak
