"""Wrong scale: the lines at which a right number becomes a multiple of itself, on its way from the loss to a parameter.

A factor is no mistake at one line alone, so every line that brings in the kind of factor in question is told: one of
them has to go.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from handgrad.audit.place.handing import Suspect
from handgrad.audit.place.observe import Noted
from handgrad.audit.place.right_numbers import Quantity, Step, factor_of

START, ERROR, GRADIENT, RATE, UPDATE = "start", "error", "gradient", "rate", "update"
_FEW = 2  # lines that somebody may have written wrong at once


@dataclass(frozen=True)
class _Change:
    """A note that is `ratio` times what it was made from; `stage` tells on which part of the way."""

    note: Noted
    quantity: Quantity
    ratio: float
    stage: str


def wrong_scale(step: Step) -> Iterator[Suspect]:
    """Suspects where gradients are multiples of the right ones."""
    found = {name: (quantity, step.factor(name, quantity)) for name, quantity in step.parameters()}
    factors = {name: (quantity, k) for name, (quantity, k) in found.items() if k is not None}
    wrong = {name: one for name, one in factors.items() if name in step.wrong and abs(one[1] - 1) > 1e-6}
    if not wrong:
        return
    sound = [quantity for name, (quantity, _) in factors.items() if name not in wrong]
    changes = list(_changes(step, wrong, sound))
    flipped = any(k < 0 for _, k in wrong.values())
    for change in _flips(changes) if flipped else _alternating([c for c in changes if _averages(step, c.ratio)]):
        yield Suspect(change.note.line, change.note.name, change.quantity.name, change.ratio)
    for quantity, _ in wrong.values():  # nothing is done to it where something should be
        made = step.trail.first(step.right.back[quantity])
        if made is not None:
            yield Suspect(made.line, made.name, quantity.name, wrong_factor(step, made, quantity))


def wrong_factor(step: Step, note: Noted, quantity: Quantity) -> float | None:
    """By how much a note differs from the right number."""
    return factor_of(note.value, step.right.back[quantity], step.trail.exact)


def _flips(changes: list[_Change]) -> list[_Change]:
    """The lines that turn the sign; and the first and the last of the way, where it may be wanted and is missing."""
    turned = _alternating([c for c in changes if c.ratio < 0 and c.stage != RATE])
    if turned and all(c.stage == UPDATE for c in turned):  # every gradient was right until then
        return turned
    start = [c for c in changes if c.stage == START and c not in turned]
    update = [c for c in changes if c.stage in (UPDATE, RATE) and c not in turned]
    few = len({change.note.line for change in turned}) <= _FEW
    return turned + start + update if few else start + turned + update


def _averages(step: Step, ratio: float) -> bool:
    """Whether a factor divides by the number of rows, with the small factors that people put beside it."""
    classes = step.right.case.walk.t.shape[1]
    small = (1, 2, 0.5, 1 / classes, 2 / classes, 0.5 / classes)
    return step.rows > 1 and any(abs(ratio * step.rows**e - c) < 1e-5 * c for e in (1, 2) for c in small)


def _alternating(changes: list[_Change]) -> list[_Change]:
    """The stages by turns: first those of few lines, and of them the later ones of the way before the earlier."""
    order = (GRADIENT, UPDATE, ERROR, START)
    groups: list[list[_Change]] = []
    for stage in order:
        lines: dict[int, _Change] = {}
        for change in changes:
            if change.stage == stage:
                lines.setdefault(change.note.line, change)
        if lines:
            groups.append(list(lines.values())[:: -1 if stage == ERROR else 1])
    groups.sort(key=lambda group: len(group) > _FEW)
    longest = max(map(len, groups), default=0)
    return [group[i] for i in range(longest) for group in groups if i < len(group)]


def _changes(step: Step, wrong: Mapping[str, tuple[Quantity, float]], sound: list[Quantity]) -> Iterator[_Change]:
    """Every change of the factor on the way to a wrong gradient that is not on the way to a right one."""
    right, trail = step.right, step.trail
    blamed = {one for quantity, _ in wrong.values() for one in _way(step, quantity)}
    blamed -= {one for quantity in sound for one in _way(step, quantity)}
    known: dict[Quantity, float] = {}
    rated: list[_Change] = []
    for note in trail.notes:
        for quantity, value in right.back.items():
            k = factor_of(note.value, value, trail.exact) if note.value.dtype.kind == "f" and value.size > 1 else None
            if k is None:
                continue
            before = next((known[q] for q in (quantity, *quantity.parents(right.last)) if q in known), None)
            ratio = k / right.case.walk.divisor if before is None else k / before
            if before is not None and abs(abs(ratio) - step.lr) < 1e-6 * step.lr:  # the learning rate: an update begins
                rated += [_Change(note, quantity, ratio, RATE)] if quantity in blamed else []
                break
            known[quantity] = k
            stage = START if before is None else GRADIENT if quantity.kind in ("dW", "db") else ERROR
            if quantity in blamed and (abs(ratio - 1) > 1e-6 or stage == START):
                yield _Change(note, quantity, ratio, stage)
            break
    for name, (quantity, k) in wrong.items():
        before = next((known[q] for q in (quantity, *quantity.parents(right.last)) if q in known), k)
        for note in step.moves(name)[:1]:
            yield _Change(note, quantity, k / before, UPDATE)
    yield from rated  # the sign that belongs to descent may stand here


def _way(step: Step, quantity: Quantity) -> set[Quantity]:
    """All that a gradient is worked out from, and itself."""
    layers = range(quantity.layer, step.right.last + 1)
    return {quantity, *(Quantity(kind, layer) for layer in layers for kind in ("dz", "da"))}
