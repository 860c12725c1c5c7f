"""Stepped: an optimizer that cannot be called alone, judged by the whole steps that the program makes with it.

The steps are made with the program's own objects, as it builds them. The gradients, which were found right, are looked
at beside that, for to look at them may itself be a step of the optimizer.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping
from dataclasses import replace
from types import FrameType
from typing import Any

import numpy as np

from handgrad.audit.dialects.claimed import by_form, by_name
from handgrad.audit.dialects.scaled import Scaled
from handgrad.audit.dialects.turns import Loop
from handgrad.audit.findings import Finding
from handgrad.audit.inspection import Inspection
from handgrad.audit.judging.batch import batch
from handgrad.audit.optimizing.counted import is_told
from handgrad.audit.optimizing.inside import judge_optimizer_step
from handgrad.audit.optimizing.places import as_function, line_of
from handgrad.audit.optimizing.within import UNSURE
from handgrad.audit.place.files import Files
from handgrad.audit.reading.source import Program
from handgrad.audit.reading.traced import traced
from handgrad.core.arrays import Array

_STEPS, _ROWS, _RATE = 8, 6, 2.0**-20  # small, for steps without a root are large
# What only shows in the use that a program's own training makes of an optimizer which is right alone.
_OF_USE = {"optimizer-betas-swapped", "optimizer-counter-per-layer", "optimizer-counter-per-parameter"}


def check_stepped(inspection: Inspection, driven: Collection[str] = ()) -> list[Finding]:
    """What the optimizer of a program's own step is not, though its names or its form say so. All is put back.

    `driven` are the names of those that were called alone.
    """
    subject = inspection.reading.subject
    if subject.whole is None or subject.afresh is None or not inspection.diagnosis.ok:
        return []
    if isinstance(getattr(subject.gradients, "__self__", None), Loop):  # which has a check of its own
        return []
    saved = subject.snapshot()
    try:
        claim, node, program = _claimed(inspection)
        if not claim or is_told(program.tree, node):
            return []
        values = _walk(inspection, _RATE, _STEPS)
        again = _walk(inspection, _RATE, 2)
        if not all(np.array_equal(values[k][name], again[k][name]) for k in (1, 2) for name in values[0]):
            return []  # something that it remembers is not put back
        wide = _walk(inspection, 2 * _RATE, 1)
        ours = all(np.allclose(wide[1][name] - values[0][name], 2 * (values[1][name] - values[0][name]), rtol=1e-5)
                   for name in values[0])  # fmt: skip
        seen = [_gradients(inspection, values[k], k) for k in range(_STEPS)]
    finally:
        subject.afresh()
        subject.restore(saved)
    inside = getattr(subject.gradients, "__self__", None)
    for bare in inside.bare_names if isinstance(inside, Scaled) else ():  # plain descent beside it is no part of it
        for values_of in (*values, *seen):
            values_of.pop(bare, None)
    at = iter(range(1, _STEPS + 1))
    now = dict(values[0])

    def step(_: int) -> None:
        now.update(values[next(at)])

    found = judge_optimizer_step(lambda: now, seen.__getitem__, step, claim, lr=_RATE if ours else None)
    placed = []
    alone = _in_one_of(program.tree, driven, node)
    if alone and not inspection.reading.trains:
        return []
    for one in found:
        if one.code not in UNSURE and one.severity != "note" and (one.code in _OF_USE or not alone):
            line = line_of(program, as_function(node), one) or node.lineno
            name = getattr(node, "name", f"the loop in line {node.lineno}")
            told = one.measured | {"optimizer": name}
            placed.append(replace(one, measured=told, where=(name,), file=program.filename, line=line))
    return placed


def _begin(inspection: Inspection) -> None:
    """Objects as they are built, and weights of one size."""
    subject, rng = inspection.reading.subject, np.random.default_rng(7)
    assert subject.afresh is not None
    subject.afresh()
    for value in subject.parameters().values():
        value[...] = rng.standard_normal(value.shape) / np.sqrt(max(value.shape))


def _walk(inspection: Inspection, rate: float, steps: int) -> list[dict[str, Array]]:
    """The parameters before each of some first steps, and after the last."""
    subject = inspection.reading.subject
    assert subject.whole is not None
    _begin(inspection)
    values = [subject.snapshot()]
    for k in range(steps):
        one = batch(subject, _ROWS, k)
        subject.whole(one.x, one.y, rate)
        values.append(subject.snapshot())
    return values


def _gradients(inspection: Inspection, point: Mapping[str, Array], k: int) -> dict[str, Array]:
    subject = inspection.reading.subject
    _begin(inspection)
    subject.restore(dict(point))
    one = batch(subject, _ROWS, k)
    return subject.gradient(one.x, one.y)


def _claimed(inspection: Inspection) -> tuple[str, ast.stmt, Program]:
    """(which optimizer a step is of, the function or loop in which it stands, its module); "" for none, or several."""
    subject = inspection.reading.subject
    assert subject.whole is not None
    homes = {file: program for file, (program, _) in Files(inspection, everywhere=True).homes.items()}
    lines: dict[str, set[int]] = {file: set() for file in homes}

    def note(frame: FrameType, event: str, value: Any) -> Any:
        if frame.f_code.co_filename not in lines:
            return None
        lines[frame.f_code.co_filename].add(frame.f_lineno)
        return note

    _begin(inspection)
    one = batch(subject, _ROWS, 0)
    with traced(note):
        subject.whole(one.x, one.y, _RATE)
    kinds = ast.FunctionDef | ast.For
    units = [(n, home) for file, home in homes.items() for n in ast.walk(home.tree)
             if isinstance(n, kinds) and lines[file] & {s.lineno for s in _own(n)}]  # fmt: skip
    said = [(by_name(text) or by_form(text), bool(by_form(text)), n, home)
            for n, home in units for text in ["\n".join(ast.unparse(s) for s in _own(n)).lower()]]  # fmt: skip
    formed = [one for one in said if one[1]] or [one for one in said if one[0]]
    if len({claim for claim, *_ in formed}) != 1:
        return "", inspection.program.tree.body[0], inspection.program
    claim, _, node, home = min(formed, key=lambda one: (one[2].end_lineno or 0) - one[2].lineno)
    return claim, node, home


def _in_one_of(tree: ast.Module, names: Collection[str], node: ast.stmt) -> bool:
    """Whether a node stands in a class or function of such a name."""
    kinds = ast.FunctionDef | ast.ClassDef
    around = [n.name for n in ast.walk(tree) if isinstance(n, kinds) and any(one is node for one in ast.walk(n))]
    return not set(names).isdisjoint(around)


def _own(node: ast.FunctionDef | ast.For) -> list[ast.stmt]:
    """The statements of a function or loop that give something a value."""
    return [n for one in node.body for n in ast.walk(one) if isinstance(n, ast.stmt) and hasattr(n, "value")]
