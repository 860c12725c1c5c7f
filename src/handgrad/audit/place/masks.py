"""Masks: what a dropout that only a training step draws has multiplied the inputs of the layers by, from its numbers.

The step is followed from the input up: an array counts as a mask if the layer above is seen to go on from the inputs
times it, and the numbers of the code agree up to the output.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence

import numpy as np

from handgrad.audit.judging.walk import Case, Stage
from handgrad.audit.place.observe import Noted
from handgrad.audit.place.right_numbers import factor_of, views
from handgrad.audit.place.thinned import is_mask
from handgrad.core.arrays import Array

Masks = tuple[Array | None, ...]


def masks_of(case: Case, notes: Sequence[Noted], exact: float) -> Masks | None:
    """The masks of one batch, one for each layer, None for a layer without; None where the code did something else.

    Args:
        case: the network and the batch, without dropout.
        notes: of the step.
        exact: relative, what rounding may leave over.
    """
    found: list[Array | None] = []
    layers = len(case.identity.matrices)
    for i in range(layers):
        stage = Case(case.identity, case.parameters, case.x, case.y, (*found, *[None] * (layers - i))).walk.stages[i]
        # A mask comes first, for a step may run the network without its dropout as well, to report the loss.
        mask = next((one for one in _candidates(stage.x, notes, exact) if _seen(stage, one, notes, exact)), None)
        if mask is None and not _seen(stage, None, notes, exact):
            return None
        found.append(mask)
    return tuple(found)


def drawn_at(notes: Sequence[Noted], mask: Array) -> int:
    """The line that made a mask; where it is kept under no name, the first in which it is seen; 0 for none."""
    for note in notes:
        for view in views(note.value, mask.shape) if note.value.size == mask.size else ():
            if np.array_equal(view != 0, mask != 0):
                return note.line
    return 0


def _candidates(x: Array, notes: Sequence[Noted], exact: float) -> Iterator[Array]:
    """What the inputs of a layer may have been multiplied by: masks that are kept, then those that products show."""
    same = [view for note in notes if note.value.size == x.size for view in views(note.value, x.shape)]
    for view in same:
        if is_mask(view) and x[view == 0].any():
            yield view
    for view in same:
        kept = view != 0
        if kept.any() and x[kept].all() and (x[~kept] != 0).any():
            ratio = view[kept] / x[kept]
            if np.ptp(ratio) <= exact * abs(ratio[0]):
                yield ratio[0] * kept


def _seen(stage: Stage, mask: Array | None, notes: Sequence[Noted], exact: float) -> bool:
    """Whether the code has made what the layer gives where its inputs are multiplied by a mask."""
    z = stage.z if mask is None else stage.z + (stage.x * mask - stage.x) @ stage.W
    y = z if stage.bend is None else copy.copy(stage.bend)(z)
    return any(
        (k := factor_of(note.value, one, exact)) is not None and abs(k - 1) <= exact
        for note in notes
        if note.value.size == z.size and note.value.dtype.kind == "f"
        for one in (z, y)
    )
