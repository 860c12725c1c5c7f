"""Moods: what a layer does otherwise in training than at test time. Dropout, and running statistics.

No derivative of a whole network shows these, for it is taken in one mode.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import numpy as np

from handgrad.audit.pieces.complaint import Complaint
from handgrad.audit.pieces.norms import Norm
from handgrad.audit.pieces.trial import Trial, like
from handgrad.audit.pieces.unit import Unit, Worker, flags
from handgrad.core.arrays import Array

_MODE = re.compile(r"train|test|eval|^mode$|infer", re.IGNORECASE)
_MANY = (200, 100)


def has_modes(unit: Unit) -> bool:
    """Whether a layer can be told that it is not training any more."""
    names = list(inspect.signature(unit.forward).parameters)
    names += flags(unit.thing) if unit.thing is not None else []
    if unit.thing is None:
        names += ["mode"] if any("param" in name for name in names) else []
    return any(_MODE.search(name) for name in names)


def mask_of(trial: Trial) -> Array | None:
    """What a dropout multiplied the input by; None if the layer is none."""
    x, y = trial.x, trial.ran.y
    if x.shape != y.shape or x.dtype.kind != "f" or trial.unit.point:
        return None
    mask = y / x
    passed = mask[mask != 0]
    if not len(passed) or not (mask == 0).any() or not np.allclose(passed, passed[0], rtol=1e-9):
        return None
    other = trial.unit.worker()
    other.forward(x.copy())
    drawn = other.call_forward(x.copy(), True)  # the next random numbers
    third = other.call_forward(x.copy(), True)
    return mask if not like(drawn, third) or not like(drawn, y) else None


def judged_dropout(trial: Trial, mask: Array) -> Iterator[Complaint]:
    """What is wrong with a dropout, on the way back and between its modes."""
    dx, dy, unit = trial.ran.dx, trial.dy, trial.unit
    scale = float(mask[mask != 0][0])
    if dx is not None and not like(dx, dy * mask):
        told = {"scale": scale, "residual": float(np.linalg.norm(dx - dy * mask) / np.linalg.norm(dy * mask))}
        ratio = dx / dy
        values = np.unique(np.round(ratio, 9))
        if like(dx, dy) or (len(values) == 1 and values[0] != 0):
            yield Complaint("dropout-mask-not-applied", "dx", told, behaviour=True)
        elif like(dx, dy * (mask != 0)) or like(dx, dy * mask / scale**2) or like(dx, dy * mask * scale):
            yield Complaint("dropout-scale-differs", "dx", told, behaviour=True)
        elif len(values) == 2 and 0.0 in values:
            yield Complaint("dropout-new-mask", "dx", told, behaviour=True)
        elif trial.scales("dx"):
            yield Complaint("layer-gradient-wrong", "dx", told, behaviour=True)
    if not has_modes(unit):
        return
    many = _MANY if trial.x.ndim > 1 else (_MANY[0] * _MANY[1],)
    wide = np.random.default_rng(1).standard_normal(many) + 3.0
    one = unit.worker()
    trained = one.forward(wide.copy())
    tested = one.forward(wide.copy(), train=False) / wide
    forward = unit.forward
    if not np.allclose(tested, tested.flat[0], rtol=1e-9):
        if (tested == 0).any():
            yield Complaint("dropout-at-test-time", "", {"dropped": float((tested == 0).mean())}, behaviour=True,
                            function=forward)  # fmt: skip
        return
    keep = float((trained != 0).mean())
    mean, test = float(np.abs(trained[trained != 0] / wide[trained != 0]).mean()) * keep, float(tested.flat[0])
    blur = 6 * np.sqrt((1 - keep) / keep / wide.size)
    if abs(mean - test) > max(0.02, blur) * max(mean, test):
        yield Complaint("dropout-modes-disagree", "", {"train": mean, "test": test}, behaviour=True, function=forward)


def judged_running(trial: Trial, norm: Norm) -> Iterator[Complaint]:
    """What is wrong with the running statistics of a norm over the batch."""
    unit, x = trial.unit, trial.x
    if 0 not in norm.axes or not has_modes(unit):
        return
    rng = np.random.default_rng(9)
    one = unit.worker()
    for _ in range(4):
        one.forward(2.0 + 3.0 * rng.standard_normal(x.shape))
    before = {name: np.array(value) for name, value in one.arrays().items()}
    batch: Array = np.add(2.0, 3.0 * rng.standard_normal(x.shape))
    trained = one.forward(batch.copy())
    after = {name: np.array(value) for name, value in one.arrays().items()}
    moved = {name for name in before if name in after and not np.array_equal(before[name], after[name])}
    try:
        tested = one.forward(batch.copy(), train=False)
    except Exception:  # its test mode wants something that it was not given
        return
    now = one.arrays()
    used = _used_in_test(one, batch, tested, set(unit.point))
    shifted = {name for name in used if not np.array_equal(now[name], after.get(name, now[name]))}
    if not used:
        running = {
            name for name in moved if before[name].size == norm.spread.size and re.search("run|mov|avg|glob", name)
        }
        if running and like(tested, trained, 1e-9):
            yield Complaint(
                "norm-test-uses-batch", "", {"names": _listed(running)}, behaviour=True, function=unit.forward
            )
        return
    told: dict[str, object] = {"names": _listed(used - moved)}
    if used - moved:
        yield Complaint("norm-running-never-updated", "", told, behaviour=True, function=unit.forward)
    if shifted:
        told = {"names": _listed(shifted)}
        yield Complaint("norm-running-updated-at-test", "", told, behaviour=True, function=unit.forward)
        return
    for name in sorted(used & moved):
        share = _share(before[name], after[name], batch, norm)
        if share is not None and share > 0.5 + 1e-6:
            told = {"names": name, "share": share}
            yield Complaint("norm-momentum-reversed", name, told, "warning", behaviour=True, function=unit.forward)
            return


# Gain and shift by their names, where they are made in the first forward pass and so were not there before.
_TRAINED = re.compile(r"gamma|beta|scale|shift|gain|weight|bias|^w$|^b$")


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names))


def _used_in_test(one: Worker, batch: Array, tested: Array, parameters: set[str]) -> set[str]:
    """Arrays on which the output at test time depends, parameters aside."""
    used = set()
    for name, value in one.arrays().items():
        if (
            name in parameters
            or _TRAINED.search(name.lower())
            or value.size * 50 < batch.shape[-1]
            or not value.flags.writeable
        ):
            continue
        saved = value.copy()
        value[...] = 1.5 * value + 0.3
        if not like(one.forward(batch.copy(), train=False), tested, 1e-12):
            used.add(name)
        if name in one.arrays():
            one.arrays()[name][...] = saved
    return used


def _share(before: Array, after: Array, batch: Array, norm: Norm) -> float | None:
    """The c in new = old + c (batch's - old); None where it is nothing of the kind."""
    rows = batch.size // norm.spread.size
    variance = batch.var(axis=norm.axes).reshape(-1)
    for target in (batch.mean(axis=norm.axes).reshape(-1), variance, variance * rows / (rows - 1), np.sqrt(variance)):
        if target.size != before.size:
            continue
        way, step = target - before.reshape(-1), (after - before).reshape(-1)
        c = float(np.vdot(step, way) / np.vdot(way, way))
        if like(step, c * way, 1e-4):
            return c
    return None
