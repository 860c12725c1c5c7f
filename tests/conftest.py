"""What all tests share: numerical accidents are errors, and the language is English unless a test says otherwise."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from threadpoolctl import threadpool_limits


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """The matrices of tests are small, and two threads that wait for each other on a busy machine take minutes."""
    with threadpool_limits(limits=1, user_api="blas"):
        yield


@pytest.fixture(autouse=True)
def _strict_numbers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Overflow, division by zero and invalid operations raise. Underflow to 0 is what exp is meant to do."""
    monkeypatch.setenv("HANDGRAD_LANG", "en")
    with np.errstate(all="raise", under="ignore"):
        yield
