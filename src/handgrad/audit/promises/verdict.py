"""Verdicts: what one check found, and the handful of comparisons that end in one. No sentences, no printing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from handgrad.audit.judging.numeric import Comparison
from handgrad.core.arrays import Array

TOLERANCE = 1e-6  # relative, of a gradient against the numeric derivative


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one check found.

    Attributes:
        code: the promise.
        where: "x", "y", "dx", the name of a parameter, or "" for the whole.
        ok: whether the promise was kept; None where it could not be tried (a numeric derivative at a kink).
        measured: the figure, shape or name that was found.
        expected: what it should have been; for a distance, the most that is allowed.
    """

    code: str
    where: str
    ok: bool | None
    measured: Any
    expected: Any


Promise: TypeAlias = Callable[[Any], Iterator[Verdict]]


def examine(trial: Any, promises: Sequence[Promise]) -> list[Verdict]:
    """All verdicts of all promises; a promise whose check raises is broken, and `measured` names the exception."""
    verdicts: list[Verdict] = []
    for promise in promises:
        try:
            verdicts += promise(trial)
        except Exception as error:  # somebody else's code may raise anything
            verdicts.append(Verdict(promise.__name__, "", False, type(error).__name__, "no exception"))
    return verdicts


def broken(verdicts: Sequence[Verdict]) -> list[str]:
    """The codes of the promises that were not kept, each once, in order."""
    return list(dict.fromkeys(v.code for v in verdicts if v.ok is False))


def distance(a: Any, b: Any, floor: float = 0.0) -> float:
    """|a - b| over the larger norm of the two, at least `floor`; 0 for zeros, inf for other shapes or nan."""
    if np.shape(a) != np.shape(b):
        return float("inf")
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    larger = max(float(np.linalg.norm(a)), float(np.linalg.norm(b)), floor)
    found = float(np.linalg.norm(a - b)) / larger if larger else 0.0
    return found if np.isfinite(found) else float("inf")


def rounding(array: Any) -> float:
    """How far two ways to compute the same may lie apart, relative: a thousand roundings of the array's dtype."""
    return 1000 * float(np.finfo(np.asarray(array).dtype).eps)


def equal(code: str, where: str, measured: Any, expected: Any) -> Verdict:
    """Kept if the two are equal."""
    return Verdict(code, where, bool(measured == expected), measured, expected)


def unchanged(code: str, where: str, now: Array, before: Array) -> Verdict:
    """Kept if no number differs."""
    return equal(code, where, "as before" if np.array_equal(now, before) else "changed", "as before")


def near(code: str, where: str, measured: Any, expected: Any, floor: float = 0.0) -> Verdict:
    """Kept if the two agree to rounding: of themselves, or of `floor`, for a gradient can be truly 0."""
    found, most = distance(measured, expected, floor), rounding(expected)
    return Verdict(code, where, found <= most, found, most)


def close(code: str, where: str, found: Comparison) -> Verdict:
    """Kept if a gradient agrees with the numeric derivative, and that one is sharp enough to say so."""
    if found.relative <= TOLERANCE:
        return Verdict(code, where, True if found.resolved else None, found.relative, TOLERANCE)
    blurred = found.kink or found.relative <= 10 * found.resolution
    return Verdict(code, where, None if blurred else False, found.relative, TOLERANCE)


def raises(code: str, where: str, call: Callable[[], Any], kind: type[Exception]) -> Verdict:
    """Kept if the call raises that kind of exception."""
    try:
        call()
    except Exception as error:
        return Verdict(code, where, isinstance(error, kind), type(error).__name__, kind.__name__)
    return Verdict(code, where, False, "no exception", kind.__name__)
