"""Start: what the initial weights that the file gives do before anything has been learnt."""

from __future__ import annotations

from math import log

import numpy as np

from handgrad.audit.findings import Finding
from handgrad.audit.identify import Identity, targets
from handgrad.audit.inspection import Inspection
from handgrad.audit.properties.forward import Shape, flat, scores, through
from handgrad.audit.properties.places import found, line_of
from handgrad.audit.subject import Subject
from handgrad.core.arrays import Array

_ROWS = 64
_HIGH = 10  # times ln(classes): a first loss that no usual start gives
_FULL, _DEAD = 0.98, 0.98  # shares of units
_ENDS = {"sigmoid": (0.01, 0.99), "tanh": (-0.99, 0.99)}
_STREAM = 200_000


def initial(subject: Subject) -> dict[str, Array]:
    """The parameters as the file made them; those that were woken from zero for the search are zero again."""
    stream = np.random.default_rng(7).random(_STREAM)
    return {name: np.zeros_like(v) if _woken(v, stream) else v for name, v in subject.snapshot().items()}


def _woken(value: Array, stream: Array) -> bool:
    """Whether an array is a stretch of the very numbers with which the search wakes arrays of zeros."""
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
    parameters = initial(subject)
    alike = _alike(identity, parameters)
    if alike:
        line = _made_at(inspection)
        return [found(inspection, "symmetric-start", "error", line, {"units": alike[1]}, {"units": 1}, alike[0])]
    if len(identity.matrices) < 2:
        return []
    x = _input(subject.features)
    return [*_first_loss(inspection, identity, parameters, x), *_asleep(inspection, identity, parameters, x)]


def _made_at(inspection: Inspection) -> int | None:
    return line_of(inspection, "init", "model", "forward", "step")


def _alike(identity: Identity, parameters: dict[str, Array]) -> tuple[tuple[str, str], int] | None:
    """The matrices around a hidden layer all of whose units are the same, so that they stay the same for good."""
    for below, above in zip(identity.matrices, identity.matrices[1:], strict=False):
        first, second = parameters[below.weight], parameters[above.weight]
        into = first.T if below.transposed else first  # (inputs, units)
        out = second.T if above.transposed else second  # (units, outputs)
        bias = np.zeros(1) if below.bias is None else parameters[below.bias].reshape(-1)
        if into.shape[1] > 1 and (into == into[:, :1]).all() and (out == out[:1]).all() and (bias == bias[0]).all():
            return (below.weight, above.weight), into.shape[1]
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
    z = through(parameters, scores(identity), x)
    classes = z.shape[1]
    t = targets(np.arange(_ROWS) % classes, classes)
    top = z.max(axis=1, keepdims=True)
    loss = float((np.log(np.exp(z - top).sum(axis=1)) + top[:, 0] - (t * z).sum(axis=1)).mean())
    if loss < _HIGH * log(classes):
        return []
    measured = {"loss": loss, "spread": float(z.std()), "classes": classes, "expected": log(classes)}
    return [found(inspection, "first-loss-high", "warning", _made_at(inspection), measured, {"loss": log(classes)})]


def _asleep(inspection: Inspection, identity: Identity, parameters: dict[str, Array], x: Array) -> list[Finding]:
    """Layers whose units are at the flat ends of their activation for nearly every row."""
    for i, matrix in enumerate(identity.matrices[:-1]):
        kinds = [(identity.hidden,)] * (i + 1)
        a = through(parameters, Shape(identity.matrices[: i + 1], tuple(kinds)), x)
        if identity.hidden in _ENDS:
            low, high = _ENDS[identity.hidden]
            share, code = float(((a < low) | (a > high)).mean()), "saturated-start"
            bad = share >= _FULL
        elif identity.hidden == "relu":
            share, code = float((a == 0).all(axis=0).mean()), "dead-start"
            bad = share >= _DEAD
        else:
            return []
        if bad:
            measured, where = {"share": 100 * share, "activation": identity.hidden}, (matrix.weight,)
            return [found(inspection, code, "warning", _made_at(inspection), measured, {"share": 0.0}, where)]
    return []
