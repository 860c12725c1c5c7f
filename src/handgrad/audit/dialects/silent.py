"""Silent nets: a training that never says its loss. Its outputs are seen, and a gradient tells which loss it is for.

The gradient of the squared error and that of cross-entropy are both right gradients, each of its own loss. Where a file
reports none, the loss that its gradient belongs to is taken; only a gradient that belongs to none is a mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace

import numpy as np

from handgrad.audit.dialects.reading import Reading
from handgrad.audit.judging.batch import Batch, batch
from handgrad.audit.judging.diagnose import recognise
from handgrad.audit.judging.identify import Identity, random_point, sums
from handgrad.audit.judging.measure import fit_beside
from handgrad.audit.judging.walk import Case, true_gradient
from handgrad.audit.pieces.softmaxes import softmax
from handgrad.audit.subject import Subject
from handgrad.core.arrays import Array

_ROWS, _GENTLE, _NEAR = 5, 2.0**-10, 1e-5

EVERY = 2.0  # the rank of outputs to whose loss all gradients belong
LOSSES = ("cross-entropy", "binary cross-entropy", "squared error")
_SCORES = " of scores"  # of outputs that the loss itself sends through what stands behind it
_BEHIND = {"cross-entropy": "softmax", "binary cross-entropy": "sigmoid"}


def reported(output: Array, y: Array, loss: str) -> float:
    """A loss of outputs (B, C) and whole-number labels, averaged over the batch; half of it for the squared error.

    Raises: KeyError where these outputs have no such loss, for a logarithm needs what is positive.
    """
    classes = output.shape[1]
    if loss.endswith(_SCORES):
        loss = loss.removesuffix(_SCORES)
        output = softmax(output, 1) if loss == "cross-entropy" else 1 / (1 + np.exp(-output))
    t = y.reshape(-1, 1).astype(np.float64) if classes == 1 else np.eye(classes)[y]
    found = sums(output, t)
    if loss == "cross-entropy" and not np.allclose(output.sum(axis=1), 1):
        raise KeyError(loss)
    return found[loss] / len(output) / (2 if loss == "squared error" else 1)


def readings(
    make: Callable[[Callable[[Array, Array], float]], Reading],
    output: Callable[[Array, Array], Array],
    *,
    sure: bool,
) -> Iterator[Reading]:
    """The reading with the loss that its gradients belong to; without any, the usual one of its outputs.

    Args:
        make: a reading with a loss that is given.
        output: rows and labels to outputs (B, C); the labels only because a turn of a loop needs them.
        sure: whether the labels have the form of the outputs. Labels in another form may run as well and give nonsense,
            and only a right gradient of some parameter, or a mistake that has a name, then shows that they do not.
    """
    yield from ranked(make, output, sure=sure)[1]


def ranked(
    make: Callable[[Callable[[Array, Array], float]], Reading],
    output: Callable[[Array, Array], Array],
    *,
    sure: bool,
) -> tuple[float, list[Reading]]:
    """How well such outputs fit, and `readings`: all gradients belong to their loss, or some, or none; of two that fit
    alike those are the likelier outputs that went through an activation.
    """
    made = {name: _with(make, output, name) for name in LOSSES}
    try:
        known = recognise(made["squared error"].subject)  # any outputs have that loss
    except Exception:
        return 0, []
    possible: list[Reading] = []
    doubtful: list[Reading] = []
    rank = 0.5 * (known is not None and known.output != "none")
    most = 0
    bare = known is not None and known.output == "none"
    for name, behind in _BEHIND.items() if bare else ():
        reading = _with(make, output, name + _SCORES)
        with suppress(Exception):  # labels in another form
            some, every = _belong(reading.subject, known and replace(known, output=behind, loss=name, divisor="B"))
            if every:
                return EVERY, [reading]
            possible += [reading] if some else []
            most = max(most, some)
    for name, reading in made.items():
        identity = known and replace(known, loss=name, divisor="2B" if name == "squared error" else "B")
        try:
            some, every = _belong(reading.subject, identity)
        except Exception:  # outputs for which there is no such loss
            continue
        if every:
            return EVERY, [reading]
        most = max(most, some)
        if identity is not None:
            told = some or (sure and not bare)  # a loss of bare scores may be any
            (possible if told else doubtful).append(replace(reading, doubtful=not told))
    found = possible or doubtful
    return rank + most, found[-1:] if _squashed(found) else found[:1]


def only_shows(subject: Subject, identity: Identity) -> bool:
    """Whether a loss that is reported is made of the sizes of a network's errors, which many print beside any gradient.

    Args:
        subject: another reading of the file, with the reported loss.
        identity: the network, of a reading that has no loss.
    """
    rng = np.random.default_rng(7)
    saved, ratios = subject.snapshot(), []
    try:
        for k in range(3):
            subject.restore(random_point(subject, rng))
            one = batch(subject, _ROWS, k)
            if one.flat is None:
                return False
            walk = Case(identity, subject.snapshot(), *one.flat).walk
            ratios.append(subject.loss(one.x, one.y) / float(np.abs(walk.output - walk.t).sum()))
    except Exception:  # other parameters, labels in another form
        return False
    finally:
        subject.restore(saved)
    return bool(np.isfinite(ratios).all() and ratios[0] and np.allclose(ratios, ratios[0], rtol=1e-6))


def _with(
    make: Callable[[Callable[[Array, Array], float]], Reading], output: Callable[[Array, Array], Array], name: str
) -> Reading:
    """The reading with the loss of that name."""
    reading = make(lambda x, y: reported(output(x, y), y, name))
    facts = reading.facts | {"loss": f"none reported; its gradient is tried as that of {name}"}
    return replace(reading, facts=facts, silent=True)


def _belong(subject: Subject, identity: Identity | None) -> tuple[bool, bool]:
    """Whether some, and whether all, of the subject's gradients are those of its loss, up to a factor."""
    rng = np.random.default_rng(3)
    one = batch(subject, _ROWS, 3)
    saved = subject.snapshot()
    try:
        subject.restore(random_point(subject, rng))
        subject.loss(one.x, one.y)
        gradient = subject.gradient(one.x, one.y, _GENTLE)
        if identity is None or one.flat is None:
            agree = _slopes_agree(subject, one, gradient, rng)
            return agree, agree
        point = subject.snapshot()
        true = true_gradient(Case(identity, point, *one.flat))
    finally:
        subject.restore(saved)
    alive = [  # a weight decay that the gradient brings along is no part of any loss
        fit_beside(value, true[name], point[name], _NEAR).exact for name, value in gradient.items() if value.any()
    ]
    return any(alive), bool(alive) and all(alive)


def _slopes_agree(subject: Subject, one: Batch, gradient: dict[str, Array], rng: np.random.Generator) -> bool:
    """Whether they are those of a network that is not known, along some directions."""
    ratios = []
    start = subject.snapshot()
    for _ in range(3):
        directions = {name: rng.standard_normal(value.shape) for name, value in start.items()}
        sides = []
        for way in (_NEAR, -_NEAR):
            subject.restore({name: value + way * directions[name] for name, value in start.items()})
            sides.append(subject.loss(one.x, one.y))
        slope = (sides[0] - sides[1]) / (2 * _NEAR)
        ratios.append(sum(float(np.vdot(gradient[name], v)) for name, v in directions.items()) / slope)
    subject.restore(start)
    return bool(np.isfinite(ratios).all() and ratios[0] and np.allclose(ratios, ratios[0], rtol=1e-4))


def _squashed(found: list[Reading]) -> bool:
    """Whether the squared error is the usual loss: of outputs that are not shares of 1."""
    return all("that of cross-entropy" not in reading.facts["loss"] for reading in found)
