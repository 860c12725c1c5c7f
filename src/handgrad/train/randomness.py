"""The state of random number generators as plain JSON, so that a resumed run draws what an unbroken one would have."""

from __future__ import annotations

from typing import Any

import numpy as np

from handgrad.core.arrays import RandomSource


def new_generator(seed: int, kind: str) -> RandomSource:
    """A generator of a kind: "modern" (NumPy's default_rng) or "legacy" (RandomState, as older code draws)."""
    return np.random.RandomState(seed) if kind == "legacy" else np.random.default_rng(seed)


def get_state(rng: Any) -> Any:
    """The generator's state as JSON values."""
    state = rng.get_state(legacy=False) if isinstance(rng, np.random.RandomState) else rng.bit_generator.state
    return _plain(state)


def set_state(rng: Any, state: Any) -> None:
    """Put a state that `get_state` gave back into a generator of the same kind."""
    if isinstance(rng, np.random.RandomState):
        rng.set_state(state)
    else:
        rng.bit_generator.state = state


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value
