"""Settling: what a step of somebody's code really is, told by what it does to the parameters.

Code may use a learning rate of its own, go through its samples one by one, or move by another rule than descent; each
is recognised by numbers, and the subject's step made so that its gradient can be judged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from handgrad.audit.dialects.beneath import in_place_of
from handgrad.audit.dialects.gradients import Captured, capture, returned_gradients
from handgrad.audit.dialects.layouts import Layout
from handgrad.audit.dialects.scaled import scaled
from handgrad.audit.dialects.stage import Action, Stage
from handgrad.audit.dialects.witness import Report
from handgrad.audit.judging.identify import random_point
from handgrad.audit.judging.measure import fit_beside, fits, steady
from handgrad.audit.objects import Slot, restore, snapshot
from handgrad.audit.subject import Subject
from handgrad.core.arrays import Array

_MOST_UPDATES = 40
_TINY, _GENTLE, _BOLD = 2.0**-20, 2.0**-6, 2.0**-1


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
        invented: the network is one of the file's layers that the audit put together, not one of the file's own.
        forward: runs forward alone, for a training that never calls it.
    """

    dialect: str
    stage: Stage
    action: Action
    facts: dict[str, str] = field(default_factory=dict)
    functions: dict[str, Any] = field(default_factory=dict)
    plain_descent: bool = False
    invented: bool = False
    forward: Action | None = None


@dataclass
class Net:
    """A way in one layout of the batch.

    Attributes:
        way: how a step is taken.
        layout: the form of batch and labels.
        features: numbers a row.
        classes: outputs.
        split: whether samples go one by one.
        slots: every array that its objects held at first.
    """

    way: Way
    layout: Layout
    features: int
    classes: int
    split: bool
    slots: list[Slot]

    def report(self, x: Array, y: Array, lr: float, on_update: Callable[[], None] | None = None) -> Report:
        """Run once on all rows given."""
        given, labels = self.layout.make(x, y, self.classes)
        return self.way.stage.run(self.way.action, given, labels, lr, rows=len(x), on_update=on_update)

    def still(self, x: Array, y: Array) -> list[Report]:
        """What a run shows that moves nothing: one report, or one a row."""
        saved = snapshot(self.slots)
        found = []
        for rows in [slice(i, i + 1) for i in range(len(x))] if self.split else [slice(None)]:
            try:
                found.append(self.report(x[rows], y[rows], 0.0))
            finally:
                restore(self.slots, saved)
        return found

    def losses(self, x: Array, y: Array) -> dict[str, float]:
        """Every number that may be the loss of these rows, at the present parameters, which stay as they are.

        What is above 0 for one row and below for another is how far off the output is, and no loss.
        """
        found = [report.losses for report in self.still(x, y)]
        common = {p: [one[p] for one in found] for p in found[0] if all(p in one for one in found)}
        return {place: float(np.mean(each)) for place, each in common.items() if not min(each) < 0 < max(each)}

    def outputs(self, x: Array, y: Array) -> Array:
        """What its forward gave last for these rows, as rows (B, C). Raises: IndexError where it gave nothing."""
        reports = self.still(x, y)
        if self.way.forward is not None and not any(report.outputs for report in reports):
            reports = replace(self, way=replace(self.way, action=self.way.forward)).still(x, y)
        rows = len(x) // len(reports)
        last = [[one for one in report.outputs if one.size == rows * self.classes][-1] for report in reports]
        upright = [one.T if self.layout.columns and one.ndim == 2 else one for one in last]
        return np.concatenate([one.reshape(rows, self.classes) for one in upright]).astype(np.float64)


@dataclass
class Candidate:
    """A net with the arrays that were found to be its parameters, by name, and what is taken for its loss."""

    net: Net
    slots: list[Slot]
    names: list[str]
    loss: Callable[[Array, Array], float]

    def live(self) -> dict[str, Array]:
        """Name to array, as they are now."""
        return {name: slot.get() for name, slot in zip(self.names, self.slots, strict=True)}

    def subject(self, rate: float) -> Subject:
        """With the step that the code takes. `rate`: its own learning rate where it does not take ours, else 0."""
        props = self.net.way.stage.props
        afresh = None if props is None else props.begin_again
        return Subject(self.live, self.loss, self._stepper(rate), None, self.net.features, self.net.classes,
                       afresh=afresh)  # fmt: skip

    def _stepper(self, rate: float) -> Callable[[Array, Array, float], None]:
        def once(x: Array, y: Array, lr: float) -> None:
            before = snapshot(self.slots) if rate else []
            self.net.report(x, y, lr)
            for slot, old in zip(self.slots, before, strict=False):
                slot.get()[...] = old + (slot.get() - old) * (lr / rate)

        def step(x: Array, y: Array, lr: float) -> None:
            if not self.net.split:
                once(x, y, lr)
                return
            start = snapshot(self.slots)  # samples one by one: the mean of their steps, each from the same point
            moved = [np.zeros_like(one) for one in start]
            for i in range(len(x)):
                once(x[i : i + 1], y[i : i + 1], lr)
                for total, slot, old in zip(moved, self.slots, start, strict=True):
                    total += (slot.get() - old) / len(x)
                restore(self.slots, start)
            for slot, total in zip(self.slots, moved, strict=True):
                slot.get()[...] += total

        return step

    def captured(self, x: Array, y: Array) -> dict[str, Array] | None:
        """The gradients that the code has computed by the time it updates, by the names of the parameters."""
        if not self.net.split:
            found = self._capture(x, y)
            return dict(zip(self.names, found, strict=True)) if found else None
        each = [self._capture(x[i : i + 1], y[i : i + 1]) for i in range(len(x))]
        whole = [one for one in each if one is not None]
        if len(whole) < len(each):
            return None
        return {name: np.mean([one[i] for one in whole], axis=0) for i, name in enumerate(self.names)}

    def _capture(self, x: Array, y: Array) -> Captured:
        seen: list[list[Array]] = []

        def note() -> None:
            if len(seen) < _MOST_UPDATES and (found := capture(self.net.way.stage.slots(), self.slots)):
                seen.append(found)

        saved = snapshot(self.slots)
        try:
            report = self.net.report(x, y, 0.0, note)
        finally:
            restore(self.slots, saved)
        note()
        if not seen:
            return returned_gradients(report.returned, self.slots)
        # Where layers are updated one by one, the first update still sees old gradients, and the last may see none.
        return [next((one for one in reversed(each) if one.any()), each[0]) for each in zip(*seen, strict=True)]


def settled(candidate: Candidate, x: Array, y: Array, facts: dict[str, str]) -> Subject:
    """The subject with a step that can be judged; what was found out goes into `facts`. Raises what the code does."""
    candidate = replace(candidate, net=replace(candidate.net))
    subject = candidate.subject(0.0)
    saved = subject.snapshot()
    try:
        subject.restore(random_point(subject, np.random.default_rng(11)))
        rate = _own_rate(candidate, subject, x, y)
        if rate:
            facts["update"] = f"{facts.get('update', 'a step')}, with a learning rate of its own"
            subject = candidate.subject(rate)
        if candidate.captured(x, y) is None:
            wide = all(value.dtype == np.float64 for value in subject.parameters().values())
            inside = scaled(candidate.net, candidate.slots, candidate.names, x, y, _TINY if wide else _GENTLE)
            if inside is not None:
                return _by_gradients(subject, inside.by_name, facts)
        if not candidate.net.split and _depends_on_rate(subject, x, y):
            candidate.net.split = True
            candidate.net.split = not _depends_on_rate(subject, x[:1], y[:1])
            facts["labels"] += ", one sample at a time" * candidate.net.split
        gradients = candidate.captured(x, y)
        if gradients is None and candidate.net.way.plain_descent and not moves(subject):
            raise TypeError("neither an update nor gradients")
        if gradients is None or (not candidate.net.way.plain_descent and _is_descent(subject, gradients, x, y)):
            return subject
    finally:
        subject.restore(saved)
    gradients_of = candidate.captured
    return _by_gradients(subject, lambda x, y: gradients_of(x, y) or {}, facts)


def _by_gradients(
    subject: Subject, gradients: Callable[[Array, Array], Mapping[str, Array]], facts: dict[str, str]
) -> Subject:
    """The subject judged by its gradients, and by its step no more."""
    if facts.get("update") != "theta -= lr * gradient":
        facts["update"] = in_place_of(facts.get("update", "the optimizer"))
    return replace(subject, step=None, gradients=gradients, whole=subject.step)


def moves(subject: Subject) -> bool:
    """Whether a step changes any parameter, or any gradient is more than zeros."""
    rng = np.random.default_rng(5)
    y = np.arange(5) % max(subject.classes, 2)
    try:
        return any(g.any() for g in subject.gradient(rng.random((5, subject.features)), y, _GENTLE).values())
    except Exception:
        return False


def _own_rate(candidate: Candidate, subject: Subject, x: Array, y: Array) -> float:
    """The learning rate where the code uses its own whatever it is given; 0 where it takes ours."""
    rows = 1 if candidate.net.split else len(x)
    before = subject.snapshot()

    def moved_at_0() -> dict[str, Array]:
        candidate.net.report(x[:rows], y[:rows], 0.0)
        after = subject.snapshot()
        subject.restore(before)
        return {name: before[name] - after[name] for name in before}

    moved = moved_at_0()
    if not any(one.any() for one in moved.values()) or _only_memory(moved, moved_at_0(), moved_at_0()):
        return 0.0
    gradients = candidate.captured(x[:rows], y[:rows])
    beside = fits(moved, gradients, 1e-6).values() if gradients else ()
    rates = [abs(fit.factor) for fit in beside if fit.exact and fit.factor]
    return float(np.median(rates)) if rates else _written_rate(candidate.net.way.functions) or 1.0


def _only_memory(*moves: Mapping[str, Array]) -> bool:
    """Whether steps are nothing but a velocity from before that fades."""
    first, second, third = (np.concatenate([one.ravel() for one in move.values()]) for move in moves)
    share = float(np.vdot(second, first) / np.vdot(first, first))
    left = np.linalg.norm(second - share * first) + np.linalg.norm(third - share * second)
    return abs(share) < 1 - 1e-6 and bool(left <= 1e-6 * np.linalg.norm(first))


def _written_rate(functions: Mapping[str, Any]) -> float:
    """The one number between 0 and 1 that is written in what updates; 0 if there are none or several."""
    for role in ("update", "train", "backward"):
        code = getattr(functions.get(role), "__code__", None)
        written = {c for c in code.co_consts if isinstance(c, float) and 1e-6 < c < 1} - {0.5} if code else set()
        if len(written) == 1:
            return float(written.pop())
    return 0.0


def _depends_on_rate(subject: Subject, x: Array, y: Array) -> bool:
    gentle, bold = (steady(subject, x, y, lr).gradient for lr in (_GENTLE, _BOLD))
    return any(not fit.exact for fit in fits(bold, gentle, 1e-4).values())


def _is_descent(subject: Subject, gradients: Mapping[str, Array], x: Array, y: Array) -> bool:
    """Whether each parameter moves along the gradient that the code has computed, or not at all; it may decay beside.

    The step is a small one, so that weights which are updated too early spoil nothing here: that is a mistake to be
    named, not another optimizer.
    """
    values = subject.snapshot()
    wide = all(value.dtype == np.float64 for value in values.values())
    moved = steady(subject, x, y, _TINY if wide else _GENTLE).gradient
    beside = {name: fit_beside(one, gradients[name], values[name], 1e-3) for name, one in moved.items()}
    return all(fit.residual < 1e-2 or not gradients[name].any() for name, fit in beside.items())
