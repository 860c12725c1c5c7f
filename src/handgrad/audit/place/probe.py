"""Probe: how the loss changes with a number in the middle of it, by changing that number as soon as it is there.

No formula of the network is needed: a run is stopped where an array was made, the array is moved a little in place, and
the run goes on. What comes out differently is the derivative.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from types import FrameType
from typing import Any

import numpy as np

from handgrad.audit.place.observe import Noted, held_by, observe, returned
from handgrad.audit.reading.traced import traced
from handgrad.core.arrays import Array

DIRECTIONS = 3  # one tells the factor between two arrays, the others that it is one
_STEP = 2.0**-16  # relative to the size of the array


class Probe:
    """One call of somebody's code that gives the same number, `value`, at every call, and the arrays that it makes."""

    def __init__(self, call: Callable[[], float], filenames: Collection[str]) -> None:
        self.call, self.filenames = call, frozenset(filenames)
        told: list[float] = []
        self.notes = observe(lambda: told.append(float(call())), filenames)
        (self.value,) = told

    def slopes(self, note: Noted, directions: Array) -> Array | None:
        """The derivative of the number along directions (n, *shape) of an array; None where it cannot be moved."""
        h = _STEP * _size(note.value)
        first = self.moved(note, h * directions[0])
        if first == self.value:  # most arrays do not lead there, which one run tells
            return np.zeros(len(directions))
        found = []
        for i, v in enumerate(directions):
            up, down = self.moved(note, h * v) if i else first, self.moved(note, -h * v)
            if up is None or down is None:
                return None
            found.append((up - down) / (2 * h))
        return np.array(found)

    def moved(self, note: Noted, by: Array) -> float | None:
        """The number where an array is moved by so much as soon as it is there."""
        touch = _Touch(self.filenames, note, by)
        value = touch.run(self.call)
        return value if touch.done else None

    def response(
        self, note: Noted, by: Array, others: Collection[Noted], away: Array | float = 0.0
    ) -> dict[int, Array] | None:
        """How fast other arrays, which come later, change as one moves along `by`: order of the note -> (*shape).

        At the array's own value, or so far away from it. None where one of them does not come.
        """
        h = _STEP * _size(note.value)
        sides = []
        for sign in (1, -1):
            touch = _Touch(self.filenames, note, away + sign * h * by, others)
            touch.run(self.call)
            if not touch.done or touch.waiting:
                return None
            sides.append(touch.seen)
        return {order: (sides[0][order] - sides[1][order]) / (2 * h) for order in sides[0]}


def _size(value: Array) -> float:
    return float(np.sqrt(np.mean(np.square(value)))) or 1.0


class _Touch:
    """A trace function that counts events as the observer does, moves one array, and looks at others later on."""

    def __init__(self, filenames: frozenset[str], note: Noted, by: Array, others: Collection[Noted] = ()) -> None:
        self.filenames, self.note, self.by = filenames, note, by
        self.events = 0
        self.done = False
        self.waiting = sorted((one for one in others if one.order > note.order), key=lambda one: one.order)
        self.seen: dict[int, Array] = {}

    def run(self, call: Callable[[], float]) -> float:
        """Run the call with this in place."""
        with traced(self.event):
            return float(call())

    def event(self, frame: FrameType, event: str, value: Any) -> Any:
        """For `sys.settrace`."""
        if frame.f_code.co_filename not in self.filenames:
            return None
        self.events += 1
        if not self.done and self.events == self.note.event:
            array = self._find(self.note, frame, value, exact=True)
            if array is None or not array.flags.writeable:
                return self._stop()
            array += self.by.reshape(array.shape)
            self.done = True
        while self.done and self.waiting and self.waiting[0].event == self.events:
            array = self._find(self.waiting[0], frame, value, exact=False)
            if array is None:
                return self._stop()
            self.seen[self.waiting.pop(0).order] = array.astype(np.float64)
        return self._stop() if self.done and not self.waiting else self.event

    def _stop(self) -> None:
        sys.settrace(None)

    def _find(self, note: Noted, frame: FrameType | None, value: Any, *, exact: bool) -> Any:
        """The array that was noted here, in the frame of this event or in one that called it."""
        for path, array in returned(value) if note.name.startswith("return") else ():
            if path == note.name and self._is(array, note, exact):
                return array
        while frame is not None:
            if frame.f_code.co_filename in self.filenames:
                for path, array in held_by(frame):
                    if path == note.name and self._is(array, note, exact):
                        return array
            frame = frame.f_back
        return None

    @staticmethod
    def _is(array: Any, note: Noted, exact: bool) -> bool:
        same: bool = array.shape == note.value.shape and array.dtype == note.value.dtype
        return same and (not exact or np.array_equal(array, note.value))
