"""The two names that the type hints of the core are written in."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

import numpy as np

from handgrad.errors import InputError

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]


class RandomSource(Protocol):
    """What the core asks of a random number generator; `numpy.random.Generator` and `RandomState` both have it."""

    def standard_normal(self, size: Any = ...) -> Any:
        """Normal numbers with mean 0 and standard deviation 1."""

    def random(self, size: Any = ...) -> Any:
        """Uniform numbers from 0 up to 1."""

    def permutation(self, x: Any) -> Any:
        """The numbers below x in random order."""


def random_source(rng: RandomSource | int | None) -> RandomSource:
    """A generator as it is; a whole number becomes the seed of a new one; None a new one that no one can foretell.

    InputError for anything else.
    """
    if rng is None or (isinstance(rng, (int, np.integer)) and not isinstance(rng, bool) and rng >= 0):
        return np.random.default_rng(rng)
    if not (hasattr(rng, "standard_normal") or hasattr(rng, "random")):
        raise InputError("core.rng", got=repr(rng))
    return rng  # type: ignore[return-value]
