"""Judging: one layer of somebody's in every form of batch that it takes; right in one of them is right."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import CodeType

import numpy as np

from handgrad.audit.pieces import linears, moods, norms, softmaxes
from handgrad.audit.pieces.bends import bend_of, mistaken
from handgrad.audit.pieces.complaint import Complaint
from handgrad.audit.pieces.places import called_by, ran_lines
from handgrad.audit.pieces.trial import WRONG, Trial, like, trials
from handgrad.audit.pieces.unit import Unit


@dataclass(frozen=True)
class Verdict:
    """What became of one layer.

    Attributes:
        kind: what it is by its numbers: "linear", "softmax", "norm", "dropout", an activation's name, or "".
        rows: whether it ran with samples as rows.
        complaints: what is wrong with it.
        lines: of its backward, those that ran.
        spoils: whether its backward writes into the gradient that it is handed.
        within: where its class inherits the backward, the function of its own that this calls.
    """

    kind: str
    rows: bool
    complaints: tuple[Complaint, ...]
    lines: frozenset[int] = frozenset()
    spoils: bool = False
    within: CodeType | None = None


def judge(unit: Unit, shapes: list[tuple[int, ...]]) -> Verdict | None:
    """The layer in the form in which least is wrong; None where it runs in none."""
    best = _best(trials(unit, shapes))
    unsummed = best is not None and not shapes and any(c.code == "layer-gradient-misshapen" for c in best.complaints)
    if best is None or unsummed:  # it takes one sample a call
        best = _best(trials(unit, [], single=True)) or best
    return best


def _best(found: Iterator[Trial]) -> Verdict | None:
    best: Verdict | None = None
    for trial in found:
        verdict = _judged(trial)
        if not verdict.complaints and _stale(trial):
            verdict = replace(verdict, complaints=(Complaint("stale-cache", function=trial.unit.forward),))
        if verdict.complaints:
            verdict = replace(verdict, lines=_lines(trial), within=_within(trial))
        elif _spoils(trial):
            verdict = replace(verdict, spoils=True)
        if best is None or _weight(verdict) < _weight(best):
            best = verdict
        if not _weight(best):
            break
    return best


def _ignores(trial: Trial) -> bool:
    """Whether dx is the same whatever comes from above."""
    other = trial.unit.run(trial.x, np.flip(trial.dy) + 1.0)
    return like(other.dx, trial.ran.dx, 1e-12)


def _spoils(trial: Trial) -> bool:
    """Whether backward changes the gradient that it is handed, which is its caller's."""
    one, dy = trial.unit.worker(), trial.dy.copy()
    try:
        one.forward(trial.x.copy())
        one.backward(trial.x, dy, (), 0.0)
    except Exception:  # it wants more than that
        return False
    return not np.array_equal(dy, trial.dy)


def _stale(trial: Trial) -> bool:
    """Whether an earlier batch spoils the gradients of a later one."""
    if not trial.right():
        return False
    one = trial.unit.worker()
    try:
        one.forward(np.roll(trial.x, 1) if trial.x.dtype.kind != "f" else 0.7 * trial.x + 0.4)
        y = one.forward(trial.x.copy())
        dx, _ = one.backward(trial.x, trial.dy.copy(), (), 0.0)
    except Exception:  # it wants its backward between two forwards
        return False
    return like(y, trial.ran.y) and trial.ran.dx is not None and not like(dx, trial.ran.dx, 1e-3)


def _lines(trial: Trial) -> frozenset[int]:
    """The lines of backward that run."""
    return ran_lines(lambda: trial.unit.run(trial.x, trial.dy), trial.unit.backward)


def _within(trial: Trial) -> CodeType | None:
    unit, kind = trial.unit, type(trial.unit.thing)
    home = getattr(sys.modules.get(kind.__module__), "__file__", None)
    if unit.thing is None or home is None or unit.backward.__name__ in vars(kind):
        return None
    return called_by(
        unit.backward,
        lambda: unit.run(trial.x, trial.dy),
        lambda: unit.worker().forward(trial.x.copy()),
        home,
    )


def _weight(verdict: Verdict) -> int:
    return sum(1 for c in verdict.complaints if c.quantity)


def _judged(trial: Trial) -> Verdict:
    x, y = trial.x, trial.ran.y
    rows = x.ndim == 2 and len(x) == len(y)
    if trial.ran.dx is not None and trial.ran.dx.any() and _ignores(trial):
        return Verdict("", rows, (Complaint("error-ignored", "dx", {"residual": trial.distance("dx")}),))
    if not trial.unit.point and x.shape == y.shape and x.dtype.kind == "f":
        if like(x, y):
            return Verdict("identity", rows, ())  # what only changes the error means to
        mask = moods.mask_of(trial)
        if mask is not None:
            return Verdict("dropout", rows, tuple(moods.judged_dropout(trial, mask)))
        axis = softmaxes.axis_of(x, y)
        if axis is not None:
            kind = "softmax" if axis[0] in (None, x.ndim - 1) else "softmax over the rows"
            return Verdict(kind, rows, tuple(softmaxes.judged(trial, axis[0])))
        bend = bend_of(x, y)
        if bend is not None and trial.ran.dx is not None:
            found = () if trial.distance("dx") <= 1e-6 else tuple(_bent(trial, bend))
            return Verdict(bend.name, rows, found)
    how = linears.linear_of(trial)
    if how is not None:
        return Verdict("linear", not how.columns, tuple(linears.judged(trial, how)))
    bent = linears.bent_of(trial)
    if bent is not None and trial.wrong():
        named = linears.judged_bent(trial, *bent)
        if named is not None:
            return Verdict("bent linear", not bent[0].columns, tuple(named))
    norm = norms.norm_of(trial)
    if norm is not None:
        found = (*norms.judged(trial, norm), *_quiet(moods.judged_running(trial, norm)))
        return Verdict("norm", rows, found)
    return Verdict("", rows, tuple(_unknown(trial)))


def _quiet(complaints: Iterator[Complaint]) -> Iterator[Complaint]:
    try:
        yield from complaints
    except Exception:  # its test mode is somebody else's code, too
        return


def _bent(trial: Trial, bend: object) -> Iterator[Complaint]:
    dx, dy = trial.ran.dx, trial.dy
    assert dx is not None
    found = list(mistaken(bend, trial.x, dx / dy))  # type: ignore[arg-type]
    told = {"residual": trial.distance("dx")}
    if found and found[0].code == "activation-derivative-missing" and getattr(bend, "name", "") == "sigmoid":
        found = [replace(found[0], convention="pairing")]  # its loss may give p - t
    if not found and like(dx, dy * (dy > 0)):
        found = [Complaint("mask-from-error", measured=told)]
    if not found and not dx.any():
        found = [Complaint("layer-gradient-missing", measured={"factor": 0.0})]
    if not found and trial.distance("dx") > WRONG:
        k = trial.factor("dx", dx)
        if k is not None:
            code = "layer-gradient-scaled" if k > 0 else "layer-gradient-sign"
            found = [Complaint(code, measured={"factor": k, "rows": len(dy)})]
        elif trial.scales("dx"):
            found = [Complaint("layer-gradient-wrong", measured=told)]
    yield from found


def _unknown(trial: Trial) -> Iterator[Complaint]:
    """A layer that is nothing known: its numeric derivative alone says what is wrong, and little more."""
    wrong = trial.wrong()
    if not wrong:
        return
    excuse = "pairing" if _excused(trial, wrong) else ""
    if trial.x.shape == trial.ran.y.shape and "dx" in wrong and trial.ran.dx is not None:
        k = trial.factor("dx", trial.ran.dx + trial.dy)
        if k is not None and np.isclose(k, 1.0, rtol=1e-5):
            yield Complaint("skip-gradient-missing", "dx", {"residual": trial.distance("dx")})
            return
    for name in wrong:
        gradient = trial.gradients[name]
        told = {"residual": min(trial.distance(name), 1.0)}
        if gradient.shape != trial.at(name).shape:
            if gradient.size == 1:
                yield Complaint("layer-gradient-misshapen", name, told)
            continue
        k = trial.factor(name, gradient)
        if not gradient.any():
            yield Complaint("layer-gradient-missing", name, {"factor": 0.0}, convention=excuse)
        elif k is not None:
            code = "layer-gradient-scaled" if k > 0 else "layer-gradient-sign"
            scale = "scale" if name != "dx" else excuse
            yield Complaint(code, name, {"factor": k, "rows": len(trial.x)}, convention=scale)
        elif trial.scales(name) and not _padded(trial, name):
            yield Complaint("layer-gradient-wrong", name, told, convention=excuse)


def _padded(trial: Trial, name: str) -> bool:
    """Whether a table that is looked up (x has no gradient) is right but for row 0, which stands for padding."""
    gradient, dx = trial.gradients[name], trial.ran.dx
    if gradient.ndim != 2 or gradient[0].any() or (dx is not None and dx.any()):
        return False
    true = trial.numeric(name)
    return true is not None and like(gradient[1:], true[1:])


def _excused(trial: Trial, wrong: list[str]) -> bool:
    """Whether the error may be meant in another way: that of the scores, or the one before the layer's activation.

    Then all gradients of the layer are wrong by its own output, and right in a network that hands it such errors.
    """
    y, dx, dy = trial.ran.y, trial.ran.dx, trial.dy
    shares = any(np.allclose(y.sum(axis=axis), 1.0, atol=1e-6) for axis in (-1, 0, None))
    passes = dx is not None and dx.shape == dy.shape and like(dx, dy)
    delta = (
        any(value.size > max(value.shape) for value in trial.unit.point.values())
        and trial.x.dtype.kind == "f"
        and set(wrong) == set(trial.gradients)
        and trial.x.ndim != 3
    )
    return shares or passes or delta
