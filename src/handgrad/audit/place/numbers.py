"""The parts of a chart: numbers of the way there, layers, gains, notes of the way back; how two arrays compare."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from handgrad.audit.place.observe import Noted
from handgrad.core.arrays import Array

EXACT = 1e-4  # relative: an epsilon may be left out on the way back


@dataclass(frozen=True)
class Number:
    """An array of the way there.

    Attributes:
        note: where it is made; of what has no name of its own, the z in tanh(x @ W + b), where its activation is.
        rows: (B, n).
        slopes: the derivative of the loss by it along the chart's directions.
        at: its place in the order of all numbers.
    """

    note: Noted
    rows: Array
    slopes: Array
    at: float

    @property
    def name(self) -> str:
        """What its author calls it, or the function that returns it."""
        return self.note.function if self.note.name.startswith("return") else self.note.name


@dataclass(frozen=True)
class Product:
    """A layer z = x @ W + b.

    Attributes:
        name: of the parameter W.
        W: (inputs, outputs).
        bias: of the parameter b; None without.
        x: what it gets (B, inputs).
        below: the number that x is; None for the batch itself.
        z: what it gives.
        turned: whether the parameter is kept as (outputs, inputs).
    """

    name: str
    W: Array
    bias: str | None
    x: Array
    below: Number | None
    z: Number
    turned: bool

    @property
    def names(self) -> tuple[str, ...]:
        """Of its parameters."""
        return (self.name,) if self.bias is None else (self.name, self.bias)

    def laid(self, value: Array) -> Array:
        """Its gradient, or whatever else lies as the parameter does, as (inputs, outputs)."""
        return value.T if self.turned else value


@dataclass(frozen=True)
class Scale:
    """A gain and a shift, z = gain * x + shift, by the names of the parameters; shift is None without."""

    gain: str
    shift: str | None
    x: Number
    z: Number

    @property
    def names(self) -> tuple[str, ...]:
        """Of its parameters."""
        return (self.gain,) if self.shift is None else (self.gain, self.shift)


@dataclass(frozen=True)
class Back:
    """A note of the way back, as rows (B, n)."""

    note: Noted
    rows: Array


def rows_of(value: Any, count: int) -> Array | None:
    """An array of so many samples as rows; None where it has no such form."""
    array = np.asarray(value)
    if array.dtype.kind not in "fiub" or array.ndim not in (1, 2) or not array.size:
        return None
    if array.ndim == 1:
        return array.reshape(-1, 1).astype(np.float64) if len(array) == count else None
    if array.shape[0] == count:
        return array.astype(np.float64)
    return array.T.astype(np.float64) if array.shape[1] == count else None


def laid(rows: Array, note: Noted) -> Array:
    """Rows in the layout of a note's value."""
    return rows.reshape(note.value.shape) if rows.shape != note.value.shape[::-1] else rows.T


def multiple(value: Array, right: Array, exact: float = EXACT) -> float | None:
    """The k with value = k * right; None where there is none."""
    size, norm = float(np.vdot(right, right)), float(np.linalg.norm(value))
    if not size or not norm or not np.isfinite(norm):
        return None
    k = float(np.vdot(value, right)) / size
    return k if float(np.linalg.norm(value - k * right)) <= exact * norm else None


def printed(value: Any) -> tuple[tuple[int, ...], bytes]:
    """What tells two arrays apart, whatever axes of length one they have."""
    array = np.ascontiguousarray(value, np.float64)
    return tuple(n for n in array.shape if n > 1), array.tobytes()
