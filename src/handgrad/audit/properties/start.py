"""Start: what the initial weights that the file gives do before anything has been learnt."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from math import log
from typing import Any

import numpy as np

from handgrad.audit.dialects.cast import models
from handgrad.audit.findings import Finding
from handgrad.audit.inspection import Inspection
from handgrad.audit.judging.identify import Identity, Matrix, targets
from handgrad.audit.judging.stillness import drawn, draws
from handgrad.audit.objects import slots
from handgrad.audit.place.observe import Noted
from handgrad.audit.properties.forward import below, flat, scores
from handgrad.audit.properties.making import made_at
from handgrad.audit.properties.places import found
from handgrad.audit.properties.sharing import chain, sharing
from handgrad.core.arrays import Array

_ROWS, _FEW = 64, 17  # samples; of a network whose run is looked at line by line
_HIGH = 3  # times ln(classes): a first loss that no usual start gives
_MANY, _FULL, _DEAD = 0.5, 0.8, 0.98  # shares of units: worth a note, a warning
_ENDS = {"sigmoid": (0.01, 0.99), "tanh": (-0.99, 0.99)}
_BENDS: dict[str, Callable[[Array], Array]] = {
    "tanh": np.tanh,
    "sigmoid": lambda z: 0.5 * (1 + np.tanh(z / 2)),
    "relu": lambda z: np.maximum(z, 0),
}
_STREAM = 200_000


def initial(inspection: Inspection) -> dict[str, Array]:
    """The parameters as the file makes them. It is run anew, since the search for the network may have moved them."""
    subject = inspection.reading.subject
    wanted = subject.snapshot()
    fresh = inspection.program.execute().namespace
    for root in (fresh, *models(fresh)):
        there = _arrays(root)
        if all(name in there and there[name].shape == value.shape for name, value in wanted.items()):
            return {name: np.asarray(there[name], np.float64) for name in wanted}
    return _asleep_again(wanted)


def _arrays(root: Any) -> dict[str, Array]:
    """The arrays in a thing by their whole and their short names; of a namespace those at top level."""
    if isinstance(root, dict):
        return {name: value for name, value in root.items() if isinstance(value, np.ndarray)}
    found_: dict[str, Array] = {}
    for slot in slots(root):
        found_[slot.name] = slot.get()
        found_.setdefault(slot.name.rpartition(".")[2], slot.get())
    return found_


def _asleep_again(parameters: dict[str, Array]) -> dict[str, Array]:
    """Arrays that the search woke from zero are zero again: they hold a stretch of the numbers it wakes them with."""
    stream = np.random.default_rng(7).random(_STREAM)
    return {name: np.zeros_like(v) if _woken(v, stream) else v for name, v in parameters.items()}


def _woken(value: Array, stream: Array) -> bool:
    numbers = np.asarray(value, np.float64).reshape(-1) / 0.1
    if not numbers.size or numbers.min() < 0 or numbers.max() >= 1:
        return False
    for at in np.flatnonzero(np.abs(stream - numbers[0]) < 1e-6):
        stretch = stream[at : at + numbers.size]
        if len(stretch) == numbers.size and np.abs(stretch - numbers).max() < 1e-6:
            return True
    return False


def start(inspection: Inspection) -> list[Finding]:
    """Hidden units that are all alike, a first loss far off, units that are saturated or dead before the first step."""
    identity, subject = inspection.diagnosis.identity, inspection.reading.subject
    if not flat(subject):
        return []
    parameters, x = initial(inspection), _input(subject.features)
    if identity is None:
        return _of_unknown(inspection, parameters, x[:_FEW])
    alike = _alike([(matrix, [matrix.bias] if matrix.bias else []) for matrix in identity.matrices], parameters)
    if alike:
        return [_said_alike(inspection, alike)]
    if len(identity.matrices) < 2:
        return []
    layers = (
        (identity.bends[i], below(identity, i).net(parameters)(x), matrix)
        for i, matrix in enumerate(identity.matrices[:-1])
    )
    return [*_first_loss(inspection, identity, parameters, x), *_asleep(inspection, layers)]


def _of_unknown(inspection: Inspection, parameters: dict[str, Array], x: Array) -> list[Finding]:
    """The same of a network that is not known, of which only what it makes on its way to the loss is seen."""
    shown = sharing(inspection)
    matrices = chain(inspection, parameters)
    if shown is None or len(matrices) < 2:
        return []
    subject, y = shown.subject, np.arange(len(x)) % shown.subject.classes
    run = partial(subject.loss, x, y)
    alike = _alike(_with_vectors(matrices, parameters), parameters)
    if alike and not (drawn(run) or draws(run, np.random.default_rng(0))):  # a mask tells units apart
        return [_said_alike(inspection, alike)]
    saved = subject.snapshot()

    def quieter(name: str) -> float:
        value = parameters[name]
        subject.restore({**parameters, name: value / (value.std() or 1.0) / np.sqrt(max(value.shape))})
        return float(run())

    try:
        subject.restore(parameters)
        scores, notes = shown.seen(x)
        loss = -float(scores.mean())  # over all labels that the rows may have
        high = loss >= _HIGH * log(subject.classes)
        loudest = min((matrix.weight for matrix in matrices), key=quieter) if high else ""
    finally:
        subject.restore(saved)
    layers = (
        (kind, note.value, matrix) for note, kind in _bent(notes) for matrix in matrices[:-1]
        if parameters[matrix.weight].shape[0 if matrix.transposed else 1] == note.value.shape[1]
    )  # fmt: skip
    said = [_said_high(inspection, loss, scores - scores.mean(axis=1, keepdims=True), loudest)] if high else []
    return [*said, *_asleep(inspection, layers)]


def _bent(notes: Sequence[Noted]) -> Iterator[tuple[Noted, str]]:
    """The arrays of a run, a row for each sample, that are an activation of one before, and of which."""
    new = {(note.array, note.value.tobytes()): note for note in notes if note.value.shape[:1] == (_FEW,)}
    rows = [note for note in new.values() if note.value.dtype.kind == "f" and note.value.ndim == 2]
    for i, note in enumerate(rows):
        before = [one.value for one in rows[:i] if one.value.shape == note.value.shape]
        for kind, bend in _BENDS.items():
            if any(np.allclose(bend(z[0]), note.value[0]) and np.allclose(bend(z), note.value) for z in before):
                yield note, kind
                break


def _with_vectors(matrices: Sequence[Matrix], parameters: dict[str, Array]) -> list[tuple[Matrix, list[str]]]:
    """Each matrix with every array of the network that has a number for each of its units."""
    found_ = []
    for matrix in matrices:
        units = parameters[matrix.weight].shape[0 if matrix.transposed else 1]
        found_.append((matrix, [name for name, value in parameters.items() if value.size == max(value.shape) == units]))
    return found_


def _alike(
    layers: Sequence[tuple[Matrix, list[str]]], parameters: dict[str, Array]
) -> tuple[tuple[str, str], int] | None:
    """The matrices around a hidden layer all of whose units are the same, so that they stay the same for good.

    Args:
        layers: each matrix, with its biases and what else there is for each unit.
        parameters: their values.
    """
    for (lower, vectors), (above, _) in pairwise(layers):
        first, second = parameters[lower.weight], parameters[above.weight]
        into = first.T if lower.transposed else first  # (inputs, units)
        out = second.T if above.transposed else second  # (units, outputs)
        even = all(np.ptp(parameters[name]) == 0 for name in vectors)
        if into.shape[1] > 1 and (into == into[:, :1]).all() and (out == out[:1]).all() and even:
            return (lower.weight, above.weight), into.shape[1]
    return None


def _said_alike(inspection: Inspection, alike: tuple[tuple[str, str], int]) -> Finding:
    line = made_at(inspection, alike[0][0], constant=True)
    return found(inspection, "symmetric-start", "error", line, {"units": alike[1]}, {"units": 1}, alike[0])


def _input(features: int) -> Array:
    """Rows in 0..1; of many features four fifths are 0, as in pictures of digits."""
    rng = np.random.default_rng(8)
    x = rng.random((_ROWS, features))
    return x * (rng.random(x.shape) < 0.25) if features >= 100 else x


def _first_loss(inspection: Inspection, identity: Identity, parameters: dict[str, Array], x: Array) -> list[Finding]:
    """The cross-entropy of a classifier that knows nothing is ln(classes)."""
    if identity.output != "softmax" or identity.loss != "cross-entropy":
        return []
    z = scores(identity).net(parameters)(x)
    classes = z.shape[1]
    t = targets(np.arange(_ROWS) % classes, classes)
    top = z.max(axis=1, keepdims=True)
    loss = float((np.log(np.exp(z - top).sum(axis=1)) + top[:, 0] - (t * z).sum(axis=1)).mean())
    if loss < _HIGH * log(classes):
        return []
    return [_said_high(inspection, loss, z, _largest(identity, parameters))]


def _said_high(inspection: Inspection, loss: float, z: Array, loudest: str) -> Finding:
    expected = log(z.shape[1])
    measured = {"loss": loss, "spread": float(z.std()), "classes": z.shape[1], "expected": expected}
    line = made_at(inspection, loudest, constant=False)
    return found(inspection, "first-loss-high", "warning", line, measured, {"loss": expected})


def _largest(identity: Identity, parameters: dict[str, Array]) -> str:
    """The weight that makes its outputs larger than its inputs by the most."""

    def gain(matrix: Matrix) -> float:
        weight = parameters[matrix.weight]
        return float(weight.std() * np.sqrt(weight.shape[1 if matrix.transposed else 0]))

    return max(identity.matrices, key=gain).weight


def _asleep(inspection: Inspection, layers: Iterable[tuple[str, Array, Matrix]]) -> list[Finding]:
    """Of (kind, units, weights), those whose units are at the flat ends of their activation for most rows, or off."""
    for kind, a, matrix in layers:
        if kind in _ENDS:
            low, high = _ENDS[kind]
            share, code, least = float(((a < low) | (a > high)).mean()), "saturated-start", _MANY
        elif kind == "relu":
            share, code, least = float((a == 0).all(axis=0).mean()), "dead-start", _DEAD
        else:
            continue
        if share >= least:
            severity = "warning" if share >= _FULL else "note"
            measured, where = {"share": 100 * share, "activation": kind}, (matrix.weight,)
            line = made_at(inspection, matrix.weight, constant=False)
            return [found(inspection, code, severity, line, measured, {"share": 0.0}, where)]
    return []
