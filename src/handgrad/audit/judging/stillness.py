"""Stillness: a network that draws random numbers, made to draw the same ones at each call.

Dropout has a derivative only while its mask is held; so every generator there is starts from one state each time.
"""

from __future__ import annotations

import gc
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from handgrad.audit.subject import Subject

_DRAWING = ("rand", "randn", "random", "random_sample", "binomial", "uniform", "normal", "standard_normal")


def draws(call: Callable[[], Any], ours: np.random.Generator) -> bool:
    """Whether a call draws random numbers from any generator but `ours`."""
    before = _States(ours)
    call()
    return before.moved()


def drawn(call: Callable[[], Any]) -> int:
    """How often a call uses the functions of `numpy.random` that dropout is written with."""
    count = 0

    def counted(function: Any) -> Any:
        def again(*values: Any, **named: Any) -> Any:
            nonlocal count
            count += 1
            return function(*values, **named)

        return again

    real = {name: getattr(np.random, name) for name in _DRAWING}
    try:
        for name, function in real.items():
            setattr(np.random, name, counted(function))
        call()
    finally:
        for name, function in real.items():
            setattr(np.random, name, function)
    return count


def held(subject: Subject, ours: np.random.Generator) -> Subject:
    """The same subject, every random number generator but `ours` set back to its present state before each call."""
    states = _States(ours)

    def still(call: Callable[..., Any] | None) -> Any:
        if call is None:
            return None

        def again(*values: Any) -> Any:
            states.restore()
            return call(*values)

        return again

    return replace(subject, loss=still(subject.loss), step=still(subject.step), gradients=still(subject.gradients))


class _States:
    """The states of all generators of the process, NumPy's and Python's, but for one."""

    def __init__(self, ours: np.random.Generator) -> None:
        kinds = (np.random.Generator, np.random.RandomState)
        # By their types: `isinstance` asks each object for its class, and some warn or import a package when asked.
        found = [thing for thing in gc.get_objects() if issubclass(type(thing), kinds) and thing is not ours]
        self.generators: list[tuple[Any, Any]] = [(generator, _state(generator)) for generator in found]
        self.plain = random.getstate()

    def restore(self) -> None:
        random.setstate(self.plain)
        for generator, state in self.generators:
            if isinstance(generator, np.random.RandomState):
                generator.set_state(state)
            else:
                generator.bit_generator.state = state

    def moved(self) -> bool:
        if random.getstate() != self.plain:
            return True
        return any(repr(_state(generator)) != repr(state) for generator, state in self.generators)


def _state(generator: Any) -> Any:
    """The state as plain values."""
    return generator.get_state() if isinstance(generator, np.random.RandomState) else generator.bit_generator.state
