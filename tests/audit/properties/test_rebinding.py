"""What a loss tells of bounded scores, and arrays that nobody looks at any more: tried on little networks."""

from __future__ import annotations

import ast
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from handgrad.audit.properties.bounded import limited_by
from handgrad.audit.properties.rebinding import rebound_dictionary
from handgrad.audit.subject import Subject
from handgrad.core.arrays import Array


def softmax(s: Array) -> Array:
    e = np.exp(s - s.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


BENDS: dict[str | None, Callable[[Array], Array]] = {
    None: lambda s: s,
    "relu": lambda s: np.maximum(s, 0),
    "tanh": np.tanh,
    "sigmoid": lambda s: 1 / (1 + np.exp(-np.clip(s, -500, 500))),
    "softmax": softmax,
}
UPDATE = "def update(params, grads):\n    for key in params:\n        params[key] = params[key] - 0.1 * grads[key]\n"


@pytest.mark.parametrize("bend", BENDS)
def test_the_function_ahead_of_the_softmax_is_told_from_the_scores_alone(bend: str | None) -> None:
    rng = np.random.default_rng(0)
    W, V, b = rng.standard_normal((9, 12)), rng.standard_normal((12, 5)), rng.standard_normal(5)

    def scores(x: Array) -> Array:
        with np.errstate(divide="ignore"):
            return np.log(softmax(BENDS[bend](np.tanh(x @ W) @ V + b)))

    subject = Subject(lambda: {"W": W, "V": V, "b": b}, lambda x, y: 0.0, None, None, 9, 5)
    before = W.copy()
    assert limited_by(subject, scores) == bend
    assert (before == W).all()


class Held:
    """Hands its arrays to a layer, and never looks at them again."""

    def __init__(self) -> None:
        self.params = {"W": np.ones((3, 2))}
        self.own = self.params["W"]

    def forward(self, x: Array) -> Array:
        return x @ self.own


class Looked(Held):
    """Looks into its dictionary each time."""

    def forward(self, x: Array) -> Array:
        return x @ self.params["W"]


def inspected(text: str, kind: type) -> Any:
    return SimpleNamespace(
        program=SimpleNamespace(tree=ast.parse(text), filename="net.py"), namespace={"__name__": __name__, "Net": kind}
    )


@pytest.mark.parametrize(("kind", "text", "lost"), [
    (Held, UPDATE, True), (Looked, UPDATE, False), (Held, UPDATE.replace("= params[key] -", "-="), False),
    (Held, UPDATE.replace("params[key] = params[key]", "cache[key] = cache[key]"), False),
])  # fmt: skip
def test_a_dictionary_whose_arrays_are_replaced(kind: type, text: str, lost: bool) -> None:
    net = kind()
    found = rebound_dictionary(inspected(text, kind))
    assert [finding.line for finding in found] == ([3] if lost else [])
    assert (net.params["W"] == 1).all()
