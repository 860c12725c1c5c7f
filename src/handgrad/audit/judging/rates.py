"""Rates: a step whose gradient depends on its learning rate takes the rate twice, or changes weights still in use.

Two ways of stepping are right all the same: row by row, and parameter by parameter, each by its gradient at the point
to which the steps before it have led.
"""

from __future__ import annotations

import numpy as np

from handgrad.audit.findings import Finding
from handgrad.audit.judging.batch import Batch, batch
from handgrad.audit.judging.measure import LOOSE, fit_beside, fits, steady
from handgrad.audit.judging.stillness import draws
from handgrad.audit.subject import Subject
from handgrad.core.arrays import Array

TWICE = "learning-rate-twice"
ROUNDING = 1e-9  # relative: a gradient that is no larger is 0
USUAL, BOLD, GENTLE = 2.0**-6, 2.0**-1, 2.0**-24  # learning rates; a gradient does not depend on them
SAME = 1e-4  # relative: how near to each other the gradients of two rates are


def by_rate(subject: Subject, one: Batch) -> tuple[list[Finding], float]:
    """A step whose gradient depends on the learning rate: it takes the rate twice, or changes weights still in use.

    With it the rate at which it is judged. One that steps row by row is right, and judged by steps too small to matter.
    """
    if subject.step is None or subject.gradients is not None:
        return [], USUAL
    gentle, bold = (steady(subject, one.x, one.y, lr).gradient for lr in (USUAL, BOLD))
    twice = _rate_twice(subject, gentle, bold)
    if twice:
        return [Finding(TWICE, "warning", twice, {"power": 2.0}, {"power": 1.0})], 1.0
    beside = fits(bold, gentle, SAME)
    largest = max(float(np.linalg.norm(value)) for value in bold.values())
    noise = {name for name, value in bold.items() if np.linalg.norm(value) <= ROUNDING * largest}
    early = tuple(name for name, found in beside.items() if not found.exact and name not in noise)
    if not early:
        return [], USUAL
    residual = max(beside[name].residual for name in early)
    found = Finding("updated-too-early", "error", early, {"residual": residual}, {"residual": 0.0})
    return [] if _row_by_row(subject) or _one_by_one(subject, one, bold) else [found], GENTLE


def scales_by_memory(subject: Subject, x: Array, y: Array, ours: np.random.Generator) -> bool:
    """Whether steps scale each number by what they remember, as Adam's and RMSprop's do: no multiple of a gradient.

    At one point, with one batch, all that a velocity changes from call to call is a share of what it changed before.
    Another batch goes first, for averages that hold one gradient alone make equal steps.
    """
    subject.gradient(x[::-1] ** 2, y, USUAL)
    if steady(subject, x, y, USUAL).spread <= LOOSE:
        return False
    return not draws(lambda: subject.gradient(x, y, USUAL), ours)


def _row_by_row(subject: Subject) -> bool:
    """Whether the gradient of a single row does not depend on the rate: then one row is stepped after the other."""
    one = batch(subject, 1, 1)
    try:
        gentle, bold = (steady(subject, one.x, one.y, lr).gradient for lr in (USUAL, BOLD))
    except Exception:  # it takes no single row
        return False
    moves = any(value.any() for value in gentle.values())
    return moves and all(found.exact for found in fits(bold, gentle, SAME).values())


def _rate_twice(subject: Subject, gentle: dict[str, Array], bold: dict[str, Array]) -> tuple[str, ...]:
    """The parameters that move, if each has a gradient that is proportional to the rate; what decays them aside."""
    moving = [name for name in gentle if gentle[name].any()]
    values = subject.snapshot()
    with_decay = {name: fit_beside(bold[name], gentle[name], values[name], SAME) for name in moving}
    same = [one.exact and abs(one.factor * USUAL / BOLD - 1) < SAME for one in with_decay.values()]
    return tuple(moving) if same and all(same) else ()


def _one_by_one(subject: Subject, one: Batch, bold: dict[str, Array]) -> bool:
    """Whether each parameter is stepped by its own gradient at the point to which the steps of those before it led, as
    a program does that measures one slope after the other.

    Args:
        subject: the network.
        one: the batch.
        bold: what the step with the large rate did to each parameter, by the rate.
    """
    start, waiting = subject.snapshot(), {name for name, value in bold.items() if value.any()}
    point = dict(start)
    try:
        while waiting:
            subject.restore(point)
            here = steady(subject, one.x, one.y, GENTLE).gradient
            beside = {name: found for name, found in fits(here, bold, SAME).items() if name in waiting}
            led = {name for name, found in beside.items() if found.exact and abs(found.factor - 1) < SAME}
            if not led:
                return False
            point |= {name: start[name] - BOLD * bold[name] for name in led}
            waiting -= led
    finally:
        subject.restore(start)
    return True
