"""Downhill: whether the step that a program really takes lowers the loss that it reports."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from handgrad.audit.inspection import Inspection
from handgrad.audit.judging.batch import Batch, batch
from handgrad.audit.judging.identify import random_point
from handgrad.audit.subject import Subject
from handgrad.core.arrays import Array

ROWS, _RATE = 6, 2.0**-6
_REPEATED = 40  # steps from the same point, after which nothing is left of gradients at others
_NEAR = 1e-4  # of the largest move, over which a slope is measured


def goes_down(inspection: Inspection, names: Iterable[str] = ()) -> bool:
    """Whether the program's own step lowers its loss with each of some parameters, and with all of them together: what
    hands out gradients that point down has an optimizer that adds them, and two turns are none.
    """
    subject = inspection.reading.subject
    if subject.whole is None and subject.step is None:
        return False
    try:
        one = batch(subject, ROWS, 8)
        start, moves = start_and_moves(inspection, _REPEATED)
        parts = [[name] for name in names if moves[name].any()]
        return all(_slope(subject, one, start, moves, part) < 0 for part in [list(moves), *parts])
    except Exception:  # it takes another step
        return False


def _slope(subject: Subject, one: Batch, start: dict[str, Array], moves: dict[str, Array], part: list[str]) -> float:
    """How the loss changes along the moves of some parameters, at the start."""
    size = max(float(np.abs(moves[name]).max()) for name in part) or 1.0
    saved = subject.snapshot()
    try:
        told = []
        for sign in (1, -1):
            there = {name: start[name] + sign * _NEAR / size * moves[name] for name in part}
            subject.restore(start | there)
            told.append(subject.loss(one.x, one.y))
    finally:
        subject.restore(saved)
    return float(told[0] - told[1])


def start_and_moves(inspection: Inspection, steps: int = 1) -> tuple[dict[str, Array], dict[str, Array]]:
    """(parameters at some point, how far the last of some steps of the program, all from there, moves each)."""
    subject = inspection.reading.subject
    step = subject.whole or subject.step
    saved: dict[str, Array] = subject.snapshot()
    try:
        if subject.afresh is not None:
            subject.afresh()
        subject.restore(random_point(subject, np.random.default_rng(8)))
        one, before = batch(subject, ROWS, 8), subject.snapshot()
        assert step is not None
        for _ in range(steps):
            subject.restore(before)
            step(one.x, one.y, _RATE)
        now = subject.snapshot()
    finally:
        if subject.afresh is not None:
            subject.afresh()
        subject.restore(saved)
    return before, {name: value - before[name] for name, value in now.items()}
