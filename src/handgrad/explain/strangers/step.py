"""One step of somebody's own network: the audit says which one it is, and the arrays of the story are the file's own.

The file's step is run once and observed. Its arrays are found by what our twin of the network, with the same weights
and the same batch, makes of the arrays before them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from handgrad.audit.dialects import Reading
from handgrad.audit.judging.batch import batch as batch_for
from handgrad.audit.judging.diagnose import Diagnosis
from handgrad.audit.judging.identify import CLOSE, Identity, sums
from handgrad.audit.judging.measure import fits, steady, tolerance
from handgrad.audit.judging.walk import Case
from handgrad.audit.place.blame import gradients_made
from handgrad.audit.place.observe import Noted
from handgrad.audit.place.order import order_taken
from handgrad.audit.place.right_numbers import RightNumbers, Trail, factor_of
from handgrad.audit.reading.source import Program
from handgrad.core.arrays import Array
from handgrad.core.losses import Loss
from handgrad.core.net import Sequential
from handgrad.errors import DataError
from handgrad.explain.moment import Moment
from handgrad.explain.strangers.finding import Finder
from handgrad.explain.strangers.numbers import NumberFinder
from handgrad.explain.strangers.own_step import Own, OwnStep
from handgrad.explain.strangers.reported import apart, reported_loss
from handgrad.explain.strangers.seen import Layout, observed
from handgrad.explain.strangers.updated import told_update
from handgrad.explain.trace import Trace

ROWS = 4  # images of the step
_ALONE = re.compile(r"one sample at a time|a sample$")  # what readers say of code that takes one row after the other
_EXACT = 1e-4  # how near to 1 a factor is that is none
_SQUARE = {784: (28, 28), 64: (8, 8)}  # features that are the pixels of a digit


@dataclass(frozen=True, eq=False)
class StrangersStep:
    """A traced step of a file's network.

    Attributes:
        moment: the step, of the file's own arrays.
        own: for each array of the trace, what the file calls it, and where it makes it.
        parameters: the names of the twin's parameters -> the file's own.
        digits: to how many digits loss and gradients of the two agree.
        penalty: what the file's loss charges for the weights beside; 0 for nothing.
        updated: whether the file's own update can be told.
        single: the class of the file's numbers, where it works with single ones; else empty.
        times: how many times the derivative of the loss all gradients are, by a convention of the file's.
        off: of a wrong backward pass, how many times the right one the gradient of a parameter is, where it is that.
    """

    moment: Moment
    own: dict[str, Own]
    parameters: dict[str, str]
    digits: int
    penalty: float
    updated: bool
    off: dict[str, float] = field(default_factory=dict)
    times: float = 1.0
    single: str = ""

    @property
    def found_any(self) -> bool:
        """Whether the file computes with arrays at all."""
        return any(own.name for own in self.own.values())


def strangers_step(
    program: Program, reading: Reading, diagnosis: Diagnosis, images: Array | None, labels: Array | None,
    names: tuple[str, ...], classes: tuple[str, ...], followed: Callable[[dict[str, str]], str | None],
    namespace: Mapping[str, Any],
) -> StrangersStep:  # fmt: skip
    """Run one step of a network that was found in a file, and find its arrays.

    Args:
        program: the file.
        reading: the network in it.
        diagnosis: what the audit says of it.
        images: digits (B, 28, 28) of floats from 0 to 1 to show it, where it takes 784 numbers; None: random numbers.
        labels: of each, whole numbers (B,).
        names: what each is called.
        classes: the names of the classes.
        followed: our names of the parameters and the file's -> ours of the one whose update is told.
        namespace: the file's names.

    Raises:
        DataError: where the network is not known, or cannot be told.
    """
    identity, subject, file = diagnosis.identity, reading.subject, str(program.path)
    if identity is None:
        raise DataError("explain_file.unknown" if diagnosis.ok else "explain_file.wrong", file=file)
    if subject.afresh is not None:
        subject.afresh()
    rows = 1 if _ALONE.search(reading.facts.get("labels", "")) else ROWS
    x, y, shown, named = _batch(subject, rows, images, labels, names)
    first = Case(identity, subject.snapshot(), *_flat(x, y, subject, rows))
    whole = identity.net(first.parameters)
    linears = [name for name, layer in whole.named_layers() if type(layer).__name__ == "Linear"]
    layout = Layout(identity, _parameters(identity, linears), whole)
    seen = observed(program, reading, x, y, layout, followed(layout.names), namespace)
    order = order_taken(seen.notes, first.x)  # many shuffle what they get
    case, named = replace(first, x=first.x[order], y=first.y[order]), tuple(named[i] for i in order)
    finder = Finder(seen.notes, _precision(case), _counts(rows, max(subject.classes, 1)))
    if seen.numbers:
        finder = NumberFinder((), finder.eps, (), seen.numbers)
    criterion, fused = _criterion(case, finder, file)
    net = Sequential(*whole.layers[:-1]) if fused else whole
    digits, penalty, times = _agreement(subject, first, x, y, file) if diagnosis.ok else (0, 0.0, 1.0)
    used = {} if diagnosis.ok else _used(subject, first, seen.notes, x, y)
    step = OwnStep(finder, layout.ours(used))
    targets = case.y if identity.loss == "cross-entropy" else case.walk.t
    trace = step.trace(net.train(), criterion, identity.scaled(case.x), targets, layout.ours(case.parameters))
    updated = told_update(program, seen, layout, trace, case, finder)
    shape = _SQUARE.get(subject.features) if shown is not None else None
    moment = Moment(
        trace, case.x.reshape(rows, *(shape or (-1,))), case.y, named,
        classes or tuple(map(str, range(max(subject.classes, 2)))), shape, int(np.flatnonzero(order == 0)[0]), None,
    )  # fmt: skip
    off = {} if diagnosis.ok else _off(case, layout.ours(used), layout)
    times = times if _kept_times(step.own, trace, layout.ours(RightNumbers(case).whole), times) else 1.0
    single = next(iter(seen.numbers), "").partition(".")[0]
    return StrangersStep(moment, step.own, layout.names, digits, penalty, updated, off, times, single)


def _kept_times(own: dict[str, Own], trace: Trace, right: dict[str, Array], times: float) -> bool:
    """Whether the gradients that the file keeps are that many times the right ones. A velocity's share is none."""
    for note in trace.layers:
        for short, gradient in note.gradients.items():
            if own.get(f"{note.name}.d{short}", Own()).name:
                found = factor_of(gradient, right[f"{note.name}.{short}"], 1e-3)
                return found is not None and abs(found / times - 1) < 1e-3
    return False


def _off(case: Case, used: dict[str, Array], layout: Layout) -> dict[str, float]:
    """How many times too large the gradients are that a wrong backward pass uses, where they are only that."""
    right, found = layout.ours(RightNumbers(case).whole), {}
    for name, gradient in used.items():
        times = factor_of(gradient, right[name], 1e-6)
        if times is not None and abs(times - 1) > 1e-6:
            layer, _, short = name.rpartition(".")
            found[f"{layer}.d{short}"] = float(f"{times:.6g}")
    return found


def _criterion(case: Case, finder: Finder, file: str) -> tuple[Loss, bool]:
    """(the loss that the file reports, whether it takes the scores before the output's activation)."""
    identity = case.identity
    made = reported_loss(identity.output, identity.loss, case.walk.divisor)
    if made is None:
        raise DataError("explain_file.untold_loss", file=file, loss=identity.loss)
    if made[1] and identity.output == "softmax" and finder.near(case.walk.by_output) is not None:
        return apart(case.walk.divisor), False  # its softmax is a layer, with a backward pass of its own
    return made


def _precision(case: Case) -> float:
    return max(float(np.finfo(value.dtype).eps) for value in case.parameters.values() if value.dtype.kind == "f")


def _counts(rows: int, outputs: int) -> tuple[int, ...]:
    """What means divide by."""
    return (rows, outputs, 2, rows * outputs, 2 * rows, 2 * outputs, 2 * rows * outputs, rows * rows)


def _used(subject: Any, case: Case, notes: list[Noted], x: Any, y: Any) -> dict[str, Array]:
    """The gradients that a step of the file really uses, as it made them."""
    saved = subject.snapshot()
    try:
        gradient = steady(subject, x, y, 2.0**-6).gradient
    finally:
        subject.restore(saved)
    right, trail = RightNumbers(case), Trail(notes, max(tolerance(subject), 1e-6))
    return gradient | dict(gradients_made(right, trail, gradient))


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


def _agreement(subject: Any, case: Case, x: Any, y: Any, file: str) -> tuple[int, float, float]:
    """(to how many digits loss and gradients are those of the twin, what the loss charges for the weights, how many
    times those of the twin the gradients are).
    """
    saved = subject.snapshot()
    try:
        reported = float(subject.loss(x, y))
        gradient = steady(subject, x, y, 2.0**-6).gradient
    finally:
        subject.restore(saved)
    identity, walk = case.identity, case.walk
    penalty = identity.penalty.value(case.parameters, len(case.x)) if identity.penalty is not None else 0.0
    own = sums(walk.output, walk.t)[identity.loss] / walk.divisor + penalty
    right = RightNumbers(case).whole
    found = fits(gradient, right, tolerance(subject))
    if abs(own - reported) > 10 * CLOSE * abs(own) or not all(one.exact for one in found.values()):
        raise DataError("explain_file.other_numbers", file=file)
    worst = max([abs(own - reported) / abs(own), *(one.residual for one in found.values())])
    times = float(f"{np.median([one.factor for one in found.values() if one.factor] or [1.0]):.6g}")
    return min(15, int(-np.log10(max(worst, 1e-16)))), penalty, times


def _parameters(identity: Identity, linears: list[str]) -> dict[str, str]:
    """fc1.weight -> W1, as the file calls it."""
    found: dict[str, str] = {}
    for name, matrix in zip(linears, identity.matrices, strict=True):
        found[f"{name}.weight"] = matrix.weight
        if matrix.bias is not None:
            found[f"{name}.bias"] = matrix.bias
    return found
