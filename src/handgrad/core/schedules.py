"""Schedules: how the learning rate changes on the way, as plain functions of the step.

A schedule is called with the step (from 0) and gives the factor by which the optimizer's own learning rate is
multiplied. So it holds no state, and a training that goes on from a checkpoint needs nothing but the step.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

from handgrad.core.checks import in_range, positive_int
from handgrad.errors import InputError

Schedule: TypeAlias = Callable[[int], float]


def constant() -> Schedule:
    """Always 1."""
    return lambda step: 1.0


def step_decay(every: int, factor: float = 0.1) -> Schedule:
    """Times `factor` after each `every` steps (PyTorch's StepLR)."""
    positive_int(every, "step schedule every", 10**12)
    in_range(factor, "step schedule factor", 0, 1)
    return lambda step: float(factor ** (step // every))


def cosine(steps: int, floor: float = 0.0) -> Schedule:
    """From 1 down to `floor` over `steps`, along half a cosine (Loshchilov and Hutter 2017, without restarts)."""
    positive_int(steps, "cosine schedule steps", 10**12)
    in_range(floor, "cosine schedule floor", 0, 1)
    return lambda step: _cosine(1.0, floor, step / steps)


def one_cycle(steps: int, *, rise: float = 0.3, start: float = 1 / 25, end: float = 1e-4 / 25) -> Schedule:
    """Up from `start` to 1 over the first part `rise` of all steps, then down to `end`; both along half a cosine.

    Smith and Topin 2018, with PyTorch's OneCycleLR defaults; the optimizer's lr is the highest rate of the cycle.
    """
    positive_int(steps, "one-cycle schedule steps", 10**12)
    in_range(rise, "one-cycle schedule rise", 0, 1)
    top = rise * steps - 1  # the step of the highest rate; the last step is steps - 1

    def schedule(step: int) -> float:
        if step <= top:
            return _cosine(start, 1.0, step / top if top > 0 else 1.0)
        return _cosine(1.0, end, (step - top) / max(steps - 1 - top, 1e-9))

    return schedule


def warm_up(steps: int, then: Schedule | None = None) -> Schedule:
    """Straight up from 1/steps to 1 over `steps`, then the schedule `then` (default: constant), which starts at 0."""
    positive_int(steps, "warm-up schedule steps", 10**12)
    after = then or constant()
    return lambda step: (step + 1) / steps if step < steps else after(step - steps)


def schedule(name: str, steps: int, **settings: Any) -> Schedule:
    """A schedule by name, for a training of `steps` steps: constant, step, cosine, one-cycle or warm-up."""
    makers: dict[str, Callable[..., Schedule]] = {
        "constant": constant,
        "step": lambda every=None, factor=0.1: step_decay(every or max(1, steps // 3), factor),
        "cosine": lambda floor=0.0: cosine(steps, floor),
        "one-cycle": lambda **options: one_cycle(steps, **options),
        "warm-up": lambda warm=None: warm_up(warm or max(1, steps // 20)),
    }
    if name not in makers:
        raise InputError("core.choice", what="schedule", got=name, choices=", ".join(makers))
    return makers[name](**settings)


def _cosine(first: float, last: float, part: float) -> float:
    """From first to last along half a cosine, part going from 0 to 1."""
    return last + (first - last) * 0.5 * (1 + math.cos(math.pi * min(part, 1.0)))
