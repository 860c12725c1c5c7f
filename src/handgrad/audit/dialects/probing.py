"""Probing: from a way to take a step to readings, by running it.

Which form of batch and labels the code takes, which number is its loss and which arrays are its parameters is tried
out: parameters are the arrays that the loss depends on.
"""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import pairwise, permutations
from typing import Any

import numpy as np

from handgrad.audit.dialects import silent, sizes
from handgrad.audit.dialects.calling import FORWARD, sounds
from handgrad.audit.dialects.glue import ends
from handgrad.audit.dialects.gradients import likely_weights
from handgrad.audit.dialects.layouts import LAYOUTS
from handgrad.audit.dialects.reading import Reading
from handgrad.audit.dialects.settling import Candidate, Net, Way, moves, settled
from handgrad.audit.dialects.stage import SECONDS
from handgrad.audit.dialects.totals import without_parts
from handgrad.audit.objects import Slot, matrices, parts, restore, snapshot
from handgrad.core.arrays import Array

_ROWS = (5, 8)
_LOUD = 4.0  # times as large as its input: what a layer makes that saturates the next
_SECONDS = 4.0  # of processor time, as long as nothing is found
_MOST_LOSSES, _MOST_ENDS, _MOST_ORDERED, _MOST_ARRAYS = 4, 8, 6, 16


def readings(ways: Iterable[Way]) -> Iterator[Reading]:
    """Each reading of each way that runs; last those whose step moves nothing, for most often the step is another.

    Of these only such as the file itself updates: a step put together here, or a loop that never ran, says nothing.
    """
    still: list[Reading] = []
    until = time.process_time() + _SECONDS
    for way in ways:
        if time.process_time() > until and not still:
            break
        for reading in _of(way):
            until = math.inf
            if moves(reading.subject):
                yield reading
                until = time.process_time() + _SECONDS  # what was found was not all that is asked for
            elif reading.subject.step is not None and "itself" not in reading.facts.get("update", ""):
                still.append(reading)
    yield from still


def _of(way: Way) -> Iterator[Reading]:
    ran = yield from _in_layouts(way)
    if not ran and way.stage.drops():
        way.stage.dropping = True
        yield from _in_layouts(way)


def _in_layouts(way: Way) -> Generator[Reading, None, bool]:
    """The readings of a way in each form of batch; whether it ran in any."""
    rng = np.random.default_rng(7)
    found = way.stage.slots()
    ran = False
    forget = _memory(way)
    _wake(found, rng)
    for features, classes in _ends(likely_weights(found) or matrices(found), found):
        batches = [(rng.random((rows, features)), np.arange(rows) % max(classes, 2)) for rows in _ROWS]
        for layout in LAYOUTS:
            if layout.split and ran and way.stage.takes_batches():
                continue
            net = Net(way, layout, features, classes, layout.split, found)
            began = time.process_time()
            try:
                net, (first, second) = _first_run(net, batches)
            except TimeoutError:  # it trains to the end whatever it is given
                return ran
            except Exception:  # it takes another form, or is none
                forget()
                continue
            ran = True
            if time.process_time() - began > SECONDS:  # it trains for long
                return ran
            told = list(_by_loss(net, batches[0], first, second))
            try:
                yield from told or _by_output(net, *batches[0])
            finally:
                forget()
    return ran


def _memory(way: Way) -> Callable[[], None]:
    """Empties again what was empty in the network's objects, and puts back the arrays of which a run has made some of
    another shape, with the whole numbers beside them: one form of batch spoils it for the next.
    """
    arrays = [(slot, slot.get(), slot.get().shape) for slot in way.stage.slots()]
    things = [thing for root in way.stage.roots for thing in parts(root)]
    empty = [value for one in things for value in vars(one).values() if isinstance(value, dict | list) and not value]
    whole = [(vars(one), {n: v for n, v in vars(one).items() if type(v) is int}) for one in things]
    unset = [(vars(one), name) for one in things for name, value in vars(one).items() if value is None]

    def forget() -> None:
        for one in empty:
            one.clear()
        for attributes, name in unset:
            attributes[name] = None
        reshaped = [(slot, array) for slot, array, shape in arrays if np.shape(slot.get()) != shape]
        for slot, array in reshaped:
            slot.put(array)
        for attributes, numbers in whole if reshaped else ():
            attributes.update(numbers)

    return forget


def _first_run(net: Net, batches: list[tuple[Array, Array]]) -> tuple[Net, list[dict[str, float]]]:
    """The net that ran, with what may be the loss of each batch.

    Where labels are one-hot, those that the code tests with may still be whole numbers. Raises what the code does.
    """
    try:
        return net, [net.losses(x, y) for x, y in batches]
    except TimeoutError:
        raise
    except Exception:
        if "one-hot" not in net.layout.told or net.layout.split:
            raise
    net = replace(net, way=replace(net.way, stage=replace(net.way.stage, counted=True)))
    return net, [net.losses(x, y) for x, y in batches]


def _by_loss(
    net: Net, batch: tuple[Array, Array], first: Mapping[str, float], second: Mapping[str, float]
) -> Iterator[Reading]:
    """A reading for each number that may be the loss, from what two batches gave.

    What forward gives for one row may be one number, which is the output where it does not change with the labels.
    """
    tried: set[tuple[float, float]] = set()
    outputs = {place for place in first if net.split and sounds(place.rpartition(".")[2].removesuffix("()"), FORWARD)}
    turned = net.losses(batch[0], (batch[1] + 1) % max(net.classes, 2)) if outputs else {}
    for place, value in without_parts(first, second, _ROWS).items():
        both = (value, second.get(place, math.nan))
        if place in outputs and turned.get(place) == value:
            continue
        if not all(math.isfinite(v) and abs(v) > 1e-9 for v in both) or both in tried or len(tried) >= _MOST_LOSSES:
            continue
        tried.add(both)

        def loss(x: Array, y: Array, place: str = place) -> float:
            return net.losses(x, y)[place]

        reading = _settled(net, loss, loss, net.way.facts.get("loss") or place, batch)
        if reading is not None:
            yield reading


def _by_output(net: Net, x: Array, y: Array) -> Iterator[Reading]:
    """The reading of a net that says no loss, with the loss that its gradients belong to."""
    try:
        moved = net.outputs(x, y)
    except Exception:  # its forward gives nothing of the right size
        return
    direction = np.random.default_rng(17).standard_normal(moved.shape)

    def depends(x: Array, y: Array) -> float:
        return float(np.vdot(net.outputs(x, y), direction))

    reading = _settled(net, depends, depends, "", (x, y))
    if reading is not None:
        _, labels = net.layout.make(x[:1], y[:1], net.classes)
        sure = np.size(labels) == net.classes and ("one-hot" in net.layout.told or net.classes == 1)
        yield from silent.readings(
            lambda loss: replace(reading, subject=replace(reading.subject, loss=loss)),
            net.outputs,
            sure=sure and "loss" not in net.way.facts,
        )


def _settled(
    net: Net,
    depends: Callable[[Array, Array], float],
    loss: Callable[[Array, Array], float],
    told: str,
    batch: tuple[Array, Array],
) -> Reading | None:
    """The reading whose parameters are what a number depends on; None where they make no network."""
    found = _parameters(net, depends, *batch)
    if not _lead(net, [slot.get().shape for slot in found]):
        return None
    candidate = Candidate(net, found, _names(found), loss)
    facts = {**net.way.facts, "parameters": ", ".join(candidate.names), "loss": told, "labels": net.layout.told}
    if names := [*net.way.stage.put_aside(), *_given_none(net.way.functions.get("train"))]:
        facts["put_aside"] = ", ".join(dict.fromkeys(names))
    try:
        subject = settled(candidate, *batch, facts)
    except Exception:  # what ran at one point does not at another
        return None
    return Reading(subject, net.way.dialect, facts, net.way.functions, net.way.invented)


def _given_none(function: Any) -> list[str]:
    """Names of the regularisation and dropout that a training function is told to leave out."""
    try:
        defaults = {n: p.default for n, p in inspect.signature(function).parameters.items()}
    except (TypeError, ValueError):
        return []
    return sizes.put_aside(defaults)


def _parameters(net: Net, depends: Callable[[Array, Array], float], x: Array, y: Array) -> list[Slot]:
    """The slots on whose array a number depends, in an order in which the matrices lead from one to the next."""
    saved = snapshot(net.slots)
    try:
        _calm(net.slots)
        return _in_order(_moving(net, depends, x, y))
    finally:
        restore(net.slots, saved)


def _calm(found: list[Slot]) -> None:
    """Matrices so large that they saturate what follows hide what depends on what: they are made smaller."""
    for slot in found:
        array = slot.get()
        if _may_be_learned(array) and array.ndim == 2:
            longest = max(array.shape)
            gain = max(float(np.std(array)) * np.sqrt(longest), abs(float(np.mean(array))) * longest)
            if gain > _LOUD:
                array /= gain


def _moving(net: Net, depends: Callable[[Array, Array], float], x: Array, y: Array) -> list[Slot]:
    rng = np.random.default_rng(13)
    base = depends(x, y)
    found = []
    for slot in net.slots:
        array = slot.get()
        if not _may_be_learned(array):
            continue
        saved = array.copy()
        array += 0.5 * rng.standard_normal(array.shape) * (np.abs(array).mean() or 1.0)
        try:
            moved = depends(x, y)
        except Exception:
            moved = base
        slot.get()[...] = saved
        if abs(moved - base) > 1e-12 * abs(base):
            found.append(slot)
    return found


def _may_be_learned(value: Any) -> bool:
    """Whether it is an array of floats that can be written to. A criterion may keep labels, of one kind and another."""
    return isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.flags.writeable


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


def _lead(net: Net, shapes: list[tuple[int, ...]]) -> bool:
    """Whether arrays of these shapes can lead from the net's features to its classes."""
    if (net.features, net.classes) in ends([shape for shape in shapes if len(shape) == 2 and min(shape) > 1]):
        return True
    return len(shapes) <= _MOST_ARRAYS and (net.features, net.classes) in sizes.ends(
        {str(i): shape for i, shape in enumerate(shapes)}
    )


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


def _ends(weights: list[Array], found: list[Slot]) -> list[tuple[int, int]]:
    """(features, classes) that the matrices may lead between, the likelier first; some may be batches kept.

    Where there is a row or column beside the biases that the matrices need, it may be the weights of a single output;
    a bias of one number says that it is.
    """
    first = weights[0].shape if weights else max((s.get().shape for s in found if s.get().ndim == 2), default=())
    if not first:
        return []
    last = weights or [np.empty(first)]
    pairs = [(first[i], one.shape[1 - i]) for one in reversed(last) for i in (0, 1)]
    mixed = [(first[i], last[-1].shape[i]) for i in (0, 1)]
    thin = {max(slot.get().shape) for slot in found if slot.get().ndim == 2 and min(slot.get().shape) == 1}
    single = [(first[i], 1) for i in (0, 1) if thin & set(first)]
    sure = single if any(slot.get().size == 1 for slot in found) else []
    return list(dict.fromkeys([*sure, *pairs[:2], *single, *mixed, *pairs[2:]]))[:_MOST_ENDS]
