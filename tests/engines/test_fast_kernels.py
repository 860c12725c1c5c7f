"""Each kernel alone against the NumPy lines that it stands for: a lone row, rows of zeros and rows without one."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array

from handgrad.core.losses import SoftmaxCrossEntropy
from handgrad.core.params import aligned_zeros
from handgrad.data.sparse import SparseRows

numba = pytest.importorskip("numba")
from handgrad.engines.fast import first as sparse  # noqa: E402 - they import Numba
from handgrad.engines.fast import loss, narrow, wide  # noqa: E402
from handgrad.engines.fast import updates as k  # noqa: E402
from handgrad.engines.fast.activations import NONE, RELU  # noqa: E402
from handgrad.engines.fast.lanes import BYTES, PANEL_BYTES, first_lanes, first_panel  # noqa: E402
from handgrad.engines.fast.nonzeros import nonzeros  # noqa: E402

pytestmark = pytest.mark.slow  # compiling takes some seconds
compiled = numba.njit(error_model="numpy")

# (rows, inputs, outputs, share of nonzeros): a lone row, odd and even sizes, all zeros, no zeros, more than one strip
SHAPES = [(1, 7, 3, 0.3), (5, 8, 128, 0.0), (64, 31, 10, 0.2), (9, 50, 200, 1.0), (23, 784, 256, 0.2)]
DTYPES: list[Any] = [np.float32, np.float64]


def close(got: Any, expected: Any, dtype: Any) -> None:
    np.testing.assert_allclose(got, expected, rtol=0, atol=2e-4 if dtype is np.float32 else 1e-12)


def padded(array: Any, n: int) -> Any:
    """A matrix as the scratch has it: flat, with n numbers from row to row, and some room behind."""
    wide = np.zeros((len(array) + 1, n), array.dtype)
    wide[:-1, : array.shape[1]] = array
    flat = aligned_zeros(wide.size + 256, array.dtype)
    flat[: wide.size] = wide.ravel()
    return flat


def rates(dtype: Any, **values: float) -> Any:
    found = np.zeros(k.RATES, dtype)
    found[k.ONE], found[k.SMOOTHING] = 1, values.get("smoothing", 0)
    return found


@compiled
def first_layer(
    data: Any, rows: Any, theta: Any, n_in: int, n_out: int, n: int, groups: Any, z: Any, y: Any, dz: Any, dw: Any,
    rates: Any,
) -> None:  # fmt: skip
    """A first layer: nonzeros in order, product in two parts, sum and ReLU, gradient in two parts."""
    lanes, batch, pairs = BYTES // theta.itemsize, len(rows), len(groups[0][0]) - 1
    alive, state = np.zeros(pairs, np.bool_), (theta, theta, dw)
    sparse.group_by_pair(data, rows, 0, groups[0][0], groups[1][0], groups[2][0])
    group = groups[0][0], groups[1][0], groups[2][0]
    for c in range(0, n_out, lanes):
        mask = first_lanes(n_out - c, theta)
        for part in range(2):
            first, last = pairs * part // 2, pairs * (part + 1) // 2
            at = part * n * batch + c * batch
            sparse.sparse_product(group, first, last, theta, 0, n_in, n_out, z, at, 0, batch, c, mask)
            sparse.sparse_gradient(
                groups, 0, 1, first, last, alive, theta, state, 0, n_in, n_out, dz, 0, n, c, mask, k.STORE, 0.0, rates
            )
        sparse.finish(z, c * batch, 2, n * batch, theta, n_in * n_out, 2 * n * batch, n, 0, batch, c, mask, RELU)
    y[:] = z[2 * n * batch :][: len(y)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("rows", "n_in", "n_out", "share"), SHAPES)
def test_a_first_layer_that_skips_zeros(rows: int, n_in: int, n_out: int, share: float, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    images = (rng.integers(1, 256, (rows + 3, n_in)) * (rng.random((rows + 3, n_in)) < share)).astype(np.uint8)
    images[0] = 0
    chosen = rng.permutation(rows + 3)[:rows]
    x = images[chosen] / 255
    w, b, dz = (rng.standard_normal(shape) for shape in ((n_in, n_out), n_out, (rows, n_out)))
    theta = aligned_zeros(w.size + n_out + 256, dtype)
    theta[: w.size + n_out] = np.concatenate([w.ravel(), b])
    n, pairs = -(-n_out * dtype().itemsize // BYTES) * BYTES // dtype().itemsize, -(-n_in // 2)
    groups = (np.zeros((1, pairs + 1), np.int32), np.zeros((1, rows * pairs), np.int32),
              np.zeros((1, rows * pairs, 2), dtype))  # fmt: skip
    z, y, dw = aligned_zeros(3 * n * rows + 256, dtype), np.zeros(rows * n, dtype), aligned_zeros(len(theta), dtype)
    index, above = nonzeros(images, dtype), padded(dz.astype(dtype), n)
    data = index.arrays()
    first_layer(data, chosen, theta, n_in, n_out, n, groups, z, y, above, dw, rates(dtype))
    close(y.reshape(rows, n)[:, :n_out], np.maximum(x @ w + b, 0), dtype)
    close(dw[: w.size].reshape(n_in, n_out), x.T @ dz, dtype)
    in_pairs = np.pad(images != 0, ((0, 0), (0, n_in % 2))).reshape(rows + 3, pairs, 2)
    np.testing.assert_array_equal(index.touched, in_pairs.any(axis=2).sum(axis=0))
    compressed = nonzeros(SparseRows(csr_array(images / 255)), dtype)  # type: ignore[arg-type]
    np.testing.assert_array_equal(compressed.touched, index.touched)


@compiled
def narrow_layer(
    x: Any, x_n: int, theta: Any, n_in: int, n_out: int, z: Any, n: int, dz: Any, wt: Any, dx: Any, dw: Any, rates: Any,
    rows: int, bend: int,
) -> None:  # fmt: skip
    """A narrow layer: product, gradient of its input, of its weights and of its bias."""
    state, b = (theta, theta, dw), n_in * n_out
    work = np.concatenate((x, z, dz, wt, dx))
    at_z, at_dz, at_wt = len(x), len(x) + len(z), len(x) + len(z) + len(dz)
    at_dx = at_wt + len(wt)
    narrow.transpose(theta, 0, n_in, n_out, work, at_wt, x_n)
    narrow.narrow_product(work, 0, x_n, theta, 0, b, n_in, n_out, at_z, n, 0, rows, bend)
    narrow.narrow_back(work, at_wt, n_in, n_out, at_dz, n, 0, at_dx, x_n, 0, rows, bend)
    half = n_in // 2
    narrow.narrow_gradient(work, 0, x_n, at_dz, n, rows, theta, state, 0, n_out, 0, half, k.STORE, 0.0, rates)
    narrow.narrow_gradient(work, 0, x_n, at_dz, n, rows, theta, state, 0, n_out, half, n_in, k.STORE, 0.0, rates)
    narrow.bias_gradient(work, at_dz, n, rows, theta, state, b, n_out, k.STORE, 0.0, rates)
    z[:], dx[:] = work[at_z:at_dz], work[at_dx:]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bend", [NONE, RELU])
@pytest.mark.parametrize(("rows", "n_in", "n_out"), [(1, 3, 2), (6, 130, 17), (64, 256, 10), (7, 5, 32)])
def test_a_narrow_layer(rows: int, n_in: int, n_out: int, bend: int, dtype: Any) -> None:
    rng = np.random.default_rng(1)
    shapes = ((rows, n_in), (n_in, n_out), n_out, (rows, n_out))
    x, w, b, dz = (rng.standard_normal(shape).astype(dtype) for shape in shapes)
    lanes = BYTES // dtype().itemsize
    x_n, n = -(-n_in // lanes) * lanes, lanes
    theta = aligned_zeros(w.size + n_out + 64, dtype)
    theta[: w.size + n_out] = np.concatenate([w.ravel(), b])
    z, dx, dw = np.zeros((rows + 1) * n, dtype), np.zeros((rows + 1) * x_n, dtype), np.zeros_like(theta)
    wt = np.zeros(n_out * x_n, dtype)
    narrow_layer(padded(x, x_n), x_n, theta, n_in, n_out, z, n, padded(dz, n), wt, dx, dw, rates(dtype), rows, bend)
    product, back = x @ w + b, dz @ w.T
    close(z[: rows * n].reshape(rows, n)[:, :n_out], np.maximum(product, 0) if bend == RELU else product, dtype)
    close(dx[: rows * x_n].reshape(rows, x_n)[:, :n_in], back * (x > 0) if bend == RELU else back, dtype)
    close(dw[: w.size].reshape(n_in, n_out), x.T @ dz, dtype)
    close(dw[w.size :][:n_out], dz.sum(axis=0), dtype)


@compiled
def wide_layer(
    work: Any, x_n: int, n: int, theta: Any, n_in: int, n_out: int, at: Any, dw: Any, rates: Any, rows: int, bend: int
) -> None:
    """A wide layer, panel by panel: product, gradient of its input and of its weights."""
    lanes, state = PANEL_BYTES // theta.itemsize, (theta, theta, dw)
    x, dz, z, dx, room = at
    for c in range(0, n_out, lanes):
        mask = first_panel(min(lanes, n_out - c), theta)
        wide.wide_product(work, x, x_n, theta, 0, n_in * n_out, n_in, n_out, z, n, rows, c, mask, bend, room)
        wide.wide_gradient(work, x, x_n, dz, n, rows, theta, state, 0, n_in, n_out, c, mask, k.STORE, 0.0, rates, room)
    for c in range(0, n_in, lanes):
        wide.wide_back(theta, 0, n_in, n_out, work, dz, n, x, dx, x_n, rows, c, bend, room)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bend", [NONE, RELU])
@pytest.mark.parametrize(("rows", "n_in", "n_out"), [(1, 3, 2), (6, 130, 47), (64, 70, 128), (7, 5, 33)])
def test_a_wide_layer(rows: int, n_in: int, n_out: int, bend: int, dtype: Any) -> None:
    rng = np.random.default_rng(3)
    shapes = ((rows, n_in), (n_in, n_out), n_out, (rows, n_out))
    x, w, b, dz = (rng.standard_normal(shape).astype(dtype) for shape in shapes)
    panel = PANEL_BYTES // dtype().itemsize
    x_n, n = -(-n_in // panel) * panel, -(-n_out // panel) * panel
    theta = aligned_zeros(w.size + n_out + 64, dtype)
    theta[: w.size + n_out] = np.concatenate([w.ravel(), b])
    tall = rows + wide.TILE - 1
    sizes = (tall * x_n, tall * n, tall * n, tall * x_n, max(rows, n_in, n_out) * panel)
    at = [0, *(int(end) for end in np.cumsum(sizes))]
    work, dw = aligned_zeros(at[-1], dtype), np.full_like(theta, np.nan)
    work[: rows * x_n].reshape(rows, x_n)[:, :n_in] = x
    work[at[1] : at[1] + rows * n].reshape(rows, n)[:, :n_out] = dz
    wide_layer(work, x_n, n, theta, n_in, n_out, tuple(at[:-1]), dw, rates(dtype), rows, bend)
    product, back = x @ w + b, dz @ w.T
    z, dx = work[at[2] : at[3]].reshape(tall, n), work[at[3] : at[4]].reshape(tall, x_n)
    close(z[:rows, :n_out], np.maximum(product, 0) if bend == RELU else product, dtype)
    close(dx[:rows, :n_in], back * (x > 0) if bend == RELU else back, dtype)
    close(dw[: w.size].reshape(n_in, n_out), x.T @ dz, dtype)
    assert np.isnan(dw[w.size :]).all()


@compiled
def cross_entropy(work: Any, n: int, classes: int, labels: Any, rows: Any, batch: int, rates: Any, seen: Any) -> None:
    loss.softmax_cross_entropy(work, 0, len(work) // 2, n, classes, labels, rows, 0, batch, rates, seen)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize(("rows", "classes"), [(1, 2), (40, 10)])
def test_softmax_and_cross_entropy(rows: int, classes: int, smoothing: float, dtype: Any) -> None:
    rng = np.random.default_rng(2)
    z = (10 * rng.standard_normal((rows, classes))).astype(dtype)
    labels = rng.integers(0, classes, rows + 5)
    chosen = rng.permutation(rows + 5)[:rows]
    criterion = SoftmaxCrossEntropy(label_smoothing=smoothing)
    expected, gradient = criterion(z, labels[chosen]), criterion.backward()
    work, seen = np.zeros(2 * z.size, dtype), np.zeros(2)
    work[: z.size] = z.ravel()
    cross_entropy(work, classes, classes, labels, chosen, rows, rates(dtype, smoothing=smoothing), seen)
    assert seen[0] / rows == pytest.approx(expected, rel=1e-5 if dtype is np.float32 else 1e-12)
    assert seen[1] == (z.argmax(axis=1) == labels[chosen]).sum()
    close(work[z.size :].reshape(z.shape), gradient, dtype)


KERNELS = """
import importlib
import numpy as np
from numba import types
from handgrad import MLP, SGD, SoftmaxCrossEntropy
from handgrad.engines.fast import crew, wide
from handgrad.engines.fast.compiling import compiled
from handgrad.engines.fast.engine import FastEngine

x, y = np.ones((8, 20), np.uint8), np.zeros(8, int)
net = MLP(20, 40, 3, rng=0)
list(FastEngine(net, SoftmaxCrossEntropy(), SGD(net, lr=0.1), x, y, 8).epoch(x, y, np.arange(8), 8, [None]))
compiled(crew.run.py_func).compile(crew.run.signatures[0])  # what came from the disk says nothing
for name in ("activations", "crew", "first", "jobs", "lanes", "loss", "memory", "narrow", "updates", "wide"):
    for kernel in vars(importlib.import_module(f"handgrad.engines.fast.{name}")).values():
        kinds = [tuple(map(types.unliteral, arguments)) for arguments in getattr(kernel, "overloads", ())]
        if len(kinds) > len(set(kinds)) and kernel is not wide.tile:  # its rows lie side by side, or its columns
            print(kernel)
"""


def test_nothing_is_compiled_once_for_a_number_and_once_for_any() -> None:
    """A fifth of a first run's wait was a second copy of many kernels, for a caller that gave 0 as it stands."""
    found = subprocess.run([sys.executable, "-c", KERNELS], capture_output=True, text=True, check=True)
    assert found.stdout == ""
