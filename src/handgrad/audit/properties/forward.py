"""Forward: a subject's own parameters run through layers of any kinds, to see which give the loss it reports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice, product
from time import thread_time

import numpy as np

from handgrad.audit.dialects import READERS, Reading
from handgrad.audit.dialects.making import CLASSES as MADE_CLASSES
from handgrad.audit.dialects.making import FEATURES as MADE_FEATURES
from handgrad.audit.dialects.sizes import CLASSES, FEATURES
from handgrad.audit.inspection import Inspection
from handgrad.audit.judging.identify import CLOSE, HIDDEN, Identity, chains, random_point, sums, targets
from handgrad.audit.subject import Subject
from handgrad.core.arrays import Array
from handgrad.core.layers import Softmax

_DIVISORS = ("B", "1", "BC", "2B", "2", "2BC")
_SQUASH = ("softmax", "sigmoid", "tanh", "relu")
_MOST_READINGS, _SECONDS = 12, 0.6
ROWS = (5, 8)


@dataclass(frozen=True)
class Squashed:
    """A network whose scores go through one function more before the softmax of its loss.

    Attributes:
        reading: the way to read the file in which it gives the reported loss.
        identity: the network up to that function, which is its output.
    """

    reading: Reading
    identity: Identity


def scores(identity: Identity) -> Identity:
    """The same network without its last function."""
    return replace(identity, output="none")


def below(identity: Identity, layer: int) -> Identity:
    """The network up to the activation of a hidden layer, counted from 0."""
    bends = identity.bends
    return replace(
        identity, matrices=identity.matrices[: layer + 1], hidden=", ".join(bends[:layer]), output=bends[layer]
    )


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


def squashed(inspection: Inspection) -> Squashed | None:
    """The first reading whose loss is that of squashed scores, where no usual network gives a loss that is reported."""
    reading, diagnosis = inspection.reading, inspection.diagnosis
    guessed = "none reported" in reading.facts.get("loss", "") and not diagnosis.ok
    if diagnosis.identity is not None and not guessed:
        return None
    ends = thread_time() + _SECONDS
    for one in chain([reading], islice(_readings(inspection), _MOST_READINGS)):
        if thread_time() > ends:
            return None
        if "none reported" in one.facts.get("loss", "") or not flat(one.subject):
            continue
        try:
            identity = _squashed(one.subject)
        except Exception:  # a reading that makes no sense
            continue
        if identity is not None:
            return Squashed(one, identity)
    return None


def _readings(inspection: Inspection) -> Iterator[Reading]:
    for reader in READERS:
        try:
            yield from reader(inspection.namespace, inspection.program.tree)
        except Exception:  # it is written in another dialect
            continue


def _squashed(subject: Subject) -> Identity | None:
    """The network before the last softmax, if its loss is that of scores which were squashed before."""
    batches = [batch(subject, rows, rows) for rows in ROWS]
    saved = subject.snapshot()
    try:
        subject.restore(random_point(subject, np.random.default_rng(21)))
        point = subject.snapshot()
        reported = [float(subject.loss(x, y)) for x, y in batches]
    finally:
        subject.restore(saved)
    for matrices in chains(point, subject.features, subject.classes):
        for hidden, squash in product(HIDDEN if len(matrices) > 1 else ("none",), _SQUASH):
            identity = Identity(matrices, hidden, squash, "cross-entropy", "")
            if _gives(identity, point, batches, reported):
                return identity
    return None


def _gives(
    identity: Identity, point: Mapping[str, Array], batches: Sequence[tuple[Array, Array]], reported: Sequence[float]
) -> bool:
    net, possible = identity.net(point), set(_DIVISORS)
    for (x, y), value in zip(batches, reported, strict=True):
        output = Softmax()(net(x))
        rows, outputs = output.shape
        total = sums(output, targets(y, outputs)).get("cross-entropy", np.inf)
        possible = {
            one
            for one in possible
            if abs(total / replace(identity, divisor=one).divide_by(rows, outputs) - value) <= CLOSE * abs(value)
        }
    return bool(possible)
