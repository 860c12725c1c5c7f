"""Numeric derivatives: how fast a function really changes along a random direction, and how sure that figure is.

A hand-written gradient g is right if <g, v> is that figure for any direction v. The directions are always random: a
softmax, for one, does not move along (1, 1, ..., 1), so there a gradient of 0 would pass.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from handgrad.core.arrays import Array

STEPS = tuple(0.01 / 4**k for k in range(10))  # 1e-2 down to 4e-8, relative to the size of what is moved
RESOLVED = 1e-7  # a slope known to this, relative, can judge a gradient to 1e-6
_FLAT = 1e-5  # slopes below this share of the size of f are held against it instead, for some are truly 0
_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True)
class Slope:
    """The derivative of a function of one number at 0.

    Attributes:
        value: the derivative; at a kink the mean of the two sides.
        error: estimate of its absolute error.
        left: the difference quotient from the left, at the step that was trusted most.
        right: likewise from the right.
        kink: the two sides disagree however small the step: there is no derivative here.
        size: the largest absolute value that the function took.
    """

    value: float
    error: float
    left: float
    right: float
    kink: bool
    size: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """A gradient beside the numeric derivative, along one direction.

    Attributes:
        analytic: <gradient, direction>.
        numeric: the slope along that direction.
        relative: their distance over the size that such a slope has, max(|numeric|, |gradient| |direction| / sqrt n).
        resolution: the numeric error estimate, over the same; where it is above the tolerance nothing is proved.
        kink: the function has no derivative along any direction that was tried.
    """

    analytic: float
    numeric: float
    relative: float
    resolution: float
    kink: bool

    @property
    def resolved(self) -> bool:
        """Whether the numeric side is sure enough to judge."""
        return not self.kink and self.resolution <= RESOLVED


def slope(line: Callable[[float], float], eps: float = _EPS) -> Slope:
    """The derivative of `line` at 0, by central differences with shrinking steps, their errors extrapolated away.

    Richardson's table with the error estimate of Ridders 1982 (Advances in Engineering Software 4, section 2). A kink
    that lies beside 0 spoils the large steps only, and the estimate then prefers the small ones; one at 0 itself shows
    in one-sided differences that stay apart.

    Args:
        line: a function of one number, of order 1 in it: smooth, or with kinks.
        eps: the relative precision to which `line` is computed.
    """
    here = line(0.0)
    size, value, error, step = abs(here), math.nan, math.inf, STEPS[-1]
    above: list[float] = []
    for h in STEPS:
        up, down = line(h), line(-h)
        size = max(size, abs(up), abs(down))
        row = [(up - down) / (2 * h)]
        for j, coarser in enumerate(above):
            guess = abs(row[j] - coarser) + eps * size / h  # the plain entry: how far it moved, and rounding
            if guess < error:
                value, error, step = row[j], guess, h
            power = 16.0 ** (j + 1)  # steps shrink by 4, and the errors go with h^2, h^4, ...
            row.append((power * row[j] - coarser) / (power - 1))
            guess = max(abs(row[j + 1] - row[j]), abs(row[j + 1] - coarser)) + eps * size / h
            if guess < error:
                value, error, step = row[j + 1], guess, h
        above = row
    left, right = _sides(line, here, step)
    gap, finer = abs(right - left), abs(np.subtract(*_sides(line, here, step / 4)))
    noise = max(1e-6 * (abs(left) + abs(right)), 4 * error, 32 * eps * size / step)
    kink = bool(gap > noise and finer > gap / 2)  # where the function is smooth the gap shrinks with the step
    return Slope(value, error, left, right, kink, size)


def compare(f: Callable[[Array], float], at: Array, gradient: Array, rng: np.random.Generator) -> Comparison:
    """Hold `gradient` against the slope of f at `at` along a random direction of the size of `at`.

    Where a kink or rounding hides the slope, other directions are tried, up to eight; the surest is returned.
    """
    scale = float(np.sqrt(np.mean(at * at))) or 1.0
    best: Comparison | None = None
    for _ in range(8):
        v = rng.standard_normal(at.shape) * scale
        found = slope(lambda t, v=v: f(at + t * v))  # type: ignore[misc]
        analytic = float(np.vdot(gradient, v))
        typical = max(abs(found.value), float(np.linalg.norm(gradient)) * scale, _FLAT * found.size) or 1.0
        distance = abs(analytic - found.value) / typical
        now = Comparison(
            analytic, found.value, distance if math.isfinite(distance) else math.inf, found.error / typical, found.kink
        )
        if now.resolved:
            return now
        if best is None or (now.kink, now.resolution) < (best.kink, best.resolution):
            best = now
    assert best is not None
    return best


def worst(
    f: Callable[[Array], float], at: Array, gradient: Array, rng: np.random.Generator, directions: int = 3
) -> Comparison:
    """The worst of several comparisons: one that proves nothing, else the one with the largest relative distance."""
    found = [compare(f, at, gradient, rng) for _ in range(directions)]
    return max(found, key=lambda c: (not c.resolved, c.relative))


def _sides(line: Callable[[float], float], here: float, h: float) -> tuple[float, float]:
    return (here - line(-h)) / h, (line(h) - here) / h
