"""Initialisers: the spread that each promises, over enough numbers to be sure of it, and seeds that mean the same."""

from __future__ import annotations

import math

import numpy as np
import pytest

from handgrad import Linear, he, lecun, normal, orthogonal, xavier, zeros
from handgrad.core.init import Init, initializer
from handgrad.errors import InputError

N, M = 400, 250  # 100,000 numbers: the standard error of a standard deviation is 1/sqrt(2 * 100,000) of it

SPREADS = {
    "he": (he, math.sqrt(2 / N)),
    "xavier": (xavier(), math.sqrt(2 / (N + M))),
    "xavier gain 4": (xavier(4), 4 * math.sqrt(2 / (N + M))),
    "lecun": (lecun, math.sqrt(1 / N)),
    "normal": (normal(0.01), 0.01),
}


@pytest.mark.parametrize(("init", "std"), SPREADS.values(), ids=SPREADS)
def test_spread(init: Init, std: float) -> None:
    w = init(np.random.default_rng(0), N, M)
    assert w.shape == (N, M)
    assert abs(w.std() / std - 1) < 5 / math.sqrt(2 * w.size)
    assert abs(w.mean()) < 5 * std / math.sqrt(w.size)


@pytest.mark.parametrize("shape", [(7, 7), (9, 4), (4, 9), (1, 5), (5, 1)])
@pytest.mark.parametrize("gain", [1.0, 2.0])
def test_orthogonal(shape: tuple[int, int], gain: float) -> None:
    w = orthogonal(gain)(np.random.default_rng(0), *shape)
    assert w.shape == shape
    gram = w @ w.T if shape[0] <= shape[1] else w.T @ w
    np.testing.assert_allclose(gram, gain**2 * np.eye(min(shape)), atol=1e-12)


def test_orthogonal_has_no_favourite_sign() -> None:
    """QR alone gives diagonals of one sign; a uniform orthogonal matrix has either."""
    signs = [np.sign(orthogonal()(np.random.default_rng(seed), 3, 3)[0, 0]) for seed in range(200)]
    assert 60 < signs.count(1.0) < 140


def test_zeros() -> None:
    assert not zeros(np.random.default_rng(0), 3, 2).any()


@pytest.mark.parametrize(
    ("name", "same"),
    [("he", he), ("lecun", lecun), ("xavier", xavier()), ("zeros", zeros), ("orthogonal", orthogonal()),
     ("normal(0.01)", normal(0.01)), ("xavier(4)", xavier(4)), ("orthogonal(2)", orthogonal(2)),
     ("normal(1e-3)", normal(0.001)), ("Xavier", xavier()), ("HE", he), ("Normal(1E-3)", normal(0.001))],
)  # fmt: skip
def test_names(name: str, same: Init) -> None:
    named, itself = (init(np.random.default_rng(1), 4, 3) for init in (initializer(name), same))
    np.testing.assert_array_equal(named, itself)


@pytest.mark.parametrize(
    "name", ["hee", "normal", "normal()", "normal(x)", "normal(-1)", "he(2)", "normal(1e999)", "normal(1-1)"]
)
def test_unknown_names_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="init"):
        initializer(name)


def test_a_seed_means_the_same_draw_in_every_precision() -> None:
    single, double = Linear(5, 4, rng=3), Linear(5, 4, rng=3, dtype=np.float64)
    np.testing.assert_array_equal(single.W, double.W.astype(np.float32))
    np.testing.assert_array_equal(double.W, np.random.default_rng(3).standard_normal((5, 4)) * math.sqrt(2 / 5))
    assert not double.b.any()


def test_the_legacy_generator_serves_too() -> None:
    layer = Linear(5, 4, rng=np.random.RandomState(3), dtype=np.float64)
    np.testing.assert_array_equal(layer.W, np.random.RandomState(3).standard_normal((5, 4)) * math.sqrt(2 / 5))
