"""Counters are no labels, batches no biases, and a net is made as deep as its code wants it."""

from __future__ import annotations

import ast
import itertools

import numpy as np
import pytest

from handgrad.audit.dialects.roles import role
from handgrad.audit.dialects.sizes import make
from handgrad.audit.dialects.slices import scopes, slices

LOOP = """
def train(X, Y):
    t = 0
    for X_b, Y_b in batches(X, Y):
        t = t + 1
        update(net(X_b, Y_b), t)
"""


@pytest.mark.parametrize(("name", "expected"), [("X_b", "x"), ("y_b", "y"), ("W_b", "weight"), ("b", "weight")])
def test_a_batch_is_no_bias(name: str, expected: str) -> None:
    assert role(name) == expected


def test_a_counter_is_no_label() -> None:
    inputs = [cut.inputs for scope in scopes(ast.parse(LOOP)) for cut in slices(scope)]
    assert inputs
    assert all(set(names) == {"X_b", "Y_b"} for names in inputs)


def test_deeper_nets_are_tried() -> None:
    def initialize(layer_dims: list[int]) -> list[np.ndarray]:
        return [np.zeros(pair) for pair in itertools.pairwise(layer_dims)]

    made = list(make(initialize))
    assert {len(one) for one in made} == {2, 3, 4}
    for one in made:
        assert all(a.shape[1] == b.shape[0] for a, b in itertools.pairwise(one))
        assert (one[0].shape[0], one[-1].shape[1]) == (6, 4)
