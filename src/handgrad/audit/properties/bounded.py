"""Bounded: what a loss of any network tells of its scores, by asking it for every class in turn.

-log p of one class less that of another is the difference of their scores, whatever comes before. With weights so large
that everything is at its limit, scores that go through one more function lie at the limits of that function.
"""

from __future__ import annotations

import numpy as np

from handgrad.audit.judging.identify import random_point
from handgrad.audit.judging.stillness import held
from handgrad.audit.subject import Subject
from handgrad.core.arrays import Array

_LARGE = 1000.0  # times the usual weights
_ROWS, _POINTS = 4, 2
_NEAR, _MOST, _ROW = 0.06, 0.85, 0.6  # from a limit; the share of scores that lie at one, and of rows that reach it
_CLIPPED = 12.0  # a difference of logarithms that may come from a limit on p
_TIES = 0.75  # the share of rows in which several scores are the very lowest
_STEPS = {"softmax": 1.0, "sigmoid": 1.0, "tanh": 2.0}  # from limit to limit


def limited_by(subject: Subject) -> str | None:
    """The function that the scores go through before the softmax of the loss; None where there is none."""
    classes, still = subject.classes, held(subject, np.random.default_rng(31))
    usual, large = _scores(subject, still, 1.0), _scores(subject, still, _LARGE)
    if not (np.isfinite(usual).all() and np.isfinite(large).all() and usual.any()):
        return None
    for kind, step in _STEPS.items():
        for divisor in (_ROWS, 1, _ROWS * classes):
            at = large * divisor / step
            high = np.abs(at - 1) <= _NEAR
            shared = (np.abs(at.sum(axis=1) - 1) <= _NEAR).mean() >= _MOST
            full = (high | (at <= _NEAR)).mean() >= _MOST and high.any(axis=1).mean() >= _ROW
            if at.max() <= 1 + _NEAR and full and shared == (kind == "softmax"):
                return kind
    lowest = usual <= 1e-12 * usual.max(axis=1, keepdims=True)
    unclipped = usual.max() * _ROWS < _CLIPPED
    return "relu" if unclipped and (lowest.sum(axis=1) > 1).mean() >= _TIES else None


def _scores(subject: Subject, still: Subject, scale: float) -> Array:
    """By how much each score is above the lowest, over some rows and random points, but for one factor."""
    saved, found = subject.snapshot(), []
    try:
        for seed in range(_POINTS):
            point = random_point(subject, np.random.default_rng(40 + seed))
            subject.restore({name: value * (scale if value.ndim > 1 else 1.0) for name, value in point.items()})
            found.append(_differences(still, seed))
    finally:
        subject.restore(saved)
    return np.concatenate(found)


def _differences(subject: Subject, seed: int) -> Array:
    """For each of some rows, by how much the loss is larger for the worst class than for each (rows, classes)."""
    rng = np.random.default_rng(50 + seed)
    x, classes = rng.random((_ROWS, subject.features)), subject.classes
    y = rng.permutation(_ROWS) % classes
    losses = np.empty((_ROWS, classes))
    for row in range(_ROWS):
        for label in range(classes):
            changed = y.copy()
            changed[row] = label
            losses[row, label] = subject.loss(x, changed)
    worst: Array = losses.max(axis=1, keepdims=True)
    return worst - losses
