"""Wrong scale: the lines at which a right number becomes a multiple of itself, and those that update, or do not.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from handgrad.audit.blame import Suspect
from handgrad.audit.observe import CHANGED, GIVEN, MADE, NAMED, RETURNED, Noted
from handgrad.audit.right_numbers import Quantity, Step, factor, factor_of, views


class Change:
    __slots__ = ("note", "quantity", "ratio", "stage")

    def __init__(self, note: Noted, quantity: Quantity, ratio: float, stage: str) -> None:
        self.note, self.quantity, self.ratio, self.stage = note, quantity, ratio, stage


def wrong_scale(step: Step) -> Iterator[Suspect]:
    factors = {}
    for name, quantity in step.parameters():
        k = step.factor(name, quantity)
        if k is not None:
            factors[name] = (quantity, k)
    wrong = {n: v for n, v in factors.items() if n in step.wrong}
    if not wrong:
        return
    changes = list(_changes(step, wrong, {n: v for n, v in factors.items() if n not in step.wrong}))
    if any(k < 0 for _, k in wrong.values()):
        chosen = [c for c in changes if c.ratio < 0]
        rest = [c for c in changes if c.stage == "start" and c.ratio > 0] + [
            c for c in changes if c.stage == "update" and c.ratio > 0]
        lines = {c.note.line for c in chosen}
        if len(lines) > 2 and all(c.stage == "update" for c in chosen):
            chosen, rest = rest[:1], chosen
        chosen += rest
    else:
        late = {"gradient": 0, "update": 1, "start": 2, "error": 2}
        chosen = [c for c in changes if step.rows > 1 and _averages(step, c.ratio)]
        chosen.sort(key=lambda c: late[c.stage])
    for c in chosen:
        yield Suspect(c.note.line, c.note.name, c.quantity.name, c.ratio)


def _averages(step: Step, ratio: float) -> bool:
    classes = step.right.case.walk.t.shape[1]
    return any(
        abs(ratio * step.rows**e - c) < 1e-5 * c
        for e in (1, 2)
        for c in (1, 2, 0.5, 1 / classes, 2 / classes, 0.5 / classes)
    )


def _path(step: Step, quantity: Quantity) -> set[Quantity]:
    found = {quantity}
    for layer in range(quantity.layer, step.right.last + 1):
        found |= {Quantity("dz", layer)} | ({Quantity("da", layer)})
    return found


def _changes(step: Step, wrong: dict, sound: dict) -> Iterator[Change]:
    right, trail = step.right, step.trail
    blamed = {q for quantity, _ in wrong.values() for q in _path(step, quantity)}
    blamed -= {q for quantity, _ in sound.values() for q in _path(step, quantity)}
    known: dict[Quantity, float] = {}
    for note in trail.notes:
        for quantity, value in right.back.items():
            if note.value.size != value.size or note.value.dtype.kind != "f":
                continue
            k = factor_of(note.value, value, trail.exact)
            if k is None:
                continue
            before = [known[q] for q in (quantity, *quantity.parents(right.last)) if q in known]
            started = bool(before)
            ratio = k / before[0] if started else k / right.case.walk.divisor
            known[quantity] = k
            if abs(ratio - 1) > 1e-6 and quantity in blamed:
                stage = "start" if not started else "gradient" if quantity.kind in ("dW", "db") else "error"
                yield Change(note, quantity, ratio, stage)
            break
    for name, (quantity, k) in wrong.items():
        if quantity not in known:
            continue
        ratio = k / known[quantity]
        if abs(ratio * step.lr - 1) < 1e-6:
            ratio = 1.0
        for note in step.moves(name)[:1]:
            yield Change(note, quantity, ratio, "update")


def _enclosing():
    ...


def never_updated(step: Step) -> Iterator[Suspect]:
    """Lines that should have updated what stays as it is."""
    right, trail = step.right, step.trail
    for name, quantity in step.parameters():
        if name not in step.wrong or step.gradient[name].any():
            continue
        true = right.back[quantity]
        for note, view in trail.shaped(step.before[name].shape):
            if note.how in (MADE, CHANGED, RETURNED) and factor_of(view - step.before[name], true, 1e-6) is not None:
                yield Suspect(note.line, note.name, quantity.name)
                break
        delta = trail.first(right.back[Quantity("dz", quantity.layer)])
        if delta is not None and trail.first(true) is None:
            for note, view in trail.shaped(step.before[name].shape):
                if note.order > delta.order and not view.any() and note.how in (MADE, RETURNED, NAMED):
                    yield Suspect(note.line, note.name, quantity.name, 0.0)
                    break
        # the other parameters' updates
        siblings = sorted(
            (abs(q.layer - quantity.layer), q.kind != quantity.kind, n) for n, q in step.parameters() if n != name
        )
        for _, _, other in siblings:
            for note in step.moves(other)[:1]:
                yield Suspect(note.line, note.name, quantity.name)
                if note.stack:
                    yield Suspect(note.stack[0], note.name, quantity.name)
        made = trail.hits(true)
        if made:
            yield Suspect(made[-1].note.line, made[-1].note.name, quantity.name)


def never_reset(step: Step) -> Iterator[Suspect]:
    """Lines that add a gradient to what was there."""
    trail, right = step.trail, step.right
    held: dict[int, object] = {}
    names: dict[tuple, object] = {}
    for note in trail.notes:
        for name, quantity in step.parameters():
            if note.value.size != right.back[quantity].size or note.how not in (MADE, CHANGED):
                continue
            true = right.back[quantity]
            for view in views(note.value, true.shape):
                for old in step.held.get(true.shape, []):
                    if factor(view - old, true, 1e-6) is not None and factor(view, true, 1e-6) is None:
                        yield Suspect(note.line, note.name, quantity.name)
    for name, quantity in step.parameters():
        for note in step.moves(name)[:1]:
            yield Suspect(note.line, note.name, quantity.name)


def updated_too_early(step: Step) -> Iterator[Suspect]:
    """Updates of weights before the error was passed through them."""
    right, trail = step.right, step.trail
    for layer in range(right.last, 1, -1):
        stage = right.case.walk.stages[layer - 1]
        name = stage.matrix.weight
        moves = step.moves(name)
        if not moves:
            continue
        new = step.after[name].T if stage.matrix.transposed else step.after[name]
        wrong = right.back[Quantity("dz", layer)] @ new.T
        below = Quantity("dz", layer - 1)
        late = trail.first(wrong) or trail.first(right.through(layer - 1, wrong))
        if late is not None and late.order > moves[0].order:
            yield Suspect(moves[0].line, moves[0].name, f"W{layer}")
            yield Suspect(late.line, late.name, below.name)
