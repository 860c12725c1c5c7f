"""The bounds hold what rounding really does, and are narrow enough that a small mistake lies outside of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from handgrad.audit.judging.identify import Identity, Matrix
from handgrad.audit.judging.walk import Case
from handgrad.audit.place.right_numbers import RightNumbers
from handgrad.explain.diff.bounds import Bounds

IDENTITIES = [
    ("relu", "softmax", "cross-entropy", "B"),
    ("sigmoid", "softmax", "cross-entropy", "1"),
    ("tanh", "sigmoid", "binary cross-entropy", "B"),
    ("gelu", "none", "squared error", "2B"),
    ("softplus", "sigmoid", "squared error", "BC"),
]


def numbers(identity: tuple[str, ...], dtype: Any, *, rows: int = 5, seed: int = 0) -> RightNumbers:
    """A step of a 20-8-4 net, whose inputs and parameters are numbers of this dtype."""
    rng = np.random.default_rng(seed)
    matrices = (Matrix("W1", False, "b1"), Matrix("W2", True, "b2"))
    shapes = {"W1": (20, 8), "b1": (8,), "W2": (4, 8), "b2": (4,)}
    parameters = {name: rng.standard_normal(shape).astype(dtype) / 3 for name, shape in shapes.items()}
    x = rng.random((rows, 20)).astype(dtype)
    return RightNumbers(Case(Identity(matrices, *identity), parameters, x, rng.integers(0, 4, rows)))


def by_hand(right: RightNumbers, dtype: Any) -> dict[str, Any]:
    """ReLU, softmax and cross-entropy longhand, in this precision, with its sums the other way round."""
    p, x = right.case.parameters, right.case.x.astype(dtype)
    w1, w2 = p["W1"].astype(dtype), p["W2"].astype(dtype).T
    z1 = (x[:, ::-1] @ w1[::-1]) + p["b1"].astype(dtype)
    a1 = np.maximum(z1, 0)
    z2 = a1[:, ::-1] @ w2[::-1] + p["b2"].astype(dtype)
    e = np.exp(z2)
    a2 = e / e.sum(axis=1, keepdims=True)
    dz2 = (a2 - right.case.walk.t.astype(dtype)) / dtype(len(x))
    da1 = dz2 @ w2.T
    dz1 = da1 * (z1 > 0)
    return {
        "z1": z1, "a1": a1, "z2": z2, "a2": a2, "dL/dz2": dz2, "dL/dW2": a1[::-1].T @ dz2[::-1],
        "dL/db2": dz2[::-1].sum(axis=0), "dL/da1": da1, "dL/dz1": dz1, "dL/dW1": x[::-1].T @ dz1[::-1],
        "dL/db1": dz1[::-1].sum(axis=0),
    }  # fmt: skip


@pytest.mark.parametrize(("dtype", "u"), [(np.float64, 2.0**-53), (np.float32, 2.0**-24)])
@pytest.mark.parametrize("seed", range(20))
def test_another_order_of_summing_stays_inside(dtype: Any, u: float, seed: int) -> None:
    right = numbers(IDENTITIES[0], dtype, seed=seed)
    bounds = Bounds(right, u)
    truth = right.forward | {quantity.name: value for quantity, value in right.back.items()}
    for name, value in by_hand(right, dtype).items():
        away = np.abs(value.astype(np.float64) - truth[name])
        assert (away <= bounds[name]).all(), name


@pytest.mark.parametrize("identity", IDENTITIES)
def test_bounds_are_narrow(identity: tuple[str, ...]) -> None:
    """In float64 a millionth of a millionth of the largest number would already stand out."""
    right = numbers(identity, np.float64)
    bounds = Bounds(right, 2.0**-53)
    truth = right.forward | {quantity.name: value for quantity, value in right.back.items()}
    for name in bounds.found:
        assert bounds[name].shape == truth[name].shape
        assert (bounds[name] >= 0).all()
        assert bounds[name].max() < 1e-12 * np.abs(truth[name]).max() * (1 + np.abs(truth[name]).max()), name


@pytest.mark.parametrize("identity", IDENTITIES)
def test_float32_inside_its_own_bounds(identity: tuple[str, ...]) -> None:
    """Every activation and loss: the same layers in float32 stay within the bounds for float32."""
    from handgrad.core.net import Sequential

    right = numbers(identity, np.float32)
    bounds = Bounds(right, 2.0**-24)
    exact = right.case.identity.net(right.case.parameters)
    coarse = Sequential.from_config(exact.config() | {"dtype": "float32"})
    for ours, theirs in zip(coarse.parameters(), exact.parameters(), strict=True):
        ours.value[...] = theirs.value
    assert coarse.dtype == np.float32
    y = coarse(right.case.x)
    assert (np.abs(y - right.forward["a2"]) <= bounds["a2"]).all()
    coarse.backward(right.case.walk.by_output)
    names = ("dL/dW1", "dL/db1", "dL/dW2", "dL/db2")
    truth = {quantity.name: value for quantity, value in right.back.items()}
    for name, parameter in zip(names, coarse.parameters(), strict=True):
        assert (np.abs(parameter.grad - truth[name]) <= bounds[name]).all(), name
