"""Slopes: activation functions with a derivative beside them, right if it is so at the input or at the output."""

from __future__ import annotations

from typing import Any

import numpy as np

from handgrad.audit.pieces.activations import Slope
from handgrad.audit.pieces.bends import bend_of, mistaken
from handgrad.audit.pieces.complaint import Complaint
from handgrad.audit.pieces.places import ran_lines
from handgrad.audit.pieces.trial import like
from handgrad.core.arrays import Array

_SHAPE = (7, 6)


def judged(slope: Slope) -> tuple[str, list[Complaint]] | None:
    """(which activation it is, what is wrong with its derivative); None where it is none that can be judged."""
    z: Array = np.multiply(np.random.default_rng(11).standard_normal(_SHAPE), 1.4)
    y = _value(slope, z)
    if y is None:
        return None
    bend, given = bend_of(z, y), _given(slope, z, y)
    if slope.kept and not given:
        return None
    if bend is None or not given or _right(slope, z, y):
        return (bend.name if bend else ""), []
    for one in given:
        for complaint in mistaken(bend, z, one):
            if slope.kept or complaint.code not in ("derivative-at-output", "derivative-fed-input"):
                return bend.name, [complaint]
    true = bend.slope(z)
    distance = min(float(np.linalg.norm(one - true) / max(np.linalg.norm(one), np.linalg.norm(true))) for one in given)
    if distance < 0.01 or not np.isfinite(distance):
        return bend.name, []
    return bend.name, [Complaint("derivative-wrong", measured={"activation": bend.name, "residual": distance})]


def is_right(slope: Slope) -> bool:
    """Whether a derivative is surely that of its function, at the input or at the output."""
    z: Array = np.multiply(np.random.default_rng(11).standard_normal(_SHAPE), 1.4)
    y = _value(slope, z)
    return y is not None and _right(slope, z, y)


def _value(slope: Slope, z: Array) -> Array | None:
    """f(z), where every number of it depends on its own of z alone."""
    y = _call(slope.f, z)
    if isinstance(y, tuple) and y and np.shape(y[0]) == z.shape:
        y = y[0]
    return y if y is not None and np.shape(y) == z.shape and _alone(slope, z, y) else None


def _given(slope: Slope, z: Array, y: Array) -> list[Array]:
    """The derivative at the input, and at the output where it may be one of that."""
    given = [_prime(slope, at) for at in ((z,) if slope.kept else (z, y))]
    return [one for one in given if one is not None and one.shape == z.shape]


def _right(slope: Slope, z: Array, y: Array) -> bool:
    bend = bend_of(z, y)
    true = bend.slope(z) if bend else _numeric(slope, z)
    return true is not None and any(like(one, true, 1e-4) for one in _given(slope, z, y))


def _call(function: Any, at: Array) -> Any:
    try:
        found = function(at.copy())
    except Exception:
        return None
    first = found[0] if isinstance(found, tuple) and found else found
    sound = isinstance(first, np.ndarray) and first.dtype.kind == "f" and np.isfinite(first).all()
    return found if sound else None


def _prime(slope: Slope, at: Array) -> Array | None:
    """The derivative's values, which may be truths: those count as 0 and 1."""
    try:
        dy: Array = np.asarray(np.random.default_rng(2).standard_normal(at.shape))
        found = np.array(slope.prime(dy.copy(), at.copy()) if slope.handed else slope.prime(at.copy()), np.float64)
        return found / dy if slope.handed else found
    except Exception:
        return None


def _alone(slope: Slope, z: Array, y: Array) -> bool:
    """Whether every number of y depends on its own of z alone."""
    other = z.copy()
    other[0, 0] += 0.5
    moved = _call(slope.f, other)
    moved = moved[0] if isinstance(moved, tuple) else moved
    return moved is not None and not np.any(np.delete((moved != y).reshape(-1), 0))


def _numeric(slope: Slope, z: Array) -> Array | None:
    up, down = (_call(slope.f, np.add(z, h)) for h in (1e-6, -1e-6))
    if not isinstance(up, np.ndarray) or not isinstance(down, np.ndarray):
        return None
    return (up - down) / 2e-6


def lines(slope: Slope) -> frozenset[int]:
    """The lines of the derivative that run."""
    z = np.random.default_rng(11).standard_normal(_SHAPE)
    return ran_lines(lambda: _prime(slope, z), slope.function)
