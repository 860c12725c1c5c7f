"""Drawing: all random numbers of somebody's code from one seed for a while, those of the file's own generators too."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from handgrad.audit.dialects.roles import own


@contextmanager
def drawn_from(seed: int, values: Mapping[str, Any]) -> Iterator[None]:
    """While this lasts, NumPy draws from that seed, and so does each generator among the values and in instances."""
    kept = [inner for value in values.values() if own(value) for inner in getattr(value, "__dict__", {}).values()]
    every = {id(one): one for one in (*values.values(), *kept)}.values()
    new = [(one, one.bit_generator.state) for one in every if isinstance(one, np.random.Generator)]
    old = [(one, one.get_state()) for one in every if isinstance(one, np.random.RandomState)]
    held = random.getstate(), np.random.get_state()
    try:
        np.random.seed(seed)
        for generator, _ in new:
            generator.bit_generator.state = type(generator.bit_generator)(seed).state
        for legacy, _ in old:
            legacy.seed(seed)
        yield
    finally:
        for generator, before in new:
            generator.bit_generator.state = before
        for legacy, before in old:
            legacy.set_state(before)
        random.setstate(held[0])
        np.random.set_state(held[1])
