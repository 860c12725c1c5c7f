"""Bounded: what the scores of a network of any form do where its weights are large.

Where everything is at its limit, scores that go through one more function lie at the limits of that function.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from handgrad.audit.judging.identify import random_point
from handgrad.audit.subject import Subject
from handgrad.core.arrays import Array

_LARGE = 1000.0  # times the usual weights
_ROWS, _POINTS = 4, 2
_NEAR, _MOST, _ROW = 0.06, 0.85, 0.6  # from a limit; the share of scores that lie at one, and of rows that reach it
_CLIPPED = 12.0  # a difference of logarithms that may come from a limit on shares
_TIES = 0.75  # the share of rows in which several scores are the very lowest
_STEPS = {"softmax": 1.0, "sigmoid": 1.0, "tanh": 2.0}  # from limit to limit


def limited_by(subject: Subject, scores: Callable[[Array], Array]) -> str | None:
    """The function that the scores go through before the softmax of the loss; None where there is none.

    Args:
        subject: the network, whose parameters are moved and put back.
        scores: gives those of some rows at the present parameters (B, C), but for one number a row.
    """
    usual, large = _above_lowest(subject, scores, 1.0), _above_lowest(subject, scores, _LARGE)
    if not (np.isfinite(usual).all() and usual.any()):
        return None
    for kind, step in _STEPS.items() if np.isfinite(large).all() else ():
        at = large / step
        high = np.abs(at - 1) <= _NEAR
        shared = (np.abs(at.sum(axis=1) - 1) <= _NEAR).mean() >= _MOST
        full = (high | (at <= _NEAR)).mean() >= _MOST and high.any(axis=1).mean() >= _ROW
        if at.max() <= 1 + _NEAR and full and shared == (kind == "softmax"):
            return kind
    lowest = usual <= 1e-12 * usual.max(axis=1, keepdims=True)
    return "relu" if usual.max() < _CLIPPED and (lowest.sum(axis=1) > 1).mean() >= _TIES else None


def _above_lowest(subject: Subject, scores: Callable[[Array], Array], scale: float) -> Array:
    """By how much each score is above the lowest of its row, over some rows and random points."""
    saved, found = subject.snapshot(), []
    try:
        for seed in range(_POINTS):
            point = random_point(subject, np.random.default_rng(40 + seed))
            subject.restore({name: value * (scale if value.ndim > 1 else 1.0) for name, value in point.items()})
            z = scores(np.random.default_rng(50 + seed).random((_ROWS + (subject.classes == _ROWS), subject.features)))
            with np.errstate(all="ignore"):
                found.append(z - z.min(axis=1, keepdims=True))
    finally:
        subject.restore(saved)
    return np.concatenate(found)
