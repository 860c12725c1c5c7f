"""One step of somebody's own network beside one of our twin of it: the same weights, the same batch, the same numbers.

The audit says which network it is. The twin's step is traced; that the file computes the same is seen in its loss, its
gradients and its update, and for each array the line that makes it is noted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from handgrad.audit.dialects import Reading
from handgrad.audit.judging.batch import batch as batch_for
from handgrad.audit.judging.diagnose import Diagnosis
from handgrad.audit.judging.identify import CLOSE, Identity
from handgrad.audit.judging.measure import fits, steady, tolerance
from handgrad.audit.judging.walk import Case
from handgrad.audit.place.first_wrong import order_taken
from handgrad.audit.place.observe import CHANGED, MADE, RETURNED, observe
from handgrad.audit.place.right_numbers import RightNumbers, Trail, factor_of
from handgrad.audit.reading.source import Program
from handgrad.core.arrays import Array
from handgrad.core.net import Sequential
from handgrad.core.optim import SGD
from handgrad.errors import DataError
from handgrad.explain.moment import Moment
from handgrad.explain.strangers.reported import reported_loss
from handgrad.explain.trace import Trace, trace_step

ROWS, RATE = 4, 0.1  # images and learning rate of the step, where the file's own way of stepping leaves them open
_ALONE = re.compile(r"one sample at a time|a sample$")  # what readers say of code that takes one row after the other
_EXACT = 1e-4  # how near to 1 a factor is that is none
_SQUARE = {784: (28, 28), 64: (8, 8)}  # features that are the pixels of a digit


@dataclass(frozen=True, eq=False)
class StrangersStep:
    """A traced step of a file's network.

    Attributes:
        moment: the twin's step, which the file's own equals.
        lines: chapter -> (the line of the file's text that makes the same numbers, by which factor they are larger).
        parameters: the names of the twin's parameters -> the file's own.
        digits: to how many digits loss and gradients of the two agree.
        penalty: what the file's loss charges for the weights beside; 0 for nothing.
        updated: whether the file's own update was seen to be w - lr g.
    """

    moment: Moment
    lines: dict[str, tuple[int, float]]
    parameters: dict[str, str]
    digits: int
    penalty: float
    updated: bool


def strangers_step(
    program: Program, reading: Reading, diagnosis: Diagnosis, images: Array | None, labels: Array | None,
    names: tuple[str, ...], classes: tuple[str, ...],
) -> StrangersStep:  # fmt: skip
    """Run one step of a network that was found in a file, and the same step of its twin, traced.

    Args:
        program: the file.
        reading: the network in it.
        diagnosis: what the audit says of it.
        images: digits (B, 28, 28) of floats from 0 to 1 to show it, where it takes 784 numbers; None: random numbers.
        labels: of each, whole numbers (B,).
        names: what each is called.
        classes: the names of the classes.

    Raises:
        DataError: where the network is not known, is wrong, or cannot be told.
    """
    identity, subject, file = diagnosis.identity, reading.subject, str(program.path)
    if identity is None:
        raise DataError("explain_file.unknown", file=file)
    if not diagnosis.ok:
        raise DataError("explain_file.wrong", file=file)
    rows = 1 if _ALONE.search(reading.facts.get("labels", "")) else ROWS
    x, y, shown, named = _batch(subject, rows, images, labels, names)
    flat = Case(identity, subject.snapshot(), *_flat(x, y, subject, rows))
    divide_by = identity.divide_by(rows, max(subject.classes, 1))
    made = reported_loss(identity.output, identity.loss, divide_by)
    if made is None:
        raise DataError("explain_file.untold_loss", file=file, loss=identity.loss)
    criterion, fused = made
    whole = identity.net(flat.parameters)
    net = Sequential(*whole.layers[:-1]) if fused else whole
    digits, penalty = _agreement(subject, flat, x, y, file)
    targets = flat.y if identity.loss == "cross-entropy" else flat.walk.t
    rate, decay = _rate(subject, flat, x, y), _decay(identity, rows)
    optimizer = SGD(net, rate, **decay) if rate is not None and decay is not None else None
    lines = _lines(program, reading, flat, x, y, net, fused=fused)
    trace = trace_step(net.train(), criterion, optimizer, identity.scaled(flat.x), targets)
    shape = _SQUARE.get(subject.features) if shown is not None else None
    moment = Moment(
        trace, flat.x.reshape(rows, *(shape or (-1,))), flat.y, named,
        classes or tuple(map(str, range(max(subject.classes, 2)))), shape, 0, None,
    )  # fmt: skip
    return StrangersStep(moment, lines, _own_names(identity, trace), digits, penalty, optimizer is not None)


def _batch(
    subject: Any, rows: int, images: Array | None, labels: Array | None, names: tuple[str, ...]
) -> tuple[Any, Any, Array | None, tuple[str, ...]]:
    """(x, y as the code wants them, the images or None, their names)."""
    if images is not None and labels is not None and subject.data is None and subject.features == images[0].size:
        rows = min(rows, len(images))
        x = images[:rows].reshape(rows, -1).astype(np.float64)
        y = labels[:rows] % max(subject.classes, 2)
        return x, y, images[:rows], names[:rows]
    made = batch_for(subject, rows, 0)
    return made.x, made.y, None, tuple(f"[{i}]" for i in range(rows))


def _flat(x: Any, y: Any, subject: Any, rows: int) -> tuple[Array, Array]:
    """Rows (B, features) and whole-number labels (B,)."""
    flat = batch_for(subject, rows, 0).flat if subject.data is not None else (np.asarray(x), np.asarray(y))
    if flat is None:
        raise DataError("explain_file.form")
    return flat


def _agreement(subject: Any, case: Case, x: Any, y: Any, file: str) -> tuple[int, float]:
    """(to how many digits loss and gradients are those of the twin, what the loss charges for the weights)."""
    saved = subject.snapshot()
    try:
        reported = float(subject.loss(x, y))
        gradient = steady(subject, x, y, 2.0**-6).gradient
    finally:
        subject.restore(saved)
    identity, walk = case.identity, case.walk
    penalty = identity.penalty.value(case.parameters, len(case.x)) if identity.penalty is not None else 0.0
    from handgrad.audit.judging.identify import sums

    own = sums(walk.output, walk.t)[identity.loss] / walk.divisor + penalty
    right = RightNumbers(case).whole
    found = fits(gradient, right, tolerance(subject))
    if abs(own - reported) > 10 * CLOSE * abs(own) or not all(one.exact for one in found.values()):
        raise DataError("explain_file.other_numbers", file=file)
    worst = max([abs(own - reported) / abs(own), *(one.residual for one in found.values())])
    return min(15, int(-np.log10(max(worst, 1e-16)))), penalty


def _rate(subject: Any, case: Case, x: Any, y: Any) -> float | None:
    """The learning rate that a step of the file really took; None where its step is none of plain gradient descent."""
    if subject.step is None:
        return None
    before = subject.snapshot()
    try:
        subject.step(x, y, RATE)
        after = subject.snapshot()
    finally:
        subject.restore(before)
    right = RightNumbers(case).whole
    factors = [factor_of(before[name] - after[name], right[name], tolerance(subject)) for name in right]
    if any(k is None or k <= 0 for k in factors):
        return None
    rates = [k for k in factors if k is not None]
    near = float(np.median(rates))
    if max(rates) - min(rates) > 1e-3 * near:
        return None
    return float(f"{near:.6g}")


def _decay(identity: Identity, rows: int) -> dict[str, Any] | None:
    """What of the optimizer's settings does what the penalty does; None where none does."""
    penalty = identity.penalty
    if penalty is None:
        return {}
    if penalty.kind != "squares":
        return None
    biases = any(matrix.bias in penalty.names for matrix in identity.matrices)
    factor = float(f"{2 * penalty.factor / (rows if penalty.by_rows else 1):.6g}")
    return {"weight_decay": factor, "decay": "all" if biases else "weights"}


def _own_names(identity: Identity, trace: Trace) -> dict[str, str]:
    """fc1.weight -> W1, as the file calls it."""
    linears = [note.name for note in trace.layers if "Linear" in note.kinds]
    found: dict[str, str] = {}
    for name, matrix in zip(linears, identity.matrices, strict=True):
        found[f"{name}.weight"] = matrix.weight
        if matrix.bias is not None:
            found[f"{name}.bias"] = matrix.bias
    return found


def _lines(
    program: Program, reading: Reading, case: Case, x: Any, y: Any, net: Sequential, *, fused: bool
) -> dict[str, tuple[int, float]]:
    """For each chapter the first line of the file whose result is its result."""
    if reading.dialect == "scalars":  # there are no arrays to be found again, and very many numbers
        return {}
    subject = reading.subject
    saved = subject.snapshot()

    def run() -> None:
        if subject.gradients is not None:
            subject.gradients(x, y)
        elif subject.step is not None:
            subject.step(x, y, RATE)

    try:
        notes = observe(run, {program.filename, "<audit>"})
    finally:
        subject.restore(saved)
    order = order_taken(notes, case.x)  # many shuffle what they get
    trail = Trail(notes, max(tolerance(subject), 1e-6))
    right = RightNumbers(replace(case, x=case.x[order], y=case.y[order]))
    wanted: dict[str, Array] = {}
    layer = 0
    for name in net.names:
        if type(net[name]).__name__ == "Linear":
            layer += 1
            wanted[f"forward-{name}"], wanted[f"backward-{name}"] = (
                right.forward[f"z{layer}"],
                _named(right, "dW", layer),
            )
        else:
            wanted[f"forward-{name}"] = right.forward[f"a{layer}"]
            wanted[f"backward-{name}"] = _named(right, "dz", layer)
    if fused:
        wanted["loss"], wanted["backward-loss"] = right.forward[f"a{layer}"], _named(right, "dz", layer)
    found: dict[str, tuple[int, float]] = {}
    for key, array in wanted.items():
        hits = [hit for hit in trail.hits(array) if hit.note.line > 0 and hit.note.how in (MADE, CHANGED, RETURNED)]
        exact = [hit for hit in hits if abs(hit.factor - 1) < _EXACT]
        if hits:
            hit = (exact or hits)[0]
            found[key] = (hit.note.line, 1.0 if exact else hit.factor)
    return found


def _named(right: RightNumbers, kind: str, layer: int) -> Array:
    return next(array for quantity, array in right.back.items() if quantity == (kind, layer))
