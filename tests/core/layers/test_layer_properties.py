"""What holds for any shape, memory order and magnitude: layers and losses meet what a training can throw at them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from core_cases import LAYER_CASES, LOSS_CASES, NET_CASES, LayerCase, LossCase
from hypothesis import given, settings
from hypothesis import strategies as st

from handgrad import MLP, BatchNorm, CrossEntropy, Flatten, LayerNorm, Linear, SoftmaxCrossEntropy
from handgrad.audit.promises.layers import run
from handgrad.core.layers import ACTIVATIONS

CASES = LAYER_CASES | NET_CASES
quick = settings(max_examples=15, deadline=None, derandomize=True)
ALONE = set(ACTIVATIONS.values())  # layers that work on each number alone
EXTREMES = np.array([0.0, -0.0, 1e-30, -1e-30, 80, -80, 88.8, -88.8, 1e4, -1e4, 1.0, -1.0], np.float32)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_memory_order_changes_nothing(case: LayerCase, dtype: type) -> None:
    """A transposed, a strided, a reversed and a read-only x and dy give what the plain ones give."""
    layer, x = case.layer(dtype), case.x(4, dtype)
    dy = np.random.default_rng(1).standard_normal(layer.forward(x).shape).astype(dtype)
    layer = case.layer(dtype)
    expected = run(layer, x, dy)
    for view in (_transposed, _strided, _reversed, _frozen):
        found = run(layer, view(x), view(dy))
        for right, got in zip((*expected[:2], *expected[2]), (*found[:2], *found[2]), strict=True):
            np.testing.assert_allclose(got, right, rtol=0, atol=3e-6 if dtype == np.float32 else 1e-14)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@given(batch=st.integers(2, 9), seed=st.integers(0, 99), dtype=st.sampled_from([np.float32, np.float64]))
@quick
def test_any_batch(case: LayerCase, batch: int, seed: int, dtype: Any) -> None:
    layer, x = case.layer(dtype), case.x(batch, dtype, seed)
    y = layer.forward(x)
    dx = layer.backward(np.ones_like(y))
    assert len(y) == batch
    assert dx.shape == x.shape
    assert {array.dtype for array in (y, dx, *(grad for _, grad in layer.parameters()))} == {np.dtype(dtype)}
    assert all(np.isfinite(array).all() for array in (y, dx))


@pytest.mark.parametrize(
    "case", [c for c in CASES.values() if not c.coupled], ids=[n for n, c in CASES.items() if not c.coupled]
)
def test_a_batch_of_one(case: LayerCase) -> None:
    layer, x = case.layer(), case.x(1)
    y = layer.forward(x)
    assert len(y) == 1
    assert layer.backward(np.ones_like(y)).shape == x.shape


@pytest.mark.parametrize("case", [case for case in CASES.values() if case.coupled])
def test_a_batch_of_one_in_eval(case: LayerCase) -> None:
    assert len(case.layer().eval().forward(case.x(1))) == 1


@given(
    batch=st.integers(2, 8), inputs=st.integers(1, 9), outputs=st.integers(1, 9),
    kind=st.sampled_from(["Linear", "BatchNorm", "LayerNorm", "MLP"]), seed=st.integers(0, 9),
)  # fmt: skip
@quick
def test_any_size(batch: int, inputs: int, outputs: int, kind: str, seed: int) -> None:
    makers: dict[str, Any] = {
        "Linear": lambda: Linear(inputs, outputs, rng=seed), "BatchNorm": lambda: BatchNorm(inputs),
        "LayerNorm": lambda: LayerNorm(inputs), "MLP": lambda: MLP(inputs, 3, outputs, rng=seed),
    }  # fmt: skip
    x = np.random.default_rng(seed).standard_normal((batch, inputs)).astype(np.float32)
    layer = makers[kind]()
    y = layer(x)
    assert y.shape == (batch, outputs if kind in ("Linear", "MLP") else inputs)
    assert layer.backward(np.ones_like(y)).shape == x.shape


@given(shape=st.lists(st.integers(1, 4), min_size=1, max_size=4), batch=st.integers(1, 4))
@quick
def test_flatten_any_axes(shape: list[int], batch: int) -> None:
    x = np.random.default_rng(0).standard_normal((batch, *shape))
    layer = Flatten()
    np.testing.assert_array_equal(layer.backward(layer(x)), x)


@pytest.mark.parametrize("name", [n for n in LAYER_CASES if "Linear" not in n])
def test_extreme_numbers_in_single_precision(name: str) -> None:
    """No overflow, no nan: +-1e4, +-80 and 0 in float32, forward and backward (accidents raise, see conftest.py)."""
    case = LAYER_CASES[name]
    numbers = int(np.prod(case.sample))
    x = np.resize(EXTREMES, 12 * numbers).reshape(12, *case.sample)
    layer = case.make(np.float32)
    y = layer.forward(x)
    dx = layer.backward(np.full_like(y, 3))
    assert np.isfinite(y).all()
    assert np.isfinite(dx).all()
    assert y.dtype == dx.dtype == np.float32


@pytest.mark.parametrize("name", [name for name, case in LAYER_CASES.items() if type(case.make("f4")) in ALONE])
def test_the_largest_numbers_of_single_precision(name: str) -> None:
    """Where x is +-3e38, its square or cube is no number of float32; and y there is 0, a bound, or a share of x."""
    layer = LAYER_CASES[name].make(np.float32)
    y = layer.forward(np.array([[-3e38, -1e20, 1e20, 3e38]], np.float32))
    dx = layer.backward(np.ones_like(y))
    assert np.isfinite(y).all()
    assert (np.abs(dx) <= 1).all()
    assert (dx[0, 2:] == dx[0, 3]).all()


@pytest.mark.parametrize("name", ["Linear", "BatchNorm", "LayerNorm"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_layer_with_weights_brings_its_input_to_their_dtype(name: str, dtype: type) -> None:
    case = LAYER_CASES[name]
    layer = case.layer(dtype)
    for other in (np.float16, np.float32, np.float64):
        y = layer.forward(case.x(dtype=other))
        assert y.dtype == dtype
        assert layer.backward(y).dtype == dtype


@pytest.mark.parametrize("name", ["BatchNorm", "LayerNorm"])
def test_numbers_that_are_all_alike_are_normalised_to_zero(name: str) -> None:
    layer = LAYER_CASES[name].make(np.float32)
    y = layer.forward(np.full((4, 5), 7, np.float32))
    np.testing.assert_array_equal(y, 0)
    assert np.isfinite(layer.backward(np.ones_like(y))).all()


@pytest.mark.parametrize("name", ["BatchNorm", "LayerNorm"])
def test_a_large_mean_does_not_drown_the_variance(name: str) -> None:
    """Numbers around 1000 with a spread of 1, in float32: E[x^2] - E[x]^2 would lose most of its digits."""
    x = 1000 + np.random.default_rng(0).standard_normal((5, 5))
    single = LAYER_CASES[name].make(np.float32).forward(x.astype(np.float32))
    double = LAYER_CASES[name].make(np.float64).forward(x.astype(np.float32).astype(np.float64))
    np.testing.assert_allclose(single, double, atol=5e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", LOSS_CASES.values(), ids=LOSS_CASES)
def test_losses_keep_the_dtype(case: LossCase, dtype: type) -> None:
    loss = case.make()
    value = loss(*case.data(dtype))
    assert type(value) is float
    assert loss.backward().dtype == dtype
    prediction, target = case.data(dtype)
    again = case.make()
    assert again(_strided(prediction), target) == pytest.approx(value, rel=1e-6)
    np.testing.assert_allclose(again.backward(), loss.backward(), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("case", LOSS_CASES.values(), ids=LOSS_CASES)
def test_losses_take_a_batch_of_one(case: LossCase) -> None:
    prediction, target = case.data()
    loss = case.make()
    assert np.isfinite(loss(prediction[:1], target[:1]))
    assert loss.backward().shape == prediction[:1].shape


@pytest.mark.parametrize("case", [c for n, c in LOSS_CASES.items() if not n.startswith("CrossEntropy")])
def test_losses_at_extreme_numbers_in_single_precision(case: LossCase) -> None:
    prediction, target = case.data(np.float32)
    loss = case.make()
    for shift in range(len(EXTREMES)):
        value = loss(np.resize(np.roll(EXTREMES, shift), prediction.size).reshape(prediction.shape), target)
        assert np.isfinite(value)
        assert np.isfinite(loss.backward()).all()


def test_certain_and_wrong_probabilities_meet_no_log_of_zero() -> None:
    for dtype in (np.float32, np.float64):
        loss = CrossEntropy()
        value = loss(np.array([[1, 0], [0, 1]], dtype), [1, 1])
        tiny = float(np.finfo(dtype).tiny)
        assert value == pytest.approx(-np.log(tiny) / 2)
        np.testing.assert_allclose(loss.backward(), [[0, -0.5 / tiny], [0, -0.5]])


@given(st.integers(1, 6), st.integers(1, 8), st.integers(0, 99))
@quick
def test_cross_entropy_gradients_sum_to_zero(batch: int, classes: int, seed: int) -> None:
    """Adding the same to all logits of a row changes no probability."""
    rng = np.random.default_rng(seed)
    loss = SoftmaxCrossEntropy(0.1)
    loss(100 * rng.standard_normal((batch, classes)), rng.integers(0, classes, batch))
    np.testing.assert_allclose(loss.backward().sum(axis=1), 0, atol=1e-12)


def _transposed(x: Any) -> Any:
    return np.asfortranarray(x)


def _strided(x: Any) -> Any:
    wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)
    wide[..., ::2] = x
    return wide[..., ::2]


def _reversed(x: Any) -> Any:
    return x[::-1].copy()[::-1]


def _frozen(x: Any) -> Any:
    x = x.copy()
    x.flags.writeable = False
    return x
