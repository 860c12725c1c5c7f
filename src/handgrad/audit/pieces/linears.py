"""Linears: layers that compute x @ W + b, however they lie, and what their gradients are instead of the right ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from handgrad.audit.judging.measure import fit_beside
from handgrad.audit.pieces.bends import Bend, apart, bend_of, mistakes
from handgrad.audit.pieces.complaint import Complaint
from handgrad.audit.pieces.trial import Trial, like
from handgrad.core.arrays import Array


@dataclass(frozen=True)
class Linear:
    """How a layer lies.

    Attributes:
        weight: the name of its matrix.
        bias: of its bias; None without one.
        transposed: the matrix is (outputs, inputs).
        columns: samples are columns.
    """

    weight: str
    bias: str | None
    transposed: bool
    columns: bool


def linear_of(trial: Trial) -> Linear | None:
    """How the layer lies, if it is one; None where its output is something else than x @ W + b."""
    return next((how for how, z in _lying(trial) if like(trial.ran.y, z, 1e-9)), None)


def bent_of(trial: Trial) -> tuple[Linear, Bend] | None:
    """How a layer lies whose output is an activation of x @ W + b, and which one."""
    for how, z in _lying(trial):
        bend = bend_of(z, trial.ran.y)
        if bend is not None:
            return how, bend
    return None


def _lying(trial: Trial) -> Iterator[tuple[Linear, Array]]:
    """(how it may lie, x @ W + b) for every way in which the shapes fit."""
    point, x, y = trial.unit.point, trial.x, trial.ran.y
    flat = {name: value.shape for name, value in point.items() if value.ndim == 2}
    weights = [name for name, shape in flat.items() if min(shape) > 1]
    weights = weights or [name for name, shape in flat.items() if max(shape) > 1]  # of a single output
    if len(weights) != 1 or len(point) > 2 or x.ndim != 2 or x.dtype.kind != "f":
        return
    bias = next((name for name in point if name not in weights), None)
    for columns in (False, True):
        for transposed in (False, True):
            w = point[weights[0]].T if transposed else point[weights[0]]
            rows, out = (x.T, y.T) if columns else (x, y)
            if rows.shape[1] != w.shape[0] or out.shape != (len(rows), w.shape[1]):
                continue
            if bias is not None and point[bias].size != w.shape[1]:
                continue
            z = rows @ w + (0.0 if bias is None else point[bias].reshape(-1))
            yield Linear(weights[0], bias, transposed, columns), z.T if columns else z


def judged_bent(trial: Trial, how: Linear, bend: Bend) -> Iterator[Complaint] | None:
    """What is wrong with a layer that bends its output itself; None where no known mistake gives its numbers."""
    z = next(z for one, z in _lying(trial) if one == how)
    w = trial.unit.point[how.weight].T if how.transposed else trial.unit.point[how.weight]
    dx, dw = trial.ran.dx, trial.ran.grads.get(how.weight)
    for code, s, more in mistakes(bend, z):
        dz = (trial.dy * s).T if how.columns else trial.dy * s
        x = trial.x.T if how.columns else trial.x
        below, own = dz @ w.T, x.T @ dz
        if dx is not None and not like(dx, below.T if how.columns else below, 1e-5):
            continue
        if dw is not None and factor(dw.T if how.transposed else dw, own) is None:
            continue
        if dx is None and dw is None:
            continue
        told = {"activation": bend.name, "residual": apart(s, bend.slope(z))} | more
        alone = "pairing" if code == "activation-derivative-missing" else ""  # it may be handed the error before f
        return iter([Complaint(code, "first", told, convention=alone)])
    return None


def judged(trial: Trial, how: Linear) -> Iterator[Complaint]:
    """What is wrong with each gradient of a linear layer."""
    x, dy = (trial.x.T, trial.dy.T) if how.columns else (trial.x, trial.dy)
    kept = trial.unit.point[how.weight]
    w = kept.T if how.transposed else kept
    dw, db = x.T @ dy, dy.sum(axis=0)
    true = {"dx": dy @ w.T, how.weight: dw} | ({how.bias: db} if how.bias else {})
    given = dict(trial.gradients)
    if how.columns and "dx" in given:
        given["dx"] = given["dx"].T
    if how.transposed and given.get(how.weight) is not None:
        given[how.weight] = given[how.weight].T
    rows = len(x)
    factors: dict[str, float] = {}
    for name, gradient in given.items():
        flat = gradient.reshape(-1) if name == how.bias and gradient.size == db.size else gradient
        found = factor(flat, true[name])
        if found is None:
            yield from _shaped(trial, how, name, flat, true[name], dy, x, w)
        else:
            factors[name] = found
    yield from _factors(how, factors, rows)


def factor(gradient: Array, true: Array) -> float | None:
    """k if the gradient is k times the true one; None where it is something else."""
    if gradient.shape != true.shape or not np.isfinite(gradient).all():
        return None
    k = float(np.vdot(gradient, true) / np.vdot(true, true))
    return k if float(np.linalg.norm(gradient - k * true)) <= 1e-6 * float(np.linalg.norm(true)) else None


def _shaped(
    trial: Trial, how: Linear, name: str, gradient: Array, true: Array, dy: Array, x: Array, w: Array
) -> Iterator[Complaint]:
    """A gradient that is no multiple of the true one."""
    told = {"residual": _residual(gradient, true)}
    if name == "dx":
        gentle = trial.unit.run(trial.x, trial.dy, 2.0**-30).dx
        gentle = gentle.T if how.columns and gentle is not None else gentle
        if like(gentle, true, 1e-5) or _late(gradient, true, dy, x):
            yield Complaint("updated-too-early", "dx", told)
        elif w.shape[0] == w.shape[1] and factor(gradient, dy @ w) is not None:
            yield Complaint("weights-not-transposed", "dx", told)
        elif w.shape[0] == w.shape[1] and like(gradient, dy):
            yield Complaint("layer-gradient-missing", "dx", told)
        elif trial.scales("dx"):
            yield Complaint("layer-gradient-wrong", "dx", told)
    elif name == how.bias and (code := _unsummed(gradient, true, dy)):
        yield Complaint(code, name, told)
    elif gradient.shape == true.shape and trial.scales(name):
        turned = true.ndim == 2 and true.shape[0] == true.shape[1] and factor(gradient, true.T) is not None
        yield Complaint("gradient-transposed" if turned else "layer-gradient-wrong", name, told)


def _late(gradient: Array, true: Array, dy: Array, x: Array) -> bool:
    """Whether an error was passed down through weights from which a multiple of their gradient was taken already."""
    found = fit_beside(gradient, true, -dy @ (dy.T @ x), 1e-6)
    return found.exact and found.factor > 0 and found.decay > 0


def _unsummed(gradient: Array, true: Array, dy: Array) -> str:
    """The code for a bias gradient that is summed over too much or too little; "" for another mistake."""
    totals = (dy.sum(), dy.mean(), dy.sum() / len(dy))
    if gradient.size == 1 < true.size or (gradient.shape == true.shape and np.ptp(gradient) == 0):
        return "bias-summed-over-everything" if np.isclose(float(gradient.reshape(-1)[0]), totals).any() else ""
    one = gradient.shape == true.shape and any(factor(gradient, row) is not None for row in dy)
    if one:
        return "one-row-only"
    return "layer-gradient-misshapen" if gradient.shape in (dy.shape, dy.T.shape) else ""


def _factors(how: Linear, factors: dict[str, float], rows: int) -> Iterator[Complaint]:
    """What the factors of a layer's gradients say: dx has to be 1, the parameters alike."""
    for name, k in factors.items():
        if k == 0 or abs(k) < 1e-12:
            yield Complaint("layer-gradient-missing", name, {"factor": 0.0})
    own = {name: k for name, k in factors.items() if name != "dx" and abs(k) > 1e-12}
    dx = factors.get("dx", 1.0)
    if not np.isclose(dx, 1.0, rtol=1e-6) and abs(dx) > 1e-12:
        code = "layer-gradient-sign" if dx < 0 else "layer-gradient-scaled"
        every = bool(own) and all(np.isclose(k, dx) for k in own.values())
        yield Complaint(code, "dx", {"factor": dx, "rows": rows}, convention="scale" if every else "")
    if len(own) == 2 and not np.isclose(own[how.weight], own[how.bias or ""], rtol=1e-6):
        usual = np.isclose(own[how.weight], 1.0) or np.isclose(own[how.weight] * rows, 1.0)
        odd = how.bias if usual or not np.isclose(own[how.bias or ""], 1.0) else how.weight
        k = own[odd or ""] / own[how.weight if odd == how.bias else how.bias or ""]
        code = "layer-gradient-sign" if k < 0 else "layer-gradient-scaled"
        yield Complaint(code, odd or "", {"factor": k, "rows": rows})
    elif own and not np.isclose(k := next(iter(own.values())), 1.0, rtol=1e-6):
        if k < 0:
            yield Complaint("layer-gradient-sign", how.weight, {"factor": k, "rows": rows}, convention="scale")
        elif np.isclose(k * rows, 1.0, rtol=1e-6):
            yield Complaint("averaged-twice", how.weight, {"factor": k, "rows": rows}, convention="scale")


def _residual(gradient: Array, true: Array) -> float:
    if gradient.shape != true.shape:
        return 1.0
    size = max(float(np.linalg.norm(gradient)), float(np.linalg.norm(true)))
    return float(np.linalg.norm(gradient - true)) / size
