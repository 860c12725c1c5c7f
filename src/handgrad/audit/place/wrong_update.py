"""Wrong update: the lines that forget a parameter, add a gradient to an old one, or change weights still in use."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import numpy as np

from handgrad.audit.place.handing import Suspect, chooses, lists, loops_around, turns_ended
from handgrad.audit.place.observe import CHANGED, MADE, NAMED, RETURNED, Noted
from handgrad.audit.place.right_numbers import Quantity, Step, factor_of
from handgrad.core.arrays import Array


def never_updated(step: Step) -> Iterator[Suspect]:
    """Lines that should have updated a parameter that stays as it is."""
    still = [(name, quantity) for name, quantity in step.parameters() if _forgotten(step, name)]
    for name, quantity in still:
        for note in (*_lost(step, name, quantity), *_zero(step, name, quantity)):
            yield Suspect(note.line, note.name, quantity.name, 0.0)
        for line, shown in _beside(step, name, quantity):
            yield Suspect(line, shown, quantity.name, 0.0)
        for hit in step.trail.hits(step.right.back[quantity])[-1:]:
            yield Suspect(hit.note.line, hit.note.name, quantity.name, 0.0)


def _forgotten(step: Step, name: str) -> bool:
    return name in step.wrong and not step.gradient[name].any()


def _lost(step: Step, name: str, quantity: Quantity) -> Iterator[Noted]:
    """Where the updated value is worked out and then not kept."""
    yield from [note for note, _ in _stepped(step, name, quantity)][:1]


def _stepped(step: Step, name: str, quantity: Quantity) -> Iterator[tuple[Noted, Array]]:
    """(where, what) a parameter is made less by a multiple of its gradient, whether that stays so or not."""
    true, old = step.right.back[quantity], step.before[name]
    for note, view in step.trail.shaped(old.shape):
        if note.how in (MADE, CHANGED, RETURNED) and factor_of(view - old, true, 1e-6) is not None:
            yield note, view


def _zero(step: Step, name: str, quantity: Quantity) -> Iterator[Noted]:
    """Where the gradient is worked out as zero, after a right delta."""
    delta = step.trail.first(step.right.back[Quantity("dz", quantity.layer)])
    if delta is None or step.trail.first(step.right.back[quantity]) is not None:
        return
    for note, view in step.trail.shaped(step.before[name].shape):
        if note.order > delta.order and not view.any() and note.how in (MADE, RETURNED, NAMED):
            yield note
            return


def _beside(step: Step, name: str, quantity: Quantity) -> Iterator[tuple[int, str]]:
    """(line, name there) around the updates of the other parameters, the next of kin first."""
    kin = [(q.layer - quantity.layer, q.kind, n) for n, q in step.parameters() if n != name]
    found = [(gap, kind, note) for gap, kind, n in kin for note in step.moves(n)[:1]]
    # Of the layer itself that of the same kind; of others the lines beside the gap where its own should stand.
    down = _goes_down([(gap, note.line) for gap, _, note in found])

    def rank(one: tuple[int, str, Noted]) -> tuple[int, bool, int]:
        gap, kind, note = one
        return abs(gap), gap == 0 and kind != quantity.kind, note.line if (gap > 0) != down else -note.line

    found.sort(key=rank)
    moved = [(abs(gap), note) for gap, _, note in found]
    for distance, note in moved:
        yield from ((line, name) for line in _written(step, name, note.line))
        around = loops_around(step.tree, note.line)
        if not around and _called_for_each(step, note):  # the loop that calls it with one parameter after the other
            around = loops_around(step.tree, next(iter(note.stack), 0))[:1]
        several = len({gap for gap, _, one in found if one.line == note.line}) > 1
        named = [one.lineno for one in around if lists(one.iter) or (several and chooses(one.iter))]
        named = [*(turns_ended(around, note.line) if several else ()), *named][:1]
        yield from ((line, name) for line in named)
        if not named and distance == 0 and around:
            yield from _handed_without(step, name, note, Quantity("dW", quantity.layer))
        if note.stack and (distance or _called_for_each(step, note)):
            yield note.stack[0], note.name
        yield note.line, note.name
        yield from ((line, note.name) for line in note.stack[:1])


def _goes_down(lines: list[tuple[int, int]]) -> bool:
    """Whether layers are updated from the last to the first, as far as (layer, line) of each tells."""
    layers, at = [layer for layer, _ in lines], [line for _, line in lines]
    return len(set(layers)) > 1 and len(set(at)) > 1 and float(np.cov(layers, at)[0, 1]) < 0


def _called_for_each(step: Step, note: Noted) -> bool:
    """Whether the function that updates is handed the parameter itself."""
    return any(n.call == note.call and n.how == "given" and n.array == note.array for n in step.trail.notes)


def _handed_without(step: Step, name: str, kin: Noted, gradient: Quantity) -> Iterator[tuple[int, str]]:
    """The first line that returns a next of kin, its gradient made, in a list from which the parameter is missing."""
    ready = step.trail.first(step.right.back[gradient])
    if ready is None:
        return
    own = {n.array for n in step.trail.notes if n.value.shape == step.before[name].shape
           and np.array_equal(n.value, step.before[name])}  # fmt: skip
    for note in step.trail.notes[ready.order : kin.order]:
        if note.how == RETURNED and "[" in note.name and note.array == kin.array:
            beside = [n for n in step.trail.notes if n.how == RETURNED and n.call == note.call]
            if not any(n.array in own for n in beside):
                yield note.line, note.name
                return


def _written(step: Step, name: str, line: int) -> Iterator[int]:
    """Assignments to a parameter, or the list that it is in, by name, in the same block as another one's update."""
    last = re.sub(r"\[\d+\]$", "", name.replace("']", "").replace("['", ".")).rpartition(".")[2]
    for node in ast.walk(step.tree or ast.Module([], [])):
        for block in (getattr(node, "body", None), getattr(node, "orelse", None)):
            if isinstance(block, list) and any(one.lineno == line for one in block):
                for one in block:
                    targets = one.targets if isinstance(one, ast.Assign) else []
                    if any(ast.unparse(target).rpartition(".")[2] == last for target in targets):
                        yield one.lineno


def unpaid(step: Step) -> Iterator[Suspect]:
    """Lines that make the gradient of a weight from the data alone, where the loss charges for the weight as well."""
    for name, quantity in step.parameters():
        for hit in step.trail.hits(step.right.back[quantity])[:1] if name in step.wrong else ():
            yield Suspect(hit.note.line, hit.note.name, quantity.name, hit.factor)


def never_reset(step: Step) -> Iterator[Suspect]:
    """Lines that add a gradient to what an earlier step has left, and those that then use the sum."""
    right, trail = step.right, step.trail
    before = {_place(note): note for note in step.earlier}
    for note in trail.notes:
        old = before.get(_place(note))
        if old is None or note.how not in (MADE, CHANGED) or old.value.shape != note.value.shape:
            continue
        for name, quantity in step.parameters():
            value = right.back[quantity]
            if name in step.wrong and note.value.size == value.size and _adds(step, note, old, quantity):
                yield Suspect(note.line, note.name, quantity.name, 2.0)
    for name, quantity in step.parameters():
        for note in step.moves(name)[:1] if name in step.wrong else ():
            yield Suspect(note.line, note.name, quantity.name, 2.0)


def _place(note: Noted) -> tuple[int, int, str, str]:
    return note.order, note.line, note.name, note.how


def _adds(step: Step, note: Noted, old: Noted, quantity: Quantity) -> bool:
    """Whether a note is what stood there a step ago and the gradient once more."""
    return factor_of(note.value - old.value, step.right.back[quantity], max(1e-5, step.trail.exact)) is not None


def updated_too_early(step: Step) -> Iterator[Suspect]:
    """Updates of weights before the error was passed through them, and the lines that then pass it."""
    right, trail = step.right, step.trail
    for layer in range(right.last, 1, -1):
        stage = right.case.walk.stages[layer - 1]
        moved = list(_stepped(step, stage.matrix.weight, Quantity("dW", layer)))
        moves = step.moves(stage.matrix.weight) or [note for note, _ in moved]
        new = moved[0][1] if moved else step.after[stage.matrix.weight]
        wrong = right.back[Quantity("dz", layer)] @ (new if stage.matrix.transposed else new.T)
        late = trail.first(wrong) or trail.first(right.through(layer - 1, wrong))
        if not moves or late is None or late.order < moves[0].order:
            continue
        below = Quantity("da", layer - 1)
        if moves[0].call != late.call and moves[0].stack:
            yield Suspect(moves[0].stack[0], moves[0].name, below.name)
        yield Suspect(moves[0].line, moves[0].name, below.name)
        yield Suspect(late.line, late.name, below.name)
