"""Every layer and net that ships, in each of its forms, keeps every promise, its numeric derivatives included."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from core_cases import LAYER_CASES, NET_CASES, LayerCase

from handgrad.audit.promises.layers import PROMISES, Trial, alive, parameters_of, shape_and_dtype
from handgrad.audit.promises.verdict import Promise, broken, examine

CASES = LAYER_CASES | NET_CASES


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_every_promise_is_kept(case: LayerCase, promise: Promise) -> None:
    for seed in (0, 1):
        verdicts = examine(Trial(case.layer(), case.x(), coupled=case.coupled, seed=seed), [promise])
        assert [v for v in verdicts if v.ok is not True] == []  # None, not tried, will not do here


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_each_promise_is_really_tried(case: LayerCase) -> None:
    """What a promise leaves out is known: rows that see each other, masks that are drawn anew, no weights."""
    verdicts = examine(Trial(case.layer(), case.x(), coupled=case.coupled), PROMISES)
    expected = [promise.__name__ for promise in PROMISES]
    if not parameters_of(case.layer()):
        expected = [name for name in expected if name not in ("derivative_by_parameters", "alive")]
    if case.coupled or Trial(case.layer(), case.x()).stochastic:
        expected.remove("rows_alone")
    if Trial(case.layer(), case.x()).stochastic:
        expected.remove("sums_over_batch")
    assert list(dict.fromkeys(v.code for v in verdicts)) == expected


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_dtype_stays(case: LayerCase, dtype: type) -> None:
    trial = Trial(case.layer(dtype), case.x(dtype=dtype), coupled=case.coupled)
    assert broken(examine(trial, [shape_and_dtype, alive])) == []
    assert case.layer(dtype).eval().forward(case.x(dtype=dtype)).dtype == dtype


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_single_and_double_precision_agree(case: LayerCase) -> None:
    """The same weights and input, rounded to float32, give the same y, dx and gradients to float32 accuracy."""
    wide, narrow = case.layer(np.float64), case.layer(np.float32)
    x = case.x(dtype=np.float32)
    for (value, _), (small, _) in zip(wide.parameters(), narrow.parameters(), strict=True):
        value[...] = small
    y, y32 = wide.forward(x.astype(np.float64)), narrow.forward(x)
    dy = np.random.default_rng(2).standard_normal(y.shape).astype(np.float32)
    dx, dx32 = wide.backward(dy.astype(np.float64)), narrow.backward(dy)
    grads = zip(wide.parameters(), narrow.parameters(), strict=True)
    for double, single in [(y, y32), (dx, dx32), *((g, h) for (_, g), (_, h) in grads)]:
        assert np.linalg.norm(double - single) <= 5e-6 * max(np.linalg.norm(double), np.linalg.norm(dy))


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_copy_has_its_own_arrays(case: LayerCase) -> None:
    layer = case.layer()
    before = [value.copy() for value, _ in layer.parameters()]
    for value, grad in copy.deepcopy(layer).parameters():
        value += 1
        grad += 1
    for (value, grad), old in zip(layer.parameters(), before, strict=True):
        np.testing.assert_array_equal(value, old)
        assert not grad.any()
