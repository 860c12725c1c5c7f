"""Finding a number of the story among the arrays that somebody's own code made: the very array, to rounding, or none.

What is taken over is the file's array in its own precision; only its layout is turned to ours where it lies otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from handgrad.audit.place.observe import CHANGED, GIVEN, MADE, NAMED, RETURNED, Noted
from handgrad.audit.place.right_numbers import factor, views
from handgrad.core.arrays import Array

_NEAR = 1e-5  # relative: log(p + 1e-8) for log(p) stays below it
_SMALL = 4  # numbers of an array that is a multiple of nearly anything


@dataclass(frozen=True, eq=False)
class Found:
    """An array of the file.

    Attributes:
        value: it, in our layout and their precision.
        note: where it was made, and under which name.
        times: how many times the expected numbers it is.
    """

    value: Array
    note: Noted
    times: float = 1.0

    @property
    def name(self) -> str:
        """What the file calls it; the function that returns it where it has no name."""
        return called(self.note)


def called(note: Noted) -> str:
    """What an array is called, or which function returns it."""
    return f"{note.function}()" if note.name.startswith("return") else note.name


@dataclass(frozen=True)
class Finder:
    """The notes of one step, to be searched.

    Attributes:
        notes: in the order of execution.
        eps: the coarsest precision of the file's parameters.
        counts: by which whole numbers a mean may divide: the batch, the outputs, both.
    """

    notes: Sequence[Noted]
    eps: float
    counts: tuple[int, ...] = ()

    def exactly(self, expected: Array, bound: Any, after: int = -1, *, given: bool = False) -> Found | None:
        """The first array made after note `after` that is `expected`, with differences of at most `bound` roundings.

        Args:
            expected: in our layout.
            bound: what one unit of rounding can make, for each number or for all.
            after: the order of the note that must come before.
            given: whether what was only handed over counts too, as a batch is.
        """
        for note, view in self.shaped(expected.shape, after, given=given):
            if (np.abs(view - expected) <= bound * self.unit(note)).all():
                return Found(_kept(view, note), note)
        return None

    def multiple(self, expected: Array, after: int = -1) -> Found | None:
        """The first that is `expected` times or divided by a whole number: a mean that is taken earlier or later."""
        if expected.size < _SMALL or not expected.any():
            return None
        for note, view in self.shaped(expected.shape, after):
            times = factor(view, expected, 1e3 * self.unit(note))
            whole = None if times is None else self._whole(times)
            if whole is not None:
                return Found(_kept(view, note), note, whole)
        return None

    def near(self, expected: Array, after: int = -1) -> Found | None:
        """The first that is `expected` but for a small number that keeps a logarithm or a quotient finite."""
        most = _NEAR * float(np.abs(expected).max(initial=0.0))
        for note, view in self.shaped(expected.shape, after):
            if most and (np.abs(view - expected) <= most).all():
                return Found(_kept(view, note), note)
        return None

    def unit(self, note: Noted) -> float:
        """One rounding in the coarser of an array's precision and the parameters'."""
        return max(float(np.finfo(note.value.dtype).eps), self.eps) / 2

    def _whole(self, times: float) -> float | None:
        """The factor as the count that it is, or one over it, either sign; None for any other, and for 1."""
        for count in {1, *self.counts}:
            for known in (float(count), 1 / count):
                if abs(abs(times) / known - 1) < _NEAR and times != 1 and (count > 1 or times < 0):
                    return known if times > 0 else -known
        return None

    def shaped(self, shape: tuple[int, ...], after: int, *, given: bool = False) -> Iterator[tuple[Noted, Array]]:
        """(note, value in our layout) of what was made after a note, and of what was handed over if `given`."""
        ways = (MADE, CHANGED, RETURNED, GIVEN, NAMED) if given else (MADE, CHANGED, RETURNED)
        size = int(np.prod(shape))
        for note in self.notes:
            if note.order <= after or note.value.size != size or note.how not in ways:
                continue
            if note.value.dtype.kind == "f" and (note.line > 0 or given):
                for view in views(note.value, shape):
                    yield note, view


def _kept(view: Array, note: Noted) -> Array:
    """The view in the precision of what it is a view of."""
    kept: Array = np.array(view, note.value.dtype)
    return kept
