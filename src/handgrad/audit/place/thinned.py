"""Thinned: where a network drops units, by its numbers. Of an array other entries are gone in each run.

What else is left of it is the array times a number: 1, or one over the share that stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from handgrad.audit.place.observe import Noted
from handgrad.core.arrays import Array

ROWS = 23  # samples of a run, so that no other side of an array is mistaken for them
_NEAR = 30  # notes ahead in which the input of a dropout is looked for
_SAME = 1e-9


Place: TypeAlias = tuple[int, str, str, int]  # line, name, how, and the how-manieth time


@dataclass(frozen=True)
class Drop:
    """A multiplication by a mask: what is left, of what, by which factor, and where that was noted until then."""

    left: Noted
    whole: Array
    scale: float
    places: frozenset[Place]

    @property
    def share(self) -> float:
        """How much of it is left."""
        return float((self.left.value != 0).mean() / (self.whole != 0).mean())


def drops(run: list[Noted], other: list[Noted], x: Array) -> list[Drop]:
    """Arrays that are another one times a number, but for entries that are gone, others in each run; not of the input.

    The samples may come in another order in each run. Behind a first dropout, layers differ in each run as well; there
    the entries must be gone whatever their values were, as those that a ReLU takes away are not.
    """
    twins = {place_of(note, at): note for at, note in counted(other)}
    numbered = counted(run)
    dropped: dict[int, Drop] = {}  # by the array that is left, which may be noted under many names
    for i, (at, note) in enumerate(numbered):
        twin = twins.get(place_of(note, at))
        if note.array in dropped or twin is None or not is_layer(note.value) or not is_layer(twin.value):
            continue
        found: list[tuple[int, Drop]] = []
        for k, before in numbered[max(0, i - _NEAR) : i]:
            again = twins.get(place_of(before, k))
            scale = _thinned(note.value, before.value)
            if scale is None or again is None or _thinned(twin.value, again.value) is None:
                continue
            first, second = in_order(before.value), in_order(again.value)
            alike = np.allclose(before.value[first], again.value[second], rtol=_SAME, atol=_SAME)  # BLAS may round anew
            moved = not np.array_equal(note.value[first] == 0, twin.value[second] == 0)
            behind = bool(dropped) and all(_at_random(*both) for both in ((note, before), (twin, again)))
            if (alike or behind) and moved and not _same_rows(before.value, x):
                same = (one for one in numbered[:i] if np.array_equal(one[1].value, before.value))
                places = frozenset(place_of(n, k) for k, n in same)
                found.append((int(np.count_nonzero(before.value)), Drop(note, before.value, scale, places)))
        if found:
            least = min(found, key=lambda one: one[0])[1]
            dropped[note.array] = _scaled(least, [one for _, one in numbered[i + 1 : i + 1 + _NEAR]])
    return list(dropped.values())


def unkept(run: list[Noted], other: list[Noted]) -> Iterator[Drop]:
    """What masks that differ in each run, and no product with which is kept, may be multiplied with: W @ (a * mask)."""
    twins = {place_of(note, at): note for at, note in counted(other)}
    numbered = counted(run)
    for i, (at, note) in enumerate(numbered):
        twin = twins.get(place_of(note, at))
        if twin is None or not is_mask(note.value) or np.array_equal(note.value, twin.value):
            continue
        for k, layer in numbered[max(0, i - _NEAR) : i + _NEAR]:
            if is_layer(layer.value) and layer.value.shape == note.value.shape and not is_mask(layer.value):
                left = replace(note, value=layer.value * note.value)
                yield Drop(left, layer.value, float(note.value.max()), frozenset({place_of(layer, k)}))


def is_mask(value: Array) -> bool:
    """Whether it holds two values, of which one is 0."""
    held = np.unique(value) if value.ndim == 2 and value.dtype.kind in "fbiu" else ()
    return len(held) == 2 and 0 in held


def is_layer(value: Array) -> bool:
    """Whether an array holds numbers for each sample."""
    return value.ndim == 2 and value.dtype.kind == "f" and ROWS in value.shape and min(value.shape) > 1


def _thinned(left: Array, whole: Array) -> float | None:
    """The number by which all that is left of an array was multiplied, where something is gone; None for any other."""
    if left.shape != whole.shape or whole.dtype.kind != "f":
        return None
    kept, there = left != 0, whole != 0
    if (kept & ~there).any() or not (there & ~kept).any() or kept.sum() < ROWS:
        return None
    ratio = left[kept] / whole[kept]
    return float(ratio[0]) if np.ptp(ratio) <= _SAME * abs(ratio[0]) else None


def _at_random(left: Noted, whole: Noted) -> bool:
    """Whether what is gone and what is left are not told apart by how large they were, nor by their signs."""
    kept, gone = left.value != 0, (left.value == 0) & (whole.value != 0)
    several = kept.sum() > 1 and gone.sum() > 1
    return bool(several) and all(
        values[kept].min() < values[gone].max() and values[gone].min() < values[kept].max()
        for values in (whole.value, np.abs(whole.value))
    )


def _scaled(drop: Drop, after: list[Noted]) -> Drop:
    """The drop with what it is multiplied by in a line of its own: a *= mask, and then a /= keep."""
    left = drop.left.value
    kept = left != 0
    for note in after:
        if is_layer(note.value) and note.value.shape == left.shape and np.array_equal(note.value != 0, kept):
            ratio = note.value[kept] / left[kept]
            if np.ptp(ratio) <= _SAME * abs(ratio[0]) and abs(ratio[0] - 1) > _SAME:
                return replace(drop, left=replace(drop.left, value=note.value), scale=drop.scale * float(ratio[0]))
    return drop


def in_order(value: Array) -> tuple[Any, ...]:
    """An index that brings the samples of an array into an order of their own."""
    axis = value.shape.index(ROWS)
    order = np.argsort(value.sum(axis=1 - axis))
    return (order,) if axis == 0 else (slice(None), order)


def _same_rows(value: Array, x: Array) -> bool:
    turned = value if value.shape == x.shape else value.T
    return turned.shape == x.shape and np.array_equal(turned[in_order(turned)], x[in_order(x)])


def counted(run: list[Noted]) -> list[tuple[int, Noted]]:
    """Each note with how often its line has made a note of this kind before."""
    seen: dict[tuple[int, str, str], int] = {}
    counted = []
    for note in run:
        key = (note.line, note.name, note.how)
        seen[key] = seen.get(key, -1) + 1
        counted.append((seen[key], note))
    return counted


def place_of(note: Noted, at: int) -> Place:
    """Where a note was made, the same in each run of the code."""
    return note.line, note.name, note.how, at
