"""Probing: from a way to take a step to readings, by running it.

Which form of batch and labels the code takes, which number is its loss and which arrays are its parameters is tried
out: parameters are the arrays that the loss depends on.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise, permutations

import numpy as np

from handgrad.audit.dialects.glue import ends
from handgrad.audit.dialects.gradients import likely_weights
from handgrad.audit.dialects.layouts import LAYOUTS
from handgrad.audit.dialects.objects import Slot, matrices
from handgrad.audit.dialects.reading import Reading
from handgrad.audit.dialects.settling import Candidate, Net, Way, moves, settled
from handgrad.core.arrays import Array

_ROWS = (5, 8)
_MOST_LOSSES, _MOST_ENDS, _MOST_ORDERED = 4, 8, 6


def readings(ways: Iterable[Way]) -> Iterator[Reading]:
    """Each reading of each way that runs; last those whose step moves nothing, for most often the step is another."""
    still = []
    for way in ways:
        for reading in _of(way):
            if moves(reading.subject):
                yield reading
            else:
                still.append(reading)
    yield from still


def _of(way: Way) -> Iterator[Reading]:
    rng = np.random.default_rng(7)
    found = way.stage.slots()
    _wake(found, rng)
    for features, classes in _ends(likely_weights(found) or matrices(found)):
        batches = [(rng.random((rows, features)), np.arange(rows) % max(classes, 2)) for rows in _ROWS]
        for layout in LAYOUTS:
            net = Net(way, layout, features, classes, layout.split, found)
            try:
                first, second = (net.losses(x, y) for x, y in batches)
            except Exception:  # it takes another form, or is none
                continue
            yield from _by_loss(net, batches[0], first, second)


def _by_loss(
    net: Net, batch: tuple[Array, Array], first: Mapping[str, float], second: Mapping[str, float]
) -> Iterator[Reading]:
    """A reading for each number that may be the loss, from what two batches gave."""
    tried: set[tuple[float, float]] = set()
    for place, value in first.items():
        both = (value, second.get(place, math.nan))
        if not all(math.isfinite(v) and abs(v) > 1e-9 for v in both) or both in tried or len(tried) >= _MOST_LOSSES:
            continue
        tried.add(both)
        found = _parameters(net, place, *batch)
        if (net.features, net.classes) not in ends([slot.get().shape for slot in found if _is_matrix(slot)]):
            continue
        candidate = Candidate(net, found, _names(found), place)
        facts = {
            **net.way.facts,
            "parameters": ", ".join(candidate.names),
            "loss": net.way.facts.get("loss") or place,
            "labels": net.layout.told,
        }
        try:
            subject = settled(candidate, *batch, facts)
        except Exception:  # what ran at one point does not at another
            continue
        yield Reading(subject, net.way.dialect, facts, net.way.functions)


def _parameters(net: Net, place: str, x: Array, y: Array) -> list[Slot]:
    """The slots on whose array the loss depends, in an order in which the matrices lead from one to the next."""
    rng = np.random.default_rng(13)
    base = net.losses(x, y)[place]
    found = []
    for slot in net.slots:
        array = slot.get()
        if not isinstance(array, np.ndarray) or not array.flags.writeable:
            continue
        saved = array.copy()
        array += 0.5 * rng.standard_normal(array.shape) * (np.abs(array).mean() or 1.0)
        try:
            moved = net.losses(x, y).get(place, base)
        except Exception:
            moved = base
        slot.get()[...] = saved
        if abs(moved - base) > 1e-12 * abs(base):
            found.append(slot)
    return _in_order(found)


def _in_order(found: list[Slot]) -> list[Slot]:
    """The slots, their matrices re-ordered if they do not lead from one to the next as they stand."""
    weights = [slot for slot in found if _is_matrix(slot)]
    rest = [slot for slot in found if slot not in weights]
    if len(weights) > _MOST_ORDERED:
        return found
    for order in permutations(weights):
        shapes = [slot.get().shape for slot in order]
        if _leads(shapes) or _leads([shape[::-1] for shape in shapes]):
            return found if list(order) == weights else [*order, *rest]
    return found


def _is_matrix(slot: Slot) -> bool:
    return bool(slot.get().ndim == 2 and min(slot.get().shape) > 1)


def _leads(shapes: list[tuple[int, ...]]) -> bool:
    return all(a[1] == b[0] for a, b in pairwise(shapes))


def _names(found: list[Slot]) -> list[str]:
    """Short names where they tell the slots apart, else whole ones."""
    short = [slot.name if slot.name.endswith("]") else slot.name.rpartition(".")[2] for slot in found]
    return short if len(set(short)) == len(short) else [slot.name for slot in found]


def _wake(found: list[Slot], rng: np.random.Generator) -> None:
    """Arrays of zeros hide what depends on what: they get small random numbers."""
    for slot in found:
        array = slot.get()
        if array.flags.writeable and not array.any():
            array[...] = 0.1 * rng.random(array.shape)


def _ends(weights: list[Array]) -> list[tuple[int, int]]:
    """(features, classes) that the matrices may lead between, the likelier first; some may be batches kept."""
    if not weights:
        return []
    first = weights[0].shape
    pairs = [(first[i], last.shape[1 - i]) for last in reversed(weights) for i in (0, 1)]
    mixed = [(first[i], weights[-1].shape[i]) for i in (0, 1)]
    return list(dict.fromkeys([*pairs[:2], *mixed, *pairs[2:]]))[:_MOST_ENDS]
