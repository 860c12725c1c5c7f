"""Truth: how fast the loss that somebody reports really changes, parameter by parameter, without knowing the network.

A gradient g is held against it along random directions v: <g, v> must be the slope of the loss along v. A few of them
tell the factor between the two, and whether anything but a factor is wrong.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from handgrad.audit.judging.numeric import slope
from handgrad.audit.subject import Subject
from handgrad.core.arrays import Array

DIRECTIONS = 5  # a parameter, at most, where some meet a kink; at fewer numbers than that, each number alone
FEWEST = 3  # that are enough: one tells the factor, the others that it is one
_STEP = 1e-4  # relative to the size of the parameter: the errors of the differences below go with its fourth power
_SURE = 1e-6  # relative: two differences that agree to this need no closer look


@dataclass(frozen=True)
class Slopes:
    """The slopes of the loss of one batch.

    Attributes:
        directions: parameter -> (n, *shape); none where no slope could be had.
        values: parameter -> (n,), the slope along each.
        noise: parameter -> the largest error of any of them, relative to the largest slope.
    """

    directions: dict[str, Array]
    values: dict[str, Array]
    noise: dict[str, float]

    def along(self, gradient: Mapping[str, Array]) -> dict[str, Array]:
        """A gradient seen along the same directions: parameter -> (n,)."""
        return {
            name: np.array([float(np.vdot(gradient[name], v)) for v in directions])
            for name, directions in self.directions.items()
        }


def slopes(subject: Subject, x: Array, y: Array, rng: np.random.Generator, seconds: float = 1.0) -> Slopes:
    """The slopes of the subject's loss at its present parameters, which are left as they are.

    Args:
        subject: whose loss it is.
        x: a batch.
        y: its labels.
        rng: for the directions.
        seconds: of processor time, after which fewer directions have to do, but never so few that anything fits them.
    """
    until = time.process_time() + seconds
    saved, eps = subject.snapshot(), _eps(subject)
    directions: dict[str, Array] = {}
    values: dict[str, Array] = {}
    noise: dict[str, float] = {}
    for name, value in saved.items():
        scale = float(np.sqrt(np.mean(value * value))) or 1.0
        vs = _directions(value.shape, rng) * scale
        kept: list[Array] = []
        found: list[float] = []
        errors: list[float] = []
        for v in vs:
            if len(found) >= FEWEST and (value.size > DIRECTIONS or time.process_time() > until):
                break
            line = _line(subject, x, y, name, value, v)
            known = _slope(line, eps)
            if known is not None:
                kept.append(v)
                found.append(known[0])
                errors.append(known[1])
        subject.restore(saved)
        if len(found) >= min(FEWEST, len(vs)):
            directions[name], values[name] = np.array(kept), np.array(found)
            noise[name] = max(errors) / (max(map(abs, found)) or np.inf)
    return Slopes(directions, values, noise)


def _directions(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Random ones; for a parameter of a few numbers each number alone, for then they say all."""
    size = int(np.prod(shape))
    if size <= DIRECTIONS:
        return np.eye(size).reshape(size, *shape)
    return rng.standard_normal((DIRECTIONS, *shape))


def _line(subject: Subject, x: Array, y: Array, name: str, at: Array, v: Array) -> Callable[[float], float]:
    """The loss as one parameter moves along v."""

    def loss(t: float) -> float:
        subject.parameters()[name][...] = at + t * v
        return float(subject.loss(x, y))

    return loss


def _slope(line: Callable[[float], float], eps: float) -> tuple[float, float] | None:
    """(slope, its error), quickly where the loss is smooth, by a closer look where it is not; None at a kink."""
    if eps < 1e-12:
        wide, narrow = ((line(h) - line(-h)) / (2 * h) for h in (_STEP, _STEP / 2))
        value = (4 * narrow - wide) / 3
        if abs(narrow - wide) <= _SURE * abs(value):
            return value, abs(narrow - wide) / 3
    found = slope(line, eps)
    return None if found.kink or not np.isfinite(found.value) else (found.value, found.error)


def _eps(subject: Subject) -> float:
    """The precision of the subject's parameters."""
    return max(
        float(np.finfo(np.asarray(v).dtype).eps) if np.asarray(v).dtype.kind == "f" else 0.0
        for v in subject.parameters().values()
    )
