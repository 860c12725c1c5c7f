"""One statement of NumPy code as arithmetic at one place, held against NumPy; what is not read gives no equation."""

from __future__ import annotations

import ast
from typing import Any

import numpy as np
import pytest

from handgrad.explain.strangers.longhand import equations_of
from handgrad.explain.strangers.statements import watch_statements

RNG = np.random.default_rng(0)
SPACE: dict[str, Any] = {
    "np": np, "x": RNG.normal(size=(4, 9)), "W": RNG.normal(size=(9, 3)), "b": RNG.normal(size=3), "lr": 0.1,
    "z": RNG.normal(size=(4, 3)), "t": np.eye(3)[[0, 1, 2, 0]], "column": RNG.normal(size=(4, 1)),
    "y": np.array([1, 2]), "params": {"W": RNG.normal(size=(9, 3))}, "layers": [RNG.normal(size=(9, 3))],
}  # fmt: skip


def equations(statement: str) -> Any:
    """What is made of a statement that runs in SPACE: inner sums, and the statement."""
    space = {name: np.array(v) if isinstance(v, np.ndarray) else v for name, v in SPACE.items()}
    tree = ast.parse(statement)
    code = compile(tree, "<file>", "exec")
    (done,) = watch_statements(lambda: exec(code, space), {"<file>"}, tree)
    return equations_of(done, 5, 4)


@pytest.mark.parametrize(
    "statement",
    [
        "r = x @ W + b", "r = b + x @ W", "r = np.dot(x, W)", "r = x.dot(params['W']) + b", "r = x @ layers[-1]",
        "r = W.T @ x.T", "r = z.sum(axis=0)", "r = np.sum(z, axis=1, keepdims=True)", "r = z.mean(axis=0)",
        "r = np.mean(z)", "r = (z * z).sum(axis=0)", "r = 1 / (1 + np.exp(-z))", "r = np.maximum(z, 0)",
        "r = z * (z > 0)", "r = np.exp(z - z.max(axis=1, keepdims=True))", "r = z / z.sum(axis=1, keepdims=True)",
        "r = (z - t) / len(z)", "r = z * column + b", "z -= lr * z ** 2", "z /= len(z)",
        "r = np.tanh(z) * (1 - z ** 2)",
        "r = -np.sum(t * np.log(np.exp(z))) / 4", "r = (z @ W.T) * 2.0", "r = z - x @ W", "r = np.sqrt(z * z + 1e-8)",
        "r = 2 * z[1:, :2]", "r = -np.log(np.exp(z)[np.arange(2), y])", "r = 3 * z[range(len(y)), y]",
        "r = np.where(z > 0, z * 2, -z)", "r = z[:, None, 1] * 3.0", "r = np.power(z, 2)", "r = np.square(z) + b",
    ],
)  # fmt: skip
def test_statements_that_are_read(statement: str) -> None:
    found = equations(statement)
    assert found
    assert all(one.closes() for one in found)


def test_a_sum_inside_of_an_expression_comes_first() -> None:
    found = equations("r = -np.sum(z * t) / 4")
    assert [one.symbol for one in found] == ["(np.sum(z * t))", "r"]


@pytest.mark.parametrize(
    "statement",
    ["r = np.linalg.norm(z)", "r = z[:, 1]", "r = np.where(z > 0, z, 0)", "r = y", "r = z", "r = [z, z][0]",
     "r = x.reshape(-1)", "r = z.std(axis=0)", "r = np.random.rand(3)"],
)  # fmt: skip
def test_what_is_not_read_gives_no_equation(statement: str) -> None:
    assert equations(statement) == []
