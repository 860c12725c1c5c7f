"""What the tests of the data room share: nothing comes from outside, and a small data set of random pictures."""

from __future__ import annotations

import numpy as np
import pytest
from data_cases import Arrays


@pytest.fixture(autouse=True)
def _no_data_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.delenv("HANDGRAD_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def arrays() -> Arrays:
    """30 pictures of 10 x 9 to train on and 12 to test on, three classes of one size."""
    rng = np.random.default_rng(7)
    return {
        ("train", "images"): rng.integers(0, 256, (30, 10, 9), np.uint8),
        ("train", "labels"): np.repeat(np.arange(3, dtype=np.uint8), 10),
        ("test", "images"): rng.integers(0, 256, (12, 10, 9), np.uint8),
        ("test", "labels"): np.repeat(np.arange(3, dtype=np.uint8), 4),
    }
