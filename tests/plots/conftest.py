"""Small things to draw."""

from __future__ import annotations

import numpy as np
import pytest

from handgrad.core.arrays import Array
from handgrad.records import EpochRecord, Record, StepRecord


@pytest.fixture
def records() -> list[Record]:
    """Two epochs of four updates each, with a validation split."""
    found: list[Record] = []
    for epoch in (1, 2):
        for i in range(4):
            step = 4 * (epoch - 1) + i + 1
            found.append(StepRecord(step, epoch, 2.0 / step, 0.1 * step, 0.1, 64))
        found.append(EpochRecord(epoch, 4 * epoch, 1.0 / epoch, 0.5, 0.4 * epoch, 1.5 / epoch, 0.3 * epoch, 0.1, 1.0))
    return found


@pytest.fixture
def pictures() -> Array:
    """Twelve images of 5 x 4 pixels, each its own number all over."""
    return np.repeat(np.arange(1, 13, dtype=np.uint8), 20).reshape(12, 5, 4)
