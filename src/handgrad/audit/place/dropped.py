"""Dropped: dropout that is written into a network, and that was put aside to look at its other gradients, or was not.

It is switched on again, its draws are held, and one sample at a time shows which units were dropped in the loss and
which in the gradients. The layer above must agree first: only then was it the same draw.
"""

from __future__ import annotations

import ast
import re
import time
from dataclasses import replace

import numpy as np

from handgrad.audit.dialects.sizes import dropping
from handgrad.audit.findings import Finding
from handgrad.audit.inspection import Inspection
from handgrad.audit.judging.batch import Batch, batch
from handgrad.audit.judging.descent import UNNAMED
from handgrad.audit.judging.identify import Matrix, chains
from handgrad.audit.judging.stillness import held
from handgrad.audit.place.chart import Chart
from handgrad.audit.place.first_wrong import first_wrong
from handgrad.audit.place.links import told
from handgrad.audit.place.observe import observe
from handgrad.audit.place.thinned import ROWS, drops
from handgrad.audit.reading.fence import OutOfTime, work_limit
from handgrad.audit.subject import Subject
from handgrad.core.arrays import Array

SECONDS = 3.0
# What a dropout's mistakes are taken for where it is not seen.
NAMELESS = frozenset({UNNAMED, "uneven-scale", "penalty-scaled"})
_KEEP = 0.75
_FEWEST, _MOST, _UNITS = 5, 8, 12  # samples, of which three are too few for another mask, and units of each
_ENOUGH = 12  # units that were not dropped, to say that no other mask was drawn
_LOOKING = 0.2  # seconds of processor time, after which the fewest samples have to do
_STEP = 2.0**-14
_CLOSE, _NOTHING = 1e-4, 1e-7  # relative to the largest
_RANDOM = re.compile(r"rand$|random$|random_sample$|ranf$|binomial$|uniform$")
_WHOLE = re.compile(r"randint$|integers$")


def check(inspection: Inspection) -> list[Finding]:
    """What is wrong with dropout on the way back; nothing where the network is otherwise wrong.

    Of a network that is not known, for its dropout could not be put aside, only what would have no name is looked at.
    """
    diagnosis, facts = inspection.diagnosis, inspection.reading.facts
    subject = inspection.reading.subject
    known = diagnosis.identity is not None
    if known and not (diagnosis.ok and re.search("keep|drop", facts.get("put_aside", "").lower())):
        return []
    errors = {one.code for one in diagnosis.findings if one.severity == "error"}
    if not known and not (errors and errors <= NAMELESS and masks(inspection.program.tree)[0]):
        return []
    saved = subject.snapshot()
    try:
        with inspection.program.guarded(), work_limit(SECONDS):
            scales = (1 / _KEEP,) if known else _scales(inspection)
            given = diagnosis.identity.matrices if diagnosis.identity is not None else None
            matrices = given or next(chains(saved, subject.features, subject.classes))
            found = _judged(subject, matrices, scales) if scales else []
        if found and found[0].code == "dropout-mask-not-applied" and (line := _by_numbers(inspection)) is not None:
            return [replace(found[0], file=inspection.program.filename, line=line)]
    except (Exception, SystemExit, OutOfTime):  # it cannot do with one sample, or not without all that it drops
        return []
    finally:
        subject.restore(saved)
    return [placed(inspection, one) for one in found]


def _by_numbers(inspection: Inspection) -> int | None:
    """The line where the error passes a dropout without its mask, by the numbers of one step."""
    names = tuple(inspection.reading.subject.parameters())
    with dropping(_KEEP, 1):
        try:
            with inspection.program.guarded(), work_limit(SECONDS):
                said = told(Chart(inspection, frozenset(names), SECONDS))
        except (Exception, SystemExit, OutOfTime):  # reading tells a line as well
            said = []
        line = next((one.line for one in said if one.code == "dropout-mask-not-applied"), None)
        if line is None and inspection.diagnosis.identity is not None:
            still = replace(inspection.reading, subject=held(inspection.reading.subject, np.random.default_rng(0)))
            wrong = Finding("dropout-mask-not-applied", "error", names)
            line = next((one.line for one in first_wrong(replace(inspection, reading=still), [wrong])), None)
    return line


def _scales(inspection: Inspection) -> tuple[float, ...]:
    """By what the dropouts of a network multiply what they leave; where that is 1, one over the share that is left."""
    subject = inspection.reading.subject
    one = batch(subject, ROWS, 4)
    runs = []
    for seed in (1, 2):
        with dropping(_KEEP, seed):
            runs.append(observe(lambda: subject.loss(one.x, one.y), {inspection.program.filename, "<audit>"}))
    return tuple(
        drop.scale if abs(drop.scale - 1) > _NOTHING else 1 / drop.share for drop in drops(runs[0], runs[1], one.x)
    )


def _judged(subject: Subject, matrices: tuple[Matrix, ...], scales: tuple[float, ...]) -> list[Finding]:
    rng = np.random.default_rng(3)
    for value in subject.parameters().values():
        value[...] = rng.standard_normal(value.shape) / np.sqrt(max(value.shape))
    until = time.thread_time() + _LOOKING
    pairs: list[_Pair] = []
    units: list[tuple[float, float]] = []
    for seed in range(_MOST):
        if seed >= _FEWEST and time.thread_time() > until:
            break
        pairs.append(_Pair(held(subject, rng), batch(subject, 1, seed), seed))  # each with draws of its own
        units += pairs[-1].units(matrices[-1], outputs=False)
    largest = max(abs(true) for _, true in units)
    if any(abs(given - true) > _CLOSE * largest for given, true in units):
        return []
    for matrix in reversed(matrices[:-1]):
        code, scale = _named([one for pair in pairs for one in pair.units(matrix, outputs=True)], scales)
        if code == UNNAMED:
            where = tuple(filter(None, (matrix.weight, matrix.bias)))
            return [Finding(code, "error", where, {"residual": 1.0, "first": matrix.weight}, {"residual": 0.0})]
        if code:
            return [Finding(code, "error", ("dropout",), {"scale": scale, "residual": 1.0}, {"residual": 0.0})]
        if code is None:
            return []
    return []


def _named(units: list[tuple[float, float]], scales: tuple[float, ...]) -> tuple[str | None, float]:
    """(code, the scale that is missing) from what the gradient and the loss say of each unit; "" where they agree."""
    given, true = (np.array(side) for side in zip(*units, strict=True))
    largest = float(np.abs(true).max())
    alive, lit = np.abs(true) > _NOTHING * largest, np.abs(given) > _NOTHING * largest
    if np.allclose(given, true, rtol=0, atol=_CLOSE * largest):
        return "", 0.0
    if alive.all() or alive.sum() < 4:
        return None, 0.0  # nothing is dropped here
    if (alive & ~lit).any():
        return ("dropout-new-mask" if (lit & ~alive).any() else None), 0.0
    ratio = given[alive] / true[alive]
    even = bool(np.ptp(ratio) <= _CLOSE * abs(ratio[0]))
    if (lit & ~alive).any():
        return ("dropout-mask-not-applied" if even and alive.sum() >= _ENOUGH else None), float(1 / ratio[0])
    if not even:  # the same mask, and another derivative: one that is taken behind it
        return (UNNAMED if alive.sum() >= _ENOUGH else None), 0.0
    powers = [one**n for one in scales for n in (1, -1, 2, -2)] + [1 - 1 / one for one in scales]
    known = any(abs(ratio[0] - due) < _CLOSE for due in powers)
    return ("dropout-scale-differs" if known else None), float(1 / ratio[0])


class _Pair:
    """One sample: what the gradients and what the loss say of its units."""

    def __init__(self, subject: Subject, one: Batch, seed: int) -> None:
        self.subject, self.one, self.seed = subject, one, seed
        with dropping(_KEEP, seed):
            self.gradient = subject.gradient(one.x, one.y, 2.0**-20)

    def units(self, matrix: Matrix, *, outputs: bool) -> list[tuple[float, float]]:
        """(gradient, slope of the loss) along the weights of single units that a matrix leads to, or from."""
        value = self.subject.parameters()[matrix.weight]
        axis = int(outputs != matrix.transposed)
        rng = np.random.default_rng(5)
        found = []
        for unit in range(min(value.shape[axis], _UNITS)):
            v = np.zeros(value.shape)
            line = v[:, unit] if axis else v[unit]
            line[...] = rng.standard_normal(line.shape)
            own = value[:, unit] if axis else value[unit]
            if own.size > 1:  # across it a penalty does not change; with one output there is no across
                line -= own * (np.vdot(own, line) / (np.vdot(own, own) or 1.0))
            found.append((float(np.vdot(self.gradient[matrix.weight], v)), self._slope(matrix.weight, v)))
        return found

    def _slope(self, name: str, v: Array) -> float:
        start = np.array(self.subject.parameters()[name])
        losses = []
        with dropping(_KEEP, self.seed):
            for t in (_STEP, -_STEP):
                self.subject.parameters()[name][...] = start + t * v
                losses.append(float(self.subject.loss(self.one.x, self.one.y)))
        self.subject.parameters()[name][...] = start
        return (losses[0] - losses[1]) / (2 * _STEP)


def placed(inspection: Inspection, finding: Finding) -> Finding:
    """At the line of the backward where the mask is applied, or drawn anew; else where backward begins."""
    program = inspection.program
    drawn, used = masks(program.tree)
    code = getattr(inspection.reading.functions.get("backward"), "__code__", None)
    first = drawn[0] if drawn else 0
    lines = [line for line in (drawn[1:] if finding.code == "dropout-new-mask" else used) if line > first]
    if code is not None and code.co_filename == program.filename:
        node = next(
            (n for n in ast.walk(program.tree) if isinstance(n, ast.FunctionDef) and n.lineno == code.co_firstlineno),
            None,
        )
        inside = [line for line in lines if node and node.lineno < line <= (node.end_lineno or 0)]
        anywhere = node is None or inspection.diagnosis.identity is None  # of a loop, its first line says nothing
        lines = inside or (lines if anywhere else []) or [code.co_firstlineno]
    line = lines[0] if lines and finding.code == "dropout-new-mask" else lines[-1] if lines else None
    return finding if line is None else replace(finding, file=program.filename, line=line)


def masks(tree: ast.Module) -> tuple[list[int], list[int]]:
    """(lines that draw random numbers to be compared with a share, lines that use a mask)."""
    statements = [n for n in ast.walk(tree) if isinstance(n, ast.Assign | ast.AugAssign | ast.Return)]
    statements.sort(key=lambda n: n.lineno)
    masks: set[str] = set()
    drawn: list[int] = []
    raw: set[str] = set()
    for one in statements:
        targets = one.targets if isinstance(one, ast.Assign) else [one.target] if isinstance(one, ast.AugAssign) else []
        value = one.value
        if value is None:
            continue
        compared = [part for n in ast.walk(value) if isinstance(n, ast.Compare) for part in ast.walk(n)]
        names = {_name(t) for t in targets} - {""}
        if any(map(_draws_mask, ast.walk(value))) or any(map(_draws, compared)) or raw & {_name(n) for n in compared}:
            drawn.append(one.lineno)
            masks |= names
        elif _draws(value):
            raw |= names
    masks |= {kept for n in ast.walk(tree) for kept in _appended_to(n, masks)}
    used = [s.lineno for s in statements if s.value is not None and masks & {_name(n) for n in ast.walk(s.value)}]
    return drawn, used


def _appended_to(node: ast.AST, masks: set[str]) -> set[str]:
    """The name of a list that gets a mask: masks of masks.append(mask)."""
    match node:
        case ast.Call(func=ast.Attribute(value=kept, attr="append"), args=[one]) if _name(one) in masks:
            return {_name(kept)} - {""}
    return set()


def _draws(node: ast.AST) -> bool:
    """Whether it is a call that draws random numbers."""
    return isinstance(node, ast.Call) and bool(_RANDOM.search(ast.unparse(node.func).lower()))


def _draws_mask(node: ast.AST) -> bool:
    """Whether it is a call that draws a mask by itself: binomial(1, keep, n), randint(0, 2, n), choice([0, 1], n)."""
    if not isinstance(node, ast.Call):
        return False
    name, first = ast.unparse(node.func).lower(), node.args[:2]
    if _WHOLE.search(name):
        return [ast.unparse(one) for one in first] == ["0", "2"] or ast.unparse(first[0] if first else node) == "2"
    if name.endswith("choice"):
        values = first[0] if first else None
        return isinstance(values, ast.List | ast.Tuple) and len(values.elts) == 2
    return _draws(node) and "binomial" in name


def _name(node: ast.AST) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.Constant(value=str(name)):
            return name
        case ast.Subscript(slice=ast.Constant(value=str(name))):
            return name
    return ""
