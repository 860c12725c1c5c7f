"""Probing: from a way to take a step to readings, by running it.

Which form of batch and labels the code takes, which number is its loss and which arrays are its parameters is tried
out: parameters are the arrays that the loss depends on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import permutations
from typing import Any

import numpy as np

from handgrad.audit.dialects.glue import ends
from handgrad.audit.dialects.gradients import Captured, capture, likely_weights, returned_gradients
from handgrad.audit.dialects.layouts import LAYOUTS, Layout
from handgrad.audit.dialects.objects import Slot, matrices
from handgrad.audit.dialects.reading import Reading
from handgrad.audit.dialects.stage import Action, Stage
from handgrad.audit.dialects.witness import Report
from handgrad.audit.identify import random_point
from handgrad.audit.measure import fits, steady
from handgrad.audit.subject import Subject
from handgrad.core.arrays import Array

ROWS = (5, 8)
_MOST_LOSSES = 4
_GENTLE, _BOLD = 2.0**-6, 2.0**-1


@dataclass
class Way:
    """One way to take a step, and what is known of it.

    Attributes:
        dialect: of the reading.
        stage: the objects that take part.
        action: runs forward, loss, backward and update.
        facts: what was taken for what.
        functions: functions and classes by role.
        plain_descent: nothing updates; theta -= lr * gradient has to do.
    """

    dialect: str
    stage: Stage
    action: Action
    facts: dict[str, str] = field(default_factory=dict)
    functions: dict[str, Any] = field(default_factory=dict)
    plain_descent: bool = False


@dataclass
class _Net:
    """A way in one layout, with its slots."""

    way: Way
    layout: Layout
    classes: int
    split: bool
    slots: list[Slot]

    def report(self, x: Array, y: Array, lr: float, on_update: Callable[[], None] | None = None) -> Report:
        """Run once on all rows given."""
        given, labels = self.layout.make(x, y, self.classes)
        return self.way.stage.run(self.way.action, given, labels, lr, len(x), on_update)

    def losses(self, x: Array, y: Array) -> dict[str, float]:
        """Every number that may be the loss of these rows, at the present parameters, which stay as they are."""
        saved = _snapshot(self.slots)
        try:
            if not self.split:
                return self.report(x, y, 0.0).losses
            found = [self.report(x[i : i + 1], y[i : i + 1], 0.0).losses for i in range(len(x))]
        finally:
            _restore(self.slots, saved)
        return {
            place: float(np.mean([one[place] for one in found])) for place in found[0] if all(place in f for f in found)
        }


def readings(ways: Iterable[Way]) -> Iterator[Reading]:
    """Each reading of each way that runs; last those whose step moves nothing, for most often the step is another one."""
    still = []
    for way in ways:
        for reading in _of(way):
            if _moves(reading.subject):
                yield reading
            else:
                still.append(reading)
    yield from still


def _moves(subject: Subject) -> bool:
    if subject.step is None:
        return True
    rng = np.random.default_rng(5)
    y = np.arange(5) % max(subject.classes, 2)
    try:
        return any(g.any() for g in subject.effective_gradient(rng.random((5, subject.features)), y, _GENTLE).values())
    except Exception:
        return False


def _of(way: Way) -> Iterator[Reading]:
    rng = np.random.default_rng(7)
    found = way.stage.slots()
    _wake(found, rng)
    for features, classes in _ends(likely_weights(found) or matrices(found)):
        batches = [(rng.random((rows, features)), np.arange(rows) % max(classes, 2)) for rows in ROWS]
        for layout in LAYOUTS:
            net = _Net(way, layout, classes, layout.split, found)
            try:
                first, second = (net.losses(x, y) for x, y in batches)
            except Exception:  # it takes another form, or is none
                continue
            yield from _by_loss(net, features, first, second, batches, rng)


def _by_loss(
    net: _Net,
    features: int,
    first: Mapping[str, float],
    second: Mapping[str, float],
    batches: list[tuple[Array, Array]],
    rng: np.random.Generator,
) -> Iterator[Reading]:
    """A reading for each number that may be the loss."""
    tried: set[tuple[float, float]] = set()
    for place, value in first.items():
        both = (value, second.get(place, math.nan))
        if not all(math.isfinite(v) and abs(v) > 1e-9 for v in both) or both in tried or len(tried) >= _MOST_LOSSES:
            continue
        tried.add(both)
        parameters = _parameters(net, place, batches[0], rng)
        if (features, net.classes) not in ends([slot.get().shape for slot in parameters if _is_matrix(slot)]):
            continue
        reading = _reading(net, place, parameters, features, batches, rng)
        if reading is not None:
            yield reading


def _parameters(net: _Net, place: str, batch: tuple[Array, Array], rng: np.random.Generator) -> list[Slot]:
    """The slots on whose array the loss depends, in an order in which the matrices lead from one to the next."""
    x, y = batch
    base = net.losses(x, y)[place]
    found = []
    for slot in net.slots:
        array = slot.get()
        if not isinstance(array, np.ndarray) or not array.flags.writeable:
            continue
        saved = array.copy()
        array += 0.5 * rng.standard_normal(array.shape) * (np.abs(array).mean() or 1.0)
        try:
            moved = net.losses(x, y).get(place, base)
        except Exception:
            moved = base
        array = slot.get()
        array[...] = saved
        if abs(moved - base) > 1e-12 * abs(base):
            found.append(slot)
    return _in_order(found)


def _in_order(found: list[Slot]) -> list[Slot]:
    """The slots, their matrices re-ordered if they do not lead from one to the next as they stand."""
    weights = [slot for slot in found if _is_matrix(slot)]
    rest = [slot for slot in found if slot not in weights]
    if len(weights) > 6:
        return found
    for order in permutations(weights):
        shapes = [slot.get().shape for slot in order]
        if all(set(a) & set(b) for a, b in zip(shapes, shapes[1:], strict=False)) and (
            _leads(shapes) or _leads([s[::-1] for s in shapes])
        ):
            return found if list(order) == weights else [*order, *rest]
    return found


def _is_matrix(slot: Slot) -> bool:
    return slot.get().ndim == 2 and min(slot.get().shape) > 1


def _leads(shapes: list[tuple[int, ...]]) -> bool:
    return all(a[1] == b[0] for a, b in zip(shapes, shapes[1:], strict=False))


def _reading(
    net: _Net,
    place: str,
    parameters: list[Slot],
    features: int,
    batches: list[tuple[Array, Array]],
    rng: np.random.Generator,
) -> Reading | None:
    """The reading, with its step as it is, or with plain descent where its optimizer is none."""
    net = replace(net)  # what is settled for this loss holds for no other
    names = _names(parameters)

    def live() -> dict[str, Array]:
        return {name: slot.get() for name, slot in zip(names, parameters, strict=True)}

    def loss(x: Array, y: Array) -> float:
        return net.losses(x, y)[place]

    facts = {
        **net.way.facts,
        "parameters": ", ".join(names),
        "loss": net.way.facts.get("loss") or place,
        "labels": net.layout.told,
    }
    subject = Subject(live, loss, _stepper(net, parameters, 1.0), None, features, net.classes)
    saved = subject.snapshot()
    try:
        subject.restore(random_point(subject, rng))
        subject = _settled(net, subject, parameters, names, batches[0], facts)
    except Exception:
        return None
    finally:
        subject.restore(saved) if subject is not None else None
    return None if subject is None else Reading(subject, net.way.dialect, facts, net.way.functions)


def _settled(
    net: _Net,
    subject: Subject,
    parameters: list[Slot],
    names: list[str],
    batch: tuple[Array, Array],
    facts: dict[str, str],
) -> Subject:
    """The subject with the step that fits: one by one where the code goes through samples, plain where it is no SGD."""
    x, y = batch
    rate = _fixed_rate(net, subject, parameters, x, y)
    if rate:
        facts["update"] = f"a learning rate of {rate:g} that is written in the code"
    step = _stepper(net, parameters, rate or 1.0, fixed=bool(rate))
    subject = Subject(subject.parameters, subject.loss, step, None, subject.features, subject.classes)
    if not net.split and _depends_on_rate(subject, x, y):
        net.split = True
        if _depends_on_rate(subject, x[:1], y[:1]):
            net.split = False
        else:
            facts["labels"] += ", one sample at a time"
    captured = _captured(net, parameters, names, x, y)
    if captured is None or (not net.way.plain_descent and _is_plain(subject, captured, x, y)):
        return subject
    facts["update"] = f"theta -= lr * gradient, in place of {facts.get('update', 'the optimizer')}"

    def gradients(x: Array, y: Array) -> Mapping[str, Array]:
        return _captured(net, parameters, names, x, y) or {}

    return Subject(subject.parameters, subject.loss, None, gradients, subject.features, subject.classes)


def _stepper(
    net: _Net, parameters: list[Slot], rate: float, *, fixed: bool = False
) -> Callable[[Array, Array, float], None]:
    """One step on a batch. Where the code goes through the samples one by one, the mean of its steps from one point."""

    def once(x: Array, y: Array, lr: float) -> None:
        before = _snapshot(parameters) if fixed else []
        net.report(x, y, lr)
        for slot, old in zip(parameters, before, strict=False):
            slot.get()[...] = old + (slot.get() - old) * (lr / rate)

    def step(x: Array, y: Array, lr: float) -> None:
        if not net.split:
            once(x, y, lr)
            return
        start = _snapshot(parameters)
        moved = [np.zeros_like(one) for one in start]
        for i in range(len(x)):
            once(x[i : i + 1], y[i : i + 1], lr)
            for total, slot, old in zip(moved, parameters, start, strict=True):
                total += (slot.get() - old) / len(x)
            _restore(parameters, start)
        for slot, total in zip(parameters, moved, strict=True):
            slot.get()[...] += total

    return step


def _fixed_rate(net: _Net, subject: Subject, parameters: list[Slot], x: Array, y: Array) -> float:
    """The learning rate where the code uses its own whatever it is given; 0 where it takes ours."""
    before = subject.snapshot()
    net.report(x[:1] if net.split else x, y[:1] if net.split else y, 0.0)
    after = subject.snapshot()
    subject.restore(before)
    if not any((before[name] != after[name]).any() for name in before):
        return 0.0
    captured = _captured(net, parameters, list(before), x, y)
    if captured:
        rates = [
            abs(fit.factor) for fit in fits(_moved(before, after), captured, 1e-6).values() if fit.exact and fit.factor
        ]
        if rates:
            return float(np.median(rates))
    return _written_rate(net.way.functions) or 1.0


def _moved(before: Mapping[str, Array], after: Mapping[str, Array]) -> dict[str, Array]:
    return {name: before[name] - after[name] for name in before}


def _written_rate(functions: Mapping[str, Any]) -> float:
    """The one number between 0 and 1 that is written in what updates; 0 if there are none or several."""
    found: set[float] = set()
    for role in ("update", "train", "backward"):
        code = getattr(functions.get(role), "__code__", None)
        if code is not None:
            found |= {c for c in code.co_consts if isinstance(c, float) and 1e-6 < c < 1 and c != 0.5}
            if len(found) == 1:
                return found.pop()
    return 0.0


def _depends_on_rate(subject: Subject, x: Array, y: Array) -> bool:
    gentle, bold = (steady(subject, x, y, lr).gradient for lr in (_GENTLE, _BOLD))
    return any(not fit.exact for fit in fits(bold, gentle, 1e-4).values())


def _captured(net: _Net, parameters: list[Slot], names: list[str], x: Array, y: Array) -> dict[str, Array] | None:
    """The gradients that the code has computed by the time it updates, by the names of the parameters."""
    if net.split:
        each = [_one_capture(net, parameters, x[i : i + 1], y[i : i + 1]) for i in range(len(x))]
        if any(one is None for one in each):
            return None
        return {n: np.mean([one[i] for one in each if one], axis=0) for i, n in enumerate(names)}
    found = _one_capture(net, parameters, x, y)
    return dict(zip(names, found, strict=True)) if found else None


def _one_capture(net: _Net, parameters: list[Slot], x: Array, y: Array) -> Captured:
    seen: list[Captured] = []
    saved = _snapshot(parameters)
    try:
        report = net.report(x, y, 0.0, lambda: seen.append(capture(net.way.stage.slots(), parameters)))
    finally:
        _restore(parameters, saved)
    found = seen[0] if seen else None
    return found or capture(net.way.stage.slots(), parameters) or returned_gradients(report.returned, parameters)


def _is_plain(subject: Subject, captured: Mapping[str, Array], x: Array, y: Array) -> bool:
    """Whether each parameter moves along the gradient that the code has computed, or not at all."""
    moved = steady(subject, x, y, _GENTLE).gradient
    return all(fit.residual < 1e-2 or not captured[name].any() for name, fit in fits(moved, captured, 1e-3).items())


def _names(found: list[Slot]) -> list[str]:
    """Short names that tell the slots apart."""
    short = [slot.name.rpartition(".")[2] if not slot.name.endswith("]") else slot.name for slot in found]
    return short if len(set(short)) == len(short) else [slot.name for slot in found]


def _wake(found: list[Slot], rng: np.random.Generator) -> None:
    """Arrays of zeros hide what depends on what: they get small random numbers."""
    for slot in found:
        array = slot.get()
        if array.flags.writeable and not array.any():
            array[...] = 0.1 * rng.random(array.shape)


def _ends(weights: list[Array]) -> list[tuple[int, int]]:
    """(features, classes) that the matrices may lead between, the likelier first; some may be batches kept for later."""
    if not weights:
        return []
    first = weights[0].shape
    pairs = [(first[i], last.shape[1 - i]) for last in reversed(weights) for i in (0, 1)]
    mixed = [(first[i], weights[-1].shape[i]) for i in (0, 1)]
    return list(dict.fromkeys([*pairs[:2], *mixed, *pairs[2:]]))[:8]


def _snapshot(found: list[Slot]) -> list[Array]:
    return [np.array(slot.get()) for slot in found]


def _restore(found: list[Slot], saved: list[Array]) -> None:
    for slot, value in zip(found, saved, strict=True):
        array = slot.get()
        if isinstance(array, np.ndarray) and array.shape == value.shape and array.flags.writeable:
            array[...] = value
