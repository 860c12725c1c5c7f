"""The right numbers of one batch, each under its name, to hold what somebody's code makes against them.

An array counts as a right number up to its layout (rows or columns, flat or not) and up to a factor, which is told.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from handgrad.audit.judging.walk import Case, true_gradient
from handgrad.audit.place.observe import CHANGED, MADE, RETURNED, Noted
from handgrad.core.arrays import Array


class Quantity(NamedTuple):
    """One thing that is worked out for a layer; layers count from 1.

    `kind` is "da" (dL/da), "dz", "dW" or "db"; the name is as people write it: dL/dz1.
    """

    kind: str
    layer: int

    @property
    def name(self) -> str:
        """dL/dW1."""
        return f"dL/d{self.kind[1]}{self.layer}"

    def parents(self, last: int) -> tuple[Quantity, ...]:
        """What it is worked out from, the nearest first."""
        if self.kind in ("dW", "db"):
            return (Quantity("dz", self.layer),)
        if self.kind == "dz":
            return (Quantity("da", self.layer), *((Quantity("dz", self.layer + 1),) if self.layer < last else ()))
        return (Quantity("dz", self.layer + 1),) if self.layer < last else ()


@dataclass(frozen=True)
class RightNumbers:
    """Everything of one batch (B rows) through an identified network and back."""

    case: Case

    @property
    def last(self) -> int:
        """The number of layers."""
        return len(self.case.walk.stages)

    @cached_property
    def back(self) -> dict[Quantity, Array]:
        """The derivatives of the reported loss, in the order in which they are worked out."""
        walk = self.case.walk
        found: dict[Quantity, Array] = {}
        da = walk.by_output
        for layer, dz in zip(range(self.last, 0, -1), reversed(walk.deltas()), strict=True):
            stage = walk.stages[layer - 1]
            found[Quantity("da", layer)] = da
            found[Quantity("dz", layer)] = dz
            found[Quantity("dW", layer)] = stage.x.T @ dz
            found[Quantity("db", layer)] = dz.sum(axis=0)
            da = stage.down(dz)
        return found

    @cached_property
    def whole(self) -> dict[str, Array]:
        """The true gradients by the subject's own names, with what the loss charges for the weights."""
        return true_gradient(self.case)

    @cached_property
    def forward(self) -> dict[str, Array]:
        """x, z1, a1, z2, ... and the targets t."""
        found = {"x": self.case.x}
        for i, stage in enumerate(self.case.walk.stages, 1):
            found[f"z{i}"] = stage.z
            found[f"a{i}"] = stage.y
        return found | {"t": self.case.walk.t}

    def inputs(self, layer: int) -> Array:
        """What a layer gets (B, inputs)."""
        return self.case.walk.stages[layer - 1].x

    def slope(self, layer: int, at: Array | None = None) -> Array | None:
        """The derivative of a layer's activation (B, outputs), at z or elsewhere; None for softmax."""
        stage = self.case.walk.stages[layer - 1]
        if stage.bend is not None and type(stage.bend).__name__ == "Softmax":
            return None
        return stage.back(np.ones_like(stage.z), at)

    def through(self, layer: int, dy: Array) -> Array:
        """dy through the derivative of a layer's activation."""
        return self.case.walk.stages[layer - 1].back(dy)


def views(value: Any, shape: tuple[int, ...]) -> Iterator[Array]:
    """An array in another's layout: as it is, transposed, or with axes of length one left out or put in."""
    array = np.asarray(value, np.float64)
    if array.size != int(np.prod(shape)):
        return
    if array.shape == shape:
        yield array
    if array.ndim == 2 and array.T.shape == shape:
        yield array.T
    elif array.shape != shape and _squeezed(array.shape) in (_squeezed(shape), _squeezed(shape)[::-1]):
        yield (array if _squeezed(array.shape) == _squeezed(shape) else array.T).reshape(shape)


def _squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(n for n in shape if n != 1)


def factor(value: Array, right: Array, exact: float) -> float | None:
    """The k with value = k * right; None where there is none or one of them is zero."""
    size, norm = float(np.vdot(right, right)), float(np.linalg.norm(value))
    if not size or not norm or not np.isfinite(norm):
        return None
    k = float(np.vdot(value, right)) / size
    return k if float(np.linalg.norm(value - k * right)) <= exact * norm else None


def factor_of(value: Any, right: Array, exact: float) -> float | None:
    """The same, in whatever layout the value has."""
    return next((k for view in views(value, right.shape) if (k := factor(view, right, exact)) is not None), None)


@dataclass(frozen=True)
class Hit:
    """A note whose value is `factor` times something."""

    note: Noted
    factor: float


@dataclass(frozen=True)
class Trail:
    """What was noted of one step, to be searched for numbers.

    Attributes:
        notes: in the order of execution.
        exact: relative, what rounding may leave over.
    """

    notes: Sequence[Noted]
    exact: float

    def hits(self, right: Array, before: int | None = None) -> list[Hit]:
        """Every note that is a multiple of an array, in order."""
        found = []
        for note in self.notes if before is None else self.notes[:before]:
            k = self._known(note, right)
            if k is not None:
                found.append(Hit(note, k))
        return found

    def first(self, right: Array, since: int = 0) -> Noted | None:
        """The first note that is a multiple of an array."""
        for note in self.notes[since:]:
            if self._known(note, right) is not None:
                return note
        return None

    def shaped(self, shape: tuple[int, ...], before: int | None = None) -> Iterator[tuple[Noted, Array]]:
        """(note, value in that layout) of every note that has it."""
        for note in self.notes if before is None else self.notes[:before]:
            if note.value.size == int(np.prod(shape)):
                for view in views(note.value, shape):
                    yield note, view

    def _known(self, note: Noted, right: Array) -> float | None:
        return factor_of(note.value, right, self.exact) if note.value.size == right.size else None


@dataclass(frozen=True)
class Step:
    """One step that was observed, beside the right numbers of its batch.

    Attributes:
        right: the right numbers.
        trail: what was noted.
        before: the parameters (as the subject lays them out) before the step.
        after: and after it; the same where the subject only computes gradients.
        gradient: what the step did with each, or the gradients that it computed.
        lr: the learning rate.
        wrong: names of the parameters whose gradients are known to be wrong.
        rows: how many samples there were.
        earlier: what the same step noted the time before, where that was asked for.
        tree: the file's syntax tree.
    """

    right: RightNumbers
    trail: Trail
    before: dict[str, Array]
    after: dict[str, Array]
    gradient: dict[str, Array]
    lr: float
    wrong: frozenset[str]
    rows: int
    earlier: tuple[Noted, ...] = ()
    tree: ast.Module | None = None

    def parameters(self) -> Iterator[tuple[str, Quantity]]:
        """Each parameter with the gradient that it should get, in the order of the way back."""
        for layer in range(self.right.last, 0, -1):
            matrix = self.right.case.walk.stages[layer - 1].matrix
            yield matrix.weight, Quantity("dW", layer)
            if matrix.bias is not None:
                yield matrix.bias, Quantity("db", layer)

    def factor(self, name: str, quantity: Quantity) -> float | None:
        """By how much a parameter's gradient differs from the right one; None where it is another or zero.

        What the loss charges for the weights may be in it or be left to the optimizer.
        """
        whole = self.right.whole[name]
        k = factor_of(self.gradient[name], self.right.back[quantity], self.trail.exact)
        return factor_of(self.gradient[name], whole, self.trail.exact) if k is None else k

    def moves(self, name: str) -> list[Noted]:
        """The notes that make a parameter what it is after the step."""
        new = self.after[name]
        if np.array_equal(new, self.before[name]):
            return []
        part = _PART.search(name)
        shown = _cut(self.trail.notes, part[0]) if part else self.trail.shaped(new.shape)
        found = (note for note, view in shown if view.shape == new.shape and np.allclose(view, new, rtol=1e-12, atol=0))
        return [note for note in found if note.how in (MADE, CHANGED, RETURNED)]


_PART = re.compile(r"\[[\d\s,:-]*:[\d\s,:-]*\]$")  # a parameter that is a part of an array: weights[0][:, :-1]


def _cut(notes: Sequence[Noted], part: str) -> Iterator[tuple[Noted, Array]]:
    """(note, that part of its value) of every note that has it."""
    for note in notes:
        try:
            yield note, eval(f"value{part}", {"value": note.value})  # digits, commas and colons
        except IndexError:
            continue
