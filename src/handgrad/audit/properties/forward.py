"""Forward: a subject's own parameters run through layers of any kinds, to see which give the loss it reports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from handgrad.audit.dialects.making import CLASSES as MADE_CLASSES
from handgrad.audit.dialects.making import FEATURES as MADE_FEATURES
from handgrad.audit.dialects.sizes import CLASSES, FEATURES
from handgrad.audit.identify import CLOSE, HIDDEN, Identity, Matrix, chains, random_point, sums, targets
from handgrad.audit.inspection import Inspection
from handgrad.audit.subject import Subject
from handgrad.core.arrays import Array
from handgrad.core.layers import ACTIVATIONS, Softmax

_DIVISORS = ("B", "1", "BC", "2B", "2", "2BC")
_MOST_GAPS = 4  # hidden layers of which each may lack its activation
ROWS = (5, 8)


@dataclass(frozen=True)
class Shape:
    """A network that gives the reported loss: its matrices, and what follows each, one or two functions by name."""

    matrices: tuple[Matrix, ...]
    kinds: tuple[tuple[str, ...], ...]


def through(parameters: Mapping[str, Array], shape: Shape, x: Array) -> Array:
    """(B, features) to (B, outputs), in float64."""
    for matrix, kinds in zip(shape.matrices, shape.kinds, strict=True):
        weight = np.asarray(parameters[matrix.weight], np.float64)
        x = x @ (weight.T if matrix.transposed else weight)
        if matrix.bias is not None:
            x = x + np.asarray(parameters[matrix.bias], np.float64).reshape(-1)
        for kind in kinds:
            if kind == "softmax":
                x = Softmax()(x)
            elif kind in ACTIVATIONS:
                x = ACTIVATIONS[kind]()(x)
    return x


def known(identity: Identity) -> Shape:
    """The network that was identified."""
    hidden = [(identity.hidden,)] * (len(identity.matrices) - 1)
    return Shape(identity.matrices, (*hidden, (identity.output,)))


def scores(identity: Identity) -> Shape:
    """The same without its last function."""
    return Shape(identity.matrices, (*known(identity).kinds[:-1], ()))


def flat(subject: Subject) -> bool:
    """Whether batches are rows of numbers and whole-number labels."""
    return getattr(subject, "data", None) is None and subject.features > 0


def made_small(subject: Subject) -> bool:
    """Whether the sizes are those that the search gives a network whose file leaves them open."""
    return (subject.features, subject.classes) in product((FEATURES, MADE_FEATURES), (CLASSES, 5, MADE_CLASSES))


def batch(subject: Subject, rows: int, seed: int) -> tuple[Array, Array]:
    """Random rows in 0..1, and labels that name as many classes as they can."""
    rng = np.random.default_rng(seed)
    many = max(subject.classes, 2)
    return rng.random((rows, subject.features)), rng.permutation(rows) % many


def unusual(inspection: Inspection) -> tuple[Shape, float] | None:
    """The network of an unusual shape that gives the reported loss, where no usual one does; with C of the loss.

    Squashed scores under a softmax, or hidden layers of which only some have their activation.
    """
    subject = inspection.reading.subject
    if inspection.diagnosis.identity is not None or not flat(subject):
        return None
    batches = [batch(subject, rows, rows) for rows in ROWS]
    saved = subject.snapshot()
    try:
        subject.restore(random_point(subject, np.random.default_rng(21)))
        point = subject.snapshot()
        reported = [float(subject.loss(x, y)) for x, y in batches]
    finally:
        subject.restore(saved)
    for matrices in chains(point, subject.features, subject.classes):
        for shape in _shapes(matrices):
            if _gives(shape, point, batches, reported):
                return shape, float(subject.classes)
    return None


def _shapes(matrices: tuple[Matrix, ...]) -> Iterator[Shape]:
    gaps = len(matrices) - 1
    for hidden, squash in product(HIDDEN if gaps else ("none",), ("softmax", "sigmoid", "tanh", "relu")):
        yield Shape(matrices, (*[(hidden,)] * gaps, (squash, "softmax")))
    if 2 <= gaps <= _MOST_GAPS:
        for hidden, output in product([kind for kind in HIDDEN if kind != "none"], ("softmax", "sigmoid", "none")):
            for bent in product((True, False), repeat=gaps):
                if 0 < sum(bent) < gaps:
                    yield Shape(matrices, (*((hidden,) if one else ("none",) for one in bent), (output,)))


def _gives(
    shape: Shape, point: Mapping[str, Array], batches: Sequence[tuple[Array, Array]], reported: Sequence[float]
) -> bool:
    possible: set[tuple[str, str]] | None = None
    for (x, y), value in zip(batches, reported, strict=True):
        output = through(point, shape, x)
        rows, outputs = output.shape
        fitting = {
            (loss, divisor)
            for loss, total in sums(output, targets(y, outputs)).items()
            for divisor in _DIVISORS
            if abs(total / Identity((), "", "", "", divisor).divide_by(rows, outputs) - value) <= CLOSE * abs(value)
        }
        possible = fitting if possible is None else possible & fitting
        if not possible:
            return False
    return True
