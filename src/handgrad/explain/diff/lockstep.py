"""Lockstep: somebody's network and ours take one step side by side, and each number is held against its twin.

The weights and the batch are the same for both. What a program keeps under no name cannot be compared; the gradients
that its step really used always can.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from handgrad.audit.choosing import judged
from handgrad.audit.inspection import Inspection
from handgrad.audit.judging.identify import CLOSE, sums
from handgrad.audit.place.first_wrong import first_wrong, observed_step
from handgrad.audit.place.handing import Suspect
from handgrad.audit.place.observe import Noted
from handgrad.audit.place.right_numbers import Quantity, Step, factor_of, views
from handgrad.audit.reading.fence import time_limit
from handgrad.audit.reading.source import read_program
from handgrad.core.arrays import Array
from handgrad.errors import DataError
from handgrad.explain.diff.bounds import Bounds

NEAR = 0.05  # relative: a number that is this close to a right one is meant to be it
SECONDS = 8.0


@dataclass(frozen=True)
class Row:
    """One number of the step, an array, on both sides.

    Attributes:
        name: z1, a1, L, dL/dz2, dL/dW2, ...
        shape: of ours.
        theirs: what it is called in their code; empty where it has no name of its own there.
        line: where it was made, of the program's text; 0 for unknown.
        status: "same" (within rounding), "scaled" (a multiple of ours), "near" (more than rounding, and no mistake: a
            small number that keeps a logarithm finite), "later" (a multiple that is divided again before it is used),
            "differs", or "unseen".
        difference: the largest, in absolute value.
        bound: what rounding can make at that place.
        digits: significant digits to which both agree.
        factor: theirs over ours, where it is a multiple.
        at: index of the largest difference.
        values: (theirs, ours) there.
    """

    name: str
    shape: tuple[int, ...]
    theirs: str = ""
    line: int = 0
    status: str = "unseen"
    difference: float = 0.0
    bound: float = 0.0
    digits: float = 0.0
    factor: float | None = None
    at: tuple[int, ...] = ()
    values: tuple[float, float] | None = None


def diff_file(request: dict[str, Any]) -> dict[str, Any]:
    """Compare the network in `request["path"]` with ours; runs in a child process, as an audit does.

    Raises:
        DataError: where there is no network, or none that ours can be.
    """
    began = time.perf_counter()
    program = read_program(request["path"])
    execution = program.execute()
    with program.guarded():
        inspection = Inspection(program, execution.namespace, *judged(program, execution.namespace))
        if inspection.diagnosis.identity is None:
            raise DataError("diff.unknown", path=str(program.path))
        with time_limit(SECONDS):
            step = observed_step(inspection, frozenset(inspection.reading.subject.parameters()), twice=False)
            rows = compare(inspection, step)
        wrong = first_difference(rows)
        if wrong is None:
            rows = [replace(row, status="later") if row.status == "scaled" else row for row in rows]
        suspects = first_wrong(inspection, inspection.diagnosis.findings) if wrong is not None else []
    return {
        "ok": wrong is None,
        "file": str(program.path),
        "network": _network(inspection, step),
        "scale": _convention(inspection, step),
        "rows": [_plain(row, inspection) for row in rows],
        "first": None if wrong is None else _first(wrong, suspects, inspection),
        "digits": min((row.digits for row in rows if row.status in ("same", "near")), default=None),
        "seconds": round(time.perf_counter() - began, 3),
    }


def compare(inspection: Inspection, step: Step) -> list[Row]:
    """Every number of the step in the order in which it is worked out: forward, the loss, and the way back."""
    u = _roundoff(inspection, step)
    bounds, scale = Bounds(step.right, u), _convention(inspection, step)
    forward = step.right.forward
    rows = [_row(step, name, forward[name], bounds[name], 1.0) for name in forward if name[0] in "za"]
    rows.append(_loss(inspection, step, u))
    gradients = {quantity: name for name, quantity in step.parameters()}
    for quantity, right in step.right.back.items():
        bound = bounds[quantity.name]
        if quantity.kind == "db" and quantity not in gradients:
            continue  # a layer without a bias
        if quantity in gradients:
            rows.append(_gradient_row(step, quantity, gradients[quantity], bound, scale, u))
        else:
            rows.append(_row(step, quantity.name, right, bound, scale))
    return rows


def first_difference(rows: list[Row]) -> Row | None:
    """The first number that differs on the way to the first wrong gradient; None where all gradients are right.

    What is only scaled on the way, and divided again later, is no difference: some average last.
    """
    for i, row in enumerate(rows):
        if row.name.startswith(("dL/dW", "dL/db")) and row.status in ("scaled", "differs"):
            return next((one for one in rows[: i + 1] if one.status == "differs"), None) or _first_scaled(rows, row)
    return None


def _first_scaled(rows: list[Row], wrong: Row) -> Row:
    """The first of those that are as many times too large as a wrong gradient is."""
    same = (one for one in rows if one.factor and wrong.factor and math.isclose(one.factor, wrong.factor, rel_tol=1e-3))
    return next(same, wrong)


def _row(step: Step, name: str, right: Array, bound: Array, scale: float) -> Row:
    """An array that may stand somewhere among what was noted: as it should be, as a multiple, or nearly."""
    nearest: tuple[float, Noted, Array] | None = None
    multiple: tuple[float, Noted] | None = None
    for note, view in step.trail.shaped(right.shape):
        if note.value.dtype.kind != "f" or not np.isfinite(view).all():
            continue
        away = _away(view / scale, right)
        if nearest is None or away < nearest[0]:
            nearest = away, note, view
        if (np.abs(view / scale - right) <= bound).all():
            return _measured(name, right, bound, view / scale, note)
        if multiple is None and name.startswith("dL") and (k := factor_of(view, right, step.trail.exact)) is not None:
            multiple = k, note
    if nearest is not None and nearest[0] < NEAR:
        return _measured(name, right, bound, nearest[2] / scale, nearest[1])
    if multiple is not None and multiple[0] > 0:
        k, note = multiple
        view = next(views(note.value, right.shape))
        return _measured(name, right, bound, view, note, factor=k)
    return Row(name, right.shape)


def _gradient_row(step: Step, quantity: Quantity, name: str, bound: Array, scale: float, u: float) -> Row:
    """The gradient of a parameter: the very one that the step used, and the name under which it was made.

    What the loss charges for the weights may be in it, or be added in the update.
    """
    alone, whole = step.right.back[quantity], step.right.whole[name]
    used = np.asarray(step.gradient[name], np.float64)
    if quantity.kind == "dW" and step.right.case.walk.stages[quantity.layer - 1].matrix.transposed:
        whole, used = whole.T, used.T
    whole, used = whole.reshape(alone.shape), used.reshape(alone.shape)
    for right in (whole, alone):
        seen = _row(step, quantity.name, right, bound, scale)
        if seen.status == "same":
            return seen
    right = min((whole, alone), key=lambda one: _away(used / scale, one))
    # (before - after) / lr has the roundings of the weights in it, which the division makes large.
    before = np.abs(step.before[name])
    before = before.T if before.shape != right.shape and before.ndim > 1 else before
    bound = scale * bound + 2 * u * before.reshape(right.shape) / step.lr
    made = step.trail.first(step.gradient[name])
    k = factor_of(used, right, step.trail.exact)
    if k is not None and not math.isclose(k, scale, rel_tol=step.trail.exact):
        return _measured(quantity.name, right, bound, used, made, factor=k)
    return _measured(quantity.name, right, bound / scale, used / scale, made)


def _measured(
    name: str, right: Array, bound: Array, theirs: Array, note: Noted | None, *, factor: float | None = None
) -> Row:
    """Both sides at the place where they lie furthest apart, seen from what rounding allows there."""
    away = np.abs(theirs - right)
    beyond = away - bound
    at = np.unravel_index(int(beyond.argmax()), right.shape) if right.size else ()
    index = tuple(int(i) for i in at)
    within = factor is None and bool((beyond <= 0).all())
    where = index if not within else tuple(int(i) for i in np.unravel_index(int(away.argmax()), right.shape))
    relative = max(_away(theirs, right), 2.0**-53)
    return Row(
        name,
        right.shape,
        _called(note) if note is not None else "",
        note.line if note is not None else 0,
        "scaled" if factor is not None else "same" if within else "near" if relative <= CLOSE else "differs",
        float(away[where]),
        float(bound[where]),
        round(-math.log10(relative), 1),
        factor,
        where,
        (float(theirs[where]), float(right[where])),
    )


def _called(note: Noted) -> str:
    """What an array is called, or which function returns it."""
    return f"{note.function}()" if note.name.startswith("return") else note.name


def _loss(inspection: Inspection, step: Step, u: float) -> Row:
    """The loss, a single number; what a penalty adds to it is left out where there is one."""
    case, identity = step.right.case, step.right.case.identity
    subject = inspection.reading.subject
    if identity.penalty is not None:
        return Row("L", ())
    saved = subject.snapshot()
    try:
        subject.restore(step.before)
        theirs = float(subject.loss(case.x, case.y))
    finally:
        subject.restore(saved)
    ours = sums(case.walk.output, case.walk.t)[identity.loss] / case.walk.divisor
    bound = np.array(64 * len(case.x) * (u + 2.0**-53) * max(abs(ours), 1.0))
    return _measured("L", np.array(ours), bound, np.array(theirs), None)


def _convention(inspection: Inspection, step: Step) -> float:
    """By how much all right gradients are larger than ours, where that is a convention: a sum for a mean."""
    if not inspection.diagnosis.ok:
        return 1.0
    factors = {step.factor(name, quantity) for name, quantity in step.parameters()}
    found = {round(k, 9) for k in factors if k is not None}
    return found.pop() if len(found) == 1 else 1.0


def _roundoff(inspection: Inspection, step: Step) -> float:
    """Half the distance from 1 to the next number, in the coarsest kind of float that their step uses."""
    kinds = [np.asarray(v).dtype for v in inspection.reading.subject.parameters().values()]
    kinds += [note.value.dtype for note in step.trail.notes]
    return max(float(np.finfo(kind).eps) / 2 for kind in kinds if kind.kind == "f")


def _away(theirs: Array, right: Array) -> float:
    """The largest difference, relative to the largest number."""
    largest = float(np.abs(right).max(initial=0.0))
    return float(np.abs(theirs - right).max(initial=0.0)) / largest if largest else math.inf


def _network(inspection: Inspection, step: Step) -> dict[str, Any]:
    identity, walk = step.right.case.identity, step.right.case.walk
    sizes = [walk.stages[0].W.shape[0], *(stage.W.shape[1] for stage in walk.stages)]
    return {
        "sizes": sizes, "hidden": identity.hidden, "output": identity.output, "loss": identity.loss, "rows": step.rows,
        "precision": "float64" if _roundoff(inspection, step) < 1e-12 else "float32",
    }  # fmt: skip


def _first(row: Row, suspects: list[Suspect], inspection: Inspection) -> dict[str, Any]:
    """The first number that differs; what was found out about its place is better than where it was noticed."""
    line, name, quantity = row.line, row.theirs, row.name
    if suspects and (not line or row.status == "differs"):
        line, name, quantity = suspects[0].line, suspects[0].name, suspects[0].quantity
    found: dict[str, Any] = {"name": quantity, "theirs": name, "noticed": row.name}
    if line:
        file, place, cell = inspection.program.place(line)
        text = inspection.program.text.split("\n")[line - 1].strip()
        found |= {"file": file, "line": place, "cell": cell, "text": text}
    return found


def _plain(row: Row, inspection: Inspection) -> dict[str, Any]:
    found = {
        "name": row.name, "shape": list(row.shape), "theirs": row.theirs, "status": row.status, "digits": row.digits,
        "difference": row.difference, "bound": row.bound, "factor": row.factor, "at": list(row.at),
        "values": row.values and list(row.values),
    }  # fmt: skip
    return found | {"line": inspection.program.place(row.line)[1] if row.line else None}
