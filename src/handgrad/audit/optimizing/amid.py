"""Amid: an optimizer that stands in the midst of a network's way back, where no function is its update alone.

The gradients are read out of what it remembers, which leaves nothing behind; then steps are made from the first one on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import FunctionType
from typing import Any

import numpy as np

from handgrad.audit.dialects.scaled import Scaled
from handgrad.audit.findings import Finding
from handgrad.audit.inspection import Inspection
from handgrad.audit.judging.batch import batch
from handgrad.audit.judging.descent import UNNAMED
from handgrad.audit.optimizing.claims import role_of, says
from handgrad.audit.optimizing.counted import numbered, told_by
from handgrad.audit.optimizing.early import too_early
from handgrad.audit.optimizing.inside import judge_optimizer_step
from handgrad.audit.optimizing.places import place
from handgrad.audit.optimizing.within import UNSURE, claim_of, signs_of
from handgrad.core.arrays import Array

_ROWS, _RATE = 6, 2.0**-20
_NO_EPSILON = 1e-30
_POINTS = 4  # that are tried, and batches in which all must be alive


def check_amid(inspection: Inspection) -> list[Finding]:
    """What such an optimizer is not, though its names say so. All is put back as it was."""
    subject, program = inspection.reading.subject, inspection.program
    inside = getattr(subject.gradients, "__self__", None)
    if not isinstance(inside, Scaled) or any(one.code == UNNAMED for one in inspection.diagnosis.findings):
        return []
    early = too_early(inspection, inside)
    if not inspection.diagnosis.ok:
        return early
    settings = inside.settings()
    chosen = {says(value) for value in settings.values() if isinstance(value, str)} - {""}
    said = ((f, _claim(f, program.text, chosen)) for f in _functions(inspection))
    update, claim = next(((f, claim) for f, claim in said if claim), (None, ""))
    if update is None and inside.mixed:  # squares of some parameters and not of others are wrong by any name
        update, claim = next(_functions(inspection), None), "rmsprop"
    if update is None:
        return early

    def remembered(values: Mapping[str, Array]) -> dict[str, Array]:  # plain descent beside it is no part of it
        return {name: value for name, value in values.items() if name not in inside.bare_names}

    def gradients(k: int) -> Mapping[str, Array]:
        one = batch(subject, _ROWS, k)
        return remembered(inside.by_name(one.x, one.y))

    def step(k: int) -> None:
        one, before = batch(subject, _ROWS, k), subject.snapshot()
        with numbered(inside.things(), update, told, k + 1):
            inside.step(one.x, one.y, _RATE)
        moved = remembered(subject.snapshot())
        for name, after in moved.items():  # one that is no number stays so, and spoils no others
            seen[name] = np.where(np.isfinite(seen[name]), after, np.nan)
            before[name] = np.where(np.isfinite(after), after, before[name])
        subject.restore(before)

    saved, rng, first = subject.snapshot(), np.random.default_rng(7), batch(subject, _ROWS, 0)
    told = told_by(update, inside, first.x, first.y, _RATE)
    seen: dict[str, Array] = {}
    with inside.from_the_first({name: _NO_EPSILON for name in settings if role_of(name) == "eps"}):
        for _ in range(_POINTS):
            for value in subject.parameters().values():
                value[...] = rng.standard_normal(value.shape) / np.sqrt(max(value.shape))
            if all(value.any() for k in range(_POINTS) for value in gradients(k).values()):
                break  # no layer is dead there
        seen |= remembered(subject.snapshot())
        found = judge_optimizer_step(lambda: seen, gradients, step, claim)
    subject.restore(saved)
    placed = list(early)
    for one in found:
        if one.code not in UNSURE and one.severity != "note":
            file, line = place(program, update, update, one)
            measured = one.measured | {"optimizer": update.__qualname__}
            placed.append(replace(one, measured=measured, where=(update.__qualname__,), file=file, line=line))
    return placed


def _claim(function: Callable[..., Any], text: str, chosen: set[str]) -> str:
    """The optimizer that a function says it is; of one with several, that which a setting of the network has chosen."""
    signs = signs_of(function) - {"momentum"}
    if len(signs) < 2:
        return claim_of(function, text)
    return next(iter(chosen)) if len(chosen) == 1 and chosen <= signs else ""


def _functions(inspection: Inspection) -> Iterator[Callable[..., Any]]:
    """The functions of the file that may hold the optimizer: those that take part, then the other methods."""
    functions = inspection.reading.functions
    found = [functions[role] for role in ("update", "backward", "train") if role in functions]
    kinds = [one for one in functions.values() if isinstance(one, type)]
    found += [f for kind in kinds for f in vars(kind).values() if isinstance(f, FunctionType)]
    for one in found:
        code = getattr(one, "__code__", None)
        if code is not None and code.co_filename == inspection.program.filename:
            yield one
