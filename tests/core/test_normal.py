"""The normal distribution function against the one of the C library, math.erfc, from the far left to the far right."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from handgrad.core.normal import normal_cdf, normal_pdf


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 6e-14), (np.float32, 2e-5)])
def test_cdf(dtype: type, tolerance: float) -> None:
    """Relative error, the tail included; at -12 it is the rounding of 72 in exp(-72), 72 times that of a number."""
    x: Any = np.concatenate([np.linspace(-12, 12, 4801), np.linspace(-1e-3, 1e-3, 101), [0.0]]).astype(dtype)
    right = [0.5 * math.erfc(-float(v) / math.sqrt(2)) for v in x]
    found = normal_cdf(x)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, right, rtol=tolerance)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_far_out(dtype: type) -> None:
    x: Any = np.array([-3e38, -1e4, -40, 0, 40, 1e4, 3e38], dtype)
    np.testing.assert_allclose(normal_cdf(x), [0, 0, 0, 0.5, 1, 1, 1], atol=1e-300)
    np.testing.assert_allclose(normal_pdf(x), [0, 0, 0, 1 / math.sqrt(2 * math.pi), 0, 0, 0], atol=1e-300)
    assert normal_cdf(x).dtype == normal_pdf(x).dtype == dtype


def test_pdf() -> None:
    assert normal_pdf(np.array([1.0]))[0] == pytest.approx(0.24197072451914337, rel=1e-15)
