"""Sharing: the shares of the classes that a network of any form hands to the logarithm of its loss, seen in its runs.

The logarithms of these shares are its scores, but for one number a row. So scores can be looked at where nobody knows
which layers made them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from handgrad.audit.inspection import Inspection
from handgrad.audit.judging.identify import Matrix, chains, random_point
from handgrad.audit.judging.stillness import held
from handgrad.audit.place.observe import Noted, observe
from handgrad.audit.properties.forward import flat
from handgrad.audit.subject import Subject
from handgrad.core.arrays import Array

_ROWS = 5
_ALIKE, _EVEN = 1e-6, 1e-6  # relative; shares that differ by less are all the same
_SAME = 1e-5  # of a loss, which may be of single precision
_FEWEST = 3  # classes: fewer show no pattern
Place = tuple[int, str, str, str]


@dataclass(frozen=True)
class Sharing:
    """Where a run of the loss makes the shares whose cross-entropy it is.

    Attributes:
        subject: the network, which draws the same random numbers in each run.
        files: those whose lines are looked at.
        place: line, function, name and how, by which the array is found again.
    """

    subject: Subject
    files: tuple[str, ...]
    place: Place

    def scores(self, x: Array) -> Array:
        """The logarithms of the shares of these rows (B, C), in whatever order they are taken; -inf where one is 0."""
        return self.seen(x)[0]

    def seen(self, x: Array) -> tuple[Array, list[Noted]]:
        """(the scores, everything that was noted on the way). Raises: LookupError where the run goes another way."""
        classes = self.subject.classes
        notes = observe(partial(self.subject.loss, x, np.arange(len(x)) % classes), self.files)
        last = next(note for note in notes[::-1] if _place(note) == self.place)
        rows = last.value if last.value.shape == (len(x), classes) else last.value.T
        with np.errstate(all="ignore"):
            return (rows if (rows <= 0).all() else np.log(rows / rows.sum(axis=1, keepdims=True))), notes


def sharing(inspection: Inspection) -> Sharing | None:
    """Of a network whose loss is the cross-entropy of shares that a run of it shows; None where it is none.

    It is one if the loss is another for rows all of the second class as that of the shares is: what else is in it, such
    as a penalty, is no matter of the labels. And it is no matter then in which order a training takes the rows.
    """
    reading = inspection.reading
    if "none reported" in reading.facts.get("loss", "") or not flat(reading.subject):
        return None
    subject, files = held(reading.subject, np.random.default_rng(31)), (inspection.program.filename, "<audit>")
    classes, x = subject.classes, np.random.default_rng(7).random((_ROWS, subject.features))
    if classes < _FEWEST:
        return None
    losses: list[float] = []

    def run(label: int) -> None:
        losses.append(float(subject.loss(x, np.full(_ROWS, label))))

    saved = subject.snapshot()
    try:
        subject.restore(random_point(subject, np.random.default_rng(32)))  # what is added within a logarithm shows less
        runs = [observe(partial(run, label), files) for label in (0, 1)]
    finally:
        subject.restore(saved)
    later = {_place(note): note for note in runs[1] if note.line > 0}
    for note in {_place(note): note for note in runs[0] if note.line > 0}.values():
        other = later.get(_place(note))
        for both in () if other is None else zip(shares(note.value), shares(other.value), strict=False):
            if both[0].shape == both[1].shape == (_ROWS, classes):
                costs = [-np.log(p[:, label]) for label, p in enumerate(both)]
                for part in (1.0, 1 / _ROWS, 1 / (_ROWS * classes)):
                    rests = [loss - part * float(cost.sum()) for loss, cost in zip(losses, costs, strict=True)]
                    small = _SAME * max(map(abs, losses))
                    if abs(rests[0] - rests[1]) <= small < abs(losses[0] - losses[1]) and min(rests) >= -small:
                        return Sharing(subject, files, _place(note))
    return None


def chain(inspection: Inspection, parameters: Mapping[str, Array]) -> tuple[Matrix, ...]:
    """The matrices of a network of any form, if in their order they lead from features to classes; else none."""
    subject = inspection.reading.subject
    weights = {name: value for name, value in parameters.items() if value.ndim == 2 and min(value.shape) > 1}
    return next(chains(weights, subject.features, subject.classes), ())


def _place(note: Noted) -> Place:
    return note.line, note.function, note.name, note.how


def shares(value: Array) -> Iterator[Array]:
    """What an array (B, C), either way round, gives as shares with a sum of 1: positive numbers, or logarithms."""
    if value.dtype.kind != "f" or value.ndim != 2 or min(value.shape) < 2 or not np.ptp(value) > _EVEN:
        return
    for rows in (value.astype(np.float64), value.T.astype(np.float64)):
        if (rows > 0).all():
            yield rows / rows.sum(axis=1, keepdims=True)
        elif (rows < 0).all() and np.allclose(np.exp(rows).sum(axis=1), 1.0, rtol=_ALIKE, atol=0):
            yield np.exp(rows)
