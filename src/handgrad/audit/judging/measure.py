"""Measuring: what the subject's step really does with a gradient, and by which factor it is another one.

A factor says much: 1/B is an average taken twice, B a sum, 0 a parameter that nobody updates. It is only a factor if
what it leaves over is rounding.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from handgrad.audit.subject import Subject
from handgrad.core.arrays import Array

EXACT = {np.dtype(np.float64): 1e-6, np.dtype(np.float32): 2e-3}  # relative: what rounding may leave over

LOOSE = 1e-3  # relative: calls that follow one another no better are no multiples of one gradient
_APART = 1e-6  # relative: calls that are farther apart than rounding
_LEAST = 1e-6  # relative: what each call adds to the sum of those before


@dataclass(frozen=True, slots=True)
class Fit:
    """One parameter's gradient as a multiple of another.

    Attributes:
        factor: the k that brings k * reference nearest to the gradient.
        residual: |gradient - k * reference| / |gradient|; 0 for a gradient of zeros.
        exact: whether that is no more than rounding in the subject's precision.
        decay: how much of something else, the parameter itself, is in the gradient beside it: gradient =
            k * reference + decay * parameter.
    """

    factor: float
    residual: float
    exact: bool
    decay: float = 0.0


@dataclass(frozen=True, slots=True)
class Steady:
    """What one call adds, freed of what earlier calls have left behind.

    Attributes:
        gradient: by parameter.
        carry: by parameter, the share of the call before that is in each call: 0 for a gradient that is assigned, 1 for
            one that is never reset, in between for momentum.
        spread: how far the calls are from following one another in that way, relative: more than rounding where the
            gradient is drawn anew at each call, as behind dropout.
        fading: each call is less of the same than the one before: the learning rate falls with the steps.
    """

    gradient: dict[str, Array]
    carry: dict[str, float]
    spread: float
    fading: bool = False


def tolerance(subject: Subject) -> float:
    """What rounding may leave over, relative, in the subject's own precision."""
    return max(EXACT.get(np.asarray(v).dtype, EXACT[np.dtype(np.float32)]) for v in subject.parameters().values())


def fit(gradient: Array, reference: Array, exact: float) -> Fit:
    """The factor between a gradient and a reference of the same shape, and what it leaves over."""
    size, norm = float(np.vdot(reference, reference)), float(np.linalg.norm(gradient))
    factor = float(np.vdot(gradient, reference)) / size if size else 0.0
    residual = float(np.linalg.norm(gradient - factor * reference)) / norm if norm else 0.0
    return Fit(factor, residual, residual <= exact)


def fit_beside(gradient: Array, reference: Array, other: Array, exact: float) -> Fit:
    """The same with a share of another array in it; not exact for arrays so small that two factors fit anything."""
    found = fit(gradient, reference, exact)
    if found.exact or gradient.size < 5 or not other.any():
        return found
    pairs = (reference, reference), (reference, other), (other, other), (gradient, reference), (gradient, other)
    rr, ro, oo, gr, go = (float(np.vdot(a, b)) for a, b in pairs)
    det = rr * oo - ro * ro  # the normal equations of two unknowns
    if det <= 1e-12 * rr * oo:
        return found
    factor, decay = (gr * oo - go * ro) / det, (go * rr - gr * ro) / det
    left = float(np.linalg.norm(gradient - factor * reference - decay * other) / np.linalg.norm(gradient))
    return Fit(factor, left, True, decay) if left <= exact else found


def fits(gradients: Mapping[str, Array], references: Mapping[str, Array], exact: float) -> dict[str, Fit]:
    """A fit for each parameter."""
    return {name: fit(gradients[name], references[name], exact) for name in references}


def steady(subject: Subject, x: Any, y: Any, lr: float) -> Steady:
    """The gradient of a batch, from three calls at one point.

    If each call gives v_n = c v_(n-1) + g, then v_3 - v_2 = c (v_2 - v_1), which yields the carry c; g = v_2 - c v_1.
    Where that is not so, the differences of calls may follow one another in that way: a velocity with gradients that
    are never reset.
    """
    v1, v2, v3 = (subject.gradient(x, y, lr) for _ in range(3))
    moving = [name for name in v1 if v1[name].any()]
    more: list[dict[str, Array]] = []
    if any(not np.allclose(v1[name], v2[name], rtol=_APART, atol=0) for name in moving):
        more = [subject.gradient(x, y, lr) for _ in range(2)]
        summed = _summed([v1, v2, v3, *more])
        if summed:
            return Steady(summed, dict.fromkeys(v1, 1.0), 0.0)
    fades = bool(moving) and all(_fades(v1[name], v2[name]) and _fades(v2[name], v3[name]) for name in moving)
    if fades and _no_memory(v1, v2, v3, more[0] if more else subject.gradient(x, y, lr)):
        return Steady(v1, dict.fromkeys(v1, 0.0), 0.0, fading=True)
    carry, gradient, spread = {}, {}, 0.0
    for name in v1:
        first, second = v2[name] - v1[name], v3[name] - v2[name]
        still = np.linalg.norm(first) <= 1e-9 * np.linalg.norm(v2[name])
        carry[name] = 0.0 if still else float(np.vdot(second, first) / np.vdot(first, first))
        gradient[name] = v2[name] - carry[name] * v1[name]
        left, size = np.linalg.norm(second - carry[name] * first), np.linalg.norm(v3[name])
        spread = max(spread, float(left / size) if size else 0.0)
    return Steady(gradient, carry, spread)


def _summed(calls: list[dict[str, Array]]) -> dict[str, Array]:
    """The gradient, if each call is a share of the one before and the sum of all gradients; empty if it is not.

    v_n = c v_(n-1) + n g: each difference of two calls is a share c of the one before, and g.
    """
    found = {}
    for name in calls[0]:
        grown = [later[name] - call[name] for call, later in pairwise(calls)]
        first, second, third = (later - one for one, later in pairwise(grown))
        most = float(np.linalg.norm(calls[-1][name]))
        bends = float(np.linalg.norm(first)) > _APART * most
        share = float(np.vdot(second, first) / np.vdot(first, first)) if bends else 0.0
        found[name] = grown[1] - share * grown[0]
        apart = np.linalg.norm(second - share * first) + np.linalg.norm(third - share * second)
        if apart > _APART * most or not 0 <= share < 1 or np.linalg.norm(found[name]) < _LEAST * most:
            return {}
    return found


def _no_memory(*calls: Mapping[str, Array]) -> bool:
    """Whether calls that grow smaller do so by a falling rate, and not as a velocity does that settles down.

    A velocity comes nearer to its end by the same share at each call, and that end is not 0.
    """
    name = max(calls[0], key=lambda n: float(np.linalg.norm(calls[0][n])))
    sizes = [float(np.linalg.norm(call[name])) for call in calls]
    steps = [a - b for a, b in pairwise(sizes)]
    first, second = steps[1] / steps[0], steps[2] / steps[1]
    settles = abs(first - second) <= 1e-6 * first
    return not settles or sizes[1] - first * sizes[0] <= 1e-6 * sizes[1]


def _fades(first: Array, second: Array) -> bool:
    """Whether the second is the first times a positive number below 1."""
    found = fit(second, first, 1e-9)
    return found.exact and 0 < found.factor < 1 - 1e-6
