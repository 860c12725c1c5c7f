"""Start: what the initial weights that the file gives do before anything has been learnt."""

from __future__ import annotations

from math import log
from typing import Any

import numpy as np

from handgrad.audit.dialects.cast import models
from handgrad.audit.findings import Finding
from handgrad.audit.inspection import Inspection
from handgrad.audit.judging.identify import Identity, Matrix, targets
from handgrad.audit.objects import slots
from handgrad.audit.properties.forward import below, flat, scores
from handgrad.audit.properties.making import made_at
from handgrad.audit.properties.places import found
from handgrad.core.arrays import Array

_ROWS = 64
_HIGH = 10  # times ln(classes): a first loss that no usual start gives
_FULL, _DEAD = 0.95, 0.98  # shares of units
_ENDS = {"sigmoid": (0.01, 0.99), "tanh": (-0.99, 0.99)}
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
    if identity is None or not flat(subject):
        return []
    parameters = initial(inspection)
    alike = _alike(identity, parameters)
    if alike:
        line = made_at(inspection, alike[0][0], constant=True)
        return [found(inspection, "symmetric-start", "error", line, {"units": alike[1]}, {"units": 1}, alike[0])]
    if len(identity.matrices) < 2:
        return []
    x = _input(subject.features)
    return [*_first_loss(inspection, identity, parameters, x), *_asleep(inspection, identity, parameters, x)]


def _alike(identity: Identity, parameters: dict[str, Array]) -> tuple[tuple[str, str], int] | None:
    """The matrices around a hidden layer all of whose units are the same, so that they stay the same for good."""
    for lower, above in zip(identity.matrices, identity.matrices[1:], strict=False):
        first, second = parameters[lower.weight], parameters[above.weight]
        into = first.T if lower.transposed else first  # (inputs, units)
        out = second.T if above.transposed else second  # (units, outputs)
        bias = np.zeros(1) if lower.bias is None else parameters[lower.bias].reshape(-1)
        if into.shape[1] > 1 and (into == into[:, :1]).all() and (out == out[:1]).all() and (bias == bias[0]).all():
            return (lower.weight, above.weight), into.shape[1]
    return None


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
    measured = {"loss": loss, "spread": float(z.std()), "classes": classes, "expected": log(classes)}
    line = made_at(inspection, _largest(identity, parameters), constant=False)
    return [found(inspection, "first-loss-high", "warning", line, measured, {"loss": log(classes)})]


def _largest(identity: Identity, parameters: dict[str, Array]) -> str:
    """The weight that makes its outputs larger than its inputs by the most."""

    def gain(matrix: Matrix) -> float:
        weight = parameters[matrix.weight]
        return float(weight.std() * np.sqrt(weight.shape[1 if matrix.transposed else 0]))

    return max(identity.matrices, key=gain).weight


def _asleep(inspection: Inspection, identity: Identity, parameters: dict[str, Array], x: Array) -> list[Finding]:
    """Layers whose units are at the flat ends of their activation for nearly every row."""
    for i, matrix in enumerate(identity.matrices[:-1]):
        kind = identity.bends[i]
        a = below(identity, i).net(parameters)(x)
        if kind in _ENDS:
            low, high = _ENDS[kind]
            share, code, bad = float(((a < low) | (a > high)).mean()), "saturated-start", _FULL
        elif kind == "relu":
            share, code, bad = float((a == 0).all(axis=0).mean()), "dead-start", _DEAD
        else:
            continue
        if share >= bad:
            measured, where = {"share": 100 * share, "activation": kind}, (matrix.weight,)
            line = made_at(inspection, matrix.weight, constant=False)
            return [found(inspection, code, "warning", line, measured, {"share": 0.0}, where)]
    return []
