"""Softmaxes: which numbers one makes sum to 1, whether it overflows, and what its backward does with the error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from handgrad.audit.pieces.complaint import Complaint
from handgrad.audit.pieces.trial import Trial, like
from handgrad.core.arrays import Array


def softmax(z: Array, axis: int | None) -> Array:
    """exp(z) over its sum along an axis; None for all numbers together."""
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)  # type: ignore[no-any-return]


def axis_of(z: Array, y: Array) -> tuple[int | None] | None:
    """(axis,) along which y is the softmax of z; None where it is none."""
    if z.shape != y.shape or z.dtype.kind != "f":
        return None
    axes: list[int | None] = [z.ndim - 1, *range(z.ndim - 1), None]
    return next(((axis,) for axis in axes if like(y, softmax(z, axis), 1e-6)), None)


def judged(trial: Trial, axis: int | None) -> Iterator[Complaint]:
    """What is wrong with a softmax's backward, and whether it stands large scores."""
    p, dy, dx = trial.ran.y, trial.dy, trial.ran.dx
    if not stands_large(trial):
        yield _overflow(trial.unit.forward)
    if dx is None:
        return
    true = p * (dy - (dy * p).sum(axis=axis, keepdims=True))
    if like(dx, true, 1e-5):
        return
    told = {"residual": float(np.linalg.norm(dx - true) / max(np.linalg.norm(true), np.linalg.norm(dx)))}
    if like(dx, dy):
        yield Complaint("softmax-passes-error", "dx", told, convention="pairing")
        return
    other = 0 if axis != 0 else p.ndim - 1
    tried = {
        "softmax-diagonal-only": [p * (1 - p) * dy],
        "layer-gradient-missing": [0 * dy],
        "softmax-sum-wrong": [
            p * (dy - dy.sum(axis=axis, keepdims=True)), p * (dy - (dy * p).sum(axis=other, keepdims=True)),
            p * (dy - (dy * p).sum()), p * (dy + (dy * p).sum(axis=axis, keepdims=True)),
            p * (dy - dy.mean(axis=axis, keepdims=True)), dy - (dy * p).sum(axis=axis, keepdims=True),
            dy * p, p * (dy - (dy * p).mean(axis=axis, keepdims=True)),
        ],
        "layer-gradient-sign": [-true],
    }  # fmt: skip
    for code, others in tried.items():
        if any(like(dx, one) for one in others):
            yield Complaint(code, "dx", told | {"factor": -1.0})
            return
    k = float(np.vdot(dx, true) / np.vdot(true, true))
    if k > 0 and like(dx, k * true):  # the average over the batch may be here
        yield Complaint("layer-gradient-scaled", "dx", {"factor": k, "rows": len(dy)}, convention="scale")
    elif like(dx, float(np.vdot(dx, dy) / np.vdot(dy, dy)) * dy):
        yield Complaint("softmax-passes-error", "dx", told, convention="pairing")
    elif trial.scales("dx"):
        yield Complaint("layer-gradient-wrong", "dx", told)


def stands_large(trial: Trial) -> bool:
    """Whether scores of 1000 still give probabilities."""
    x = np.where(trial.x > 0, 1000.0, -1000.0)
    try:
        return bool(np.isfinite(trial.unit.worker().forward(x)).all())
    except Exception:  # it refuses such numbers in its own way
        return True


def overflows(function: Callable[..., Any]) -> Complaint | None:
    """What to say of a plain function that is a softmax and does not stand large scores."""
    z: Array = np.asarray(np.random.default_rng(4).standard_normal((5, 6)))
    y = function(z.copy())
    if not isinstance(y, np.ndarray) or axis_of(z, y) is None:
        return None
    large = function(np.where(z > 0, 1000.0, -1000.0))
    return None if np.isfinite(large).all() else _overflow(function)


def _overflow(function: Callable[..., Any]) -> Complaint:
    return Complaint("softmax-overflow", "", {"score": 1000}, "warning", behaviour=True, function=function)
