"""Drawing: all random numbers of somebody's code from one seed for a while, those of the file's own generators too."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import FunctionType
from typing import Any

import numpy as np

from handgrad.audit.dialects.roles import own
from handgrad.audit.objects import cells

_DEEP, _MANY = 6, 100


@contextmanager
def drawn_from(seed: int, values: Mapping[str, Any]) -> Iterator[None]:
    """While this lasts, NumPy draws from that seed, and so does each generator among the values, in instances, and in
    what functions keep. So does each that is made without a seed of its own.
    """
    every = list(_generators(values.values(), set(), 0))
    new = [(one, one.bit_generator.state) for one in every if isinstance(one, np.random.Generator)]
    old = [(one, one.get_state()) for one in every if isinstance(one, np.random.RandomState)]
    held = random.getstate(), np.random.get_state()
    make = np.random.default_rng
    try:
        np.random.default_rng = lambda own_seed=None: make(seed if own_seed is None else own_seed)  # type: ignore[assignment]
        np.random.seed(seed)
        for generator, _ in new:
            generator.bit_generator.state = type(generator.bit_generator)(seed).state
        for legacy, _ in old:
            legacy.seed(seed)
        yield
    finally:
        np.random.default_rng = make
        for generator, before in new:
            generator.bit_generator.state = before
        for legacy, before in old:
            legacy.set_state(before)
        random.setstate(held[0])
        np.random.set_state(held[1])


def _generators(values: Iterable[Any], seen: set[int], depth: int) -> Iterator[Any]:
    """Each generator below some values once, through instances, containers of functions, and closures."""
    for value in values:
        if id(value) in seen:
            continue
        if isinstance(value, np.random.Generator | np.random.RandomState):
            seen.add(id(value))
            yield value
        elif isinstance(value, FunctionType) and value.__closure__ and depth < _DEEP:
            seen.add(id(value))
            yield from _generators((cell.cell_contents for cell in cells(value).values()), seen, depth + 1)
        elif isinstance(value, list | tuple) and depth < _DEEP:
            seen.add(id(value))
            yield from _generators((one for one in value[:_MANY] if not np.isscalar(one)), seen, depth + 1)
        elif own(value) and depth == 0:
            yield from _generators(getattr(value, "__dict__", {}).values(), seen, _DEEP)
