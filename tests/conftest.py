"""What all tests share: numerical accidents are errors, and the language is English unless a test says otherwise."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def _strict_numbers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Overflow, division by zero and invalid operations raise. Underflow to 0 is what exp is meant to do."""
    monkeypatch.setenv("HANDGRAD_LANG", "en")
    with np.errstate(all="raise", under="ignore"):
        yield
