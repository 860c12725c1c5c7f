"""Blame: which line made a wrong number out of right ones, where a gradient is not even a multiple of the right one.

The delta that a wrong weight gradient was made from is found among what was noted; what it was made from in turn, by
undoing what should have been done.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from handgrad.audit.judging.measure import fit_beside
from handgrad.audit.place.handing import Suspect, handed_on, slope_alone, suspect
from handgrad.audit.place.observe import CHANGED, GIVEN, MADE, RETURNED, Noted
from handgrad.audit.place.right_numbers import Quantity, RightNumbers, Step, Trail, factor, factor_of, views
from handgrad.core.arrays import Array


def wrong_values(step: Step) -> Iterator[Suspect]:
    """Suspects of the first layer, coming from the loss, whose gradient is another than the right one."""
    for name, quantity in step.parameters():
        if name not in step.wrong or not step.gradient[name].any() or step.factor(name, quantity) is not None:
            continue
        if quantity.kind == "dW":
            flat = step.gradient[name]
            turned = step.right.case.walk.stages[quantity.layer - 1].matrix.transposed
            used = used_delta(step.right, step.trail, quantity.layer, flat.T if turned else flat)
            if used is not None and factor_of(used, step.right.back[Quantity("dz", quantity.layer)], 1e-5) is None:
                yield from _wrong_delta(step, quantity.layer, used)
        made = step.trail.first(step.gradient[name]) or next(iter(step.moves(name)), None)
        if made is not None:
            yield suspect(step, made, quantity)
        return


def gradients_made(right: RightNumbers, trail: Trail, effective: dict[str, Array]) -> Iterator[tuple[str, Array]]:
    """Gradients as the code made them, where what a step did with them is another thing: Adam, momentum, a penalty."""
    for layer in range(1, right.last + 1):
        matrix = right.case.walk.stages[layer - 1].matrix
        gradient, weights = effective[matrix.weight], right.case.parameters[matrix.weight]
        if not gradient.any():
            continue
        known = trail.first(gradient) is not None
        for note, view in trail.shaped(gradient.shape):
            if note.how not in (MADE, CHANGED, RETURNED) or note.value.dtype.kind != "f" or not view.any():
                continue
            if known and factor(gradient - view, weights, 1e-4) is None:
                continue
            used = used_delta(right, trail, layer, view.T if matrix.transposed else view)
            if used is None:
                continue
            yield matrix.weight, view
            bias = trail.first(used.sum(axis=0))
            if matrix.bias is not None and bias is not None:
                yield matrix.bias, bias.value.reshape(effective[matrix.bias].shape)
            break


def used_delta(right: RightNumbers, trail: Trail, layer: int, gradient: Array) -> Array | None:
    """The noted array (B, outputs) whose product with a layer's inputs is a gradient (inputs, outputs), but for what a
    penalty adds to it.
    """
    stage = right.case.walk.stages[layer - 1]
    mixed = np.random.default_rng(0).standard_normal((len(gradient), min(len(gradient), 8)))
    wanted, inputs, weights = mixed.T @ gradient, (stage.x @ mixed).T, mixed.T @ stage.W
    for _, view in trail.shaped(stage.z.shape):
        found = fit_beside(wanted, inputs @ view, weights, trail.exact)
        # More of the weights than of a gradient: the weights themselves, after their step.
        most = abs(found.factor) * float(np.linalg.norm(inputs @ view))
        if found.exact and most > abs(found.decay) * float(np.linalg.norm(weights)):
            return view
    return None


def _wrong_delta(step: Step, layer: int, used: Array) -> Iterator[Suspect]:
    """Who made a delta wrong: the error from above, the slope of the activation, or the two brought together."""
    right, trail = step.right, step.trail
    dz, da = Quantity("dz", layer), Quantity("da", layer)
    above = Quantity("dz", layer + 1)
    error = trail.first(right.back[da]) or (trail.first(right.back[above]) if layer < right.last else None)
    made = trail.first(used, since=0 if error is None else error.order)
    if made is None:
        return
    if factor_of(used, right.back[da], trail.exact) is not None:
        yield from handed_on(step, layer, used, dz)
        yield suspect(step, made, dz)
        return
    slope = right.slope(layer)
    if slope is not None and factor(used, slope, trail.exact) is not None:
        yield suspect(step, slope_alone(step, layer, used, error), dz)
        return
    for note in _wrong_error(step, layer, used, made):
        # Worked out in a place of its own, which is another function than that which takes it on.
        alone = note.how == RETURNED or "." in note.name or layer < right.last or note.call != made.call
        yield from (suspect(step, note, da), suspect(step, made, dz))[:: 1 if alone else -1]
    for line, note in (*_wrong_slope(step, layer, used, made), *_wrong_place(step, layer, used, made)):
        yield Suspect(line, note.name, f"f'(z{layer})", None, 1.0)
    for note in _wrong_jacobian(step, layer, made):
        yield Suspect(note.line, note.name, f"f'(z{layer})", None, 1.0)
    yield suspect(step, made, dz)
    yield from (Suspect(line, made.name, dz.name, None, 1.0) for line in made.stack[:1])


def _wrong_error(step: Step, layer: int, used: Array, made: Noted) -> Iterator[Noted]:
    """The first noted error which, brought through the activation as it should be, gives the wrong delta."""
    right, trail = step.right, step.trail
    true = right.back[Quantity("da", layer)]
    for note, view in trail.shaped(used.shape, made.order):
        if note.value.dtype.kind != "f" or factor(view, used, trail.exact) is not None:
            continue
        if (
            factor(view, true, trail.exact) is None
            and factor(right.through(layer, view), used, trail.exact) is not None
        ):
            yield note
            return


def _wrong_slope(step: Step, layer: int, used: Array, made: Noted) -> Iterator[tuple[int, Noted]]:
    """The first noted slope which, times the right error, gives the wrong delta. Where the function that made it did
    right by what it was given, the line that gave it comes first.
    """
    trail = step.trail
    error = step.right.back[Quantity("da", layer)]
    for note, view in trail.shaped(used.shape, made.order):
        if not view.any() or (view == view.flat[0]).all() or factor(view * error, used, trail.exact) is None:
            continue
        given = [n for n in trail.notes[: note.order] if n.call == note.call and n.how == GIVEN]
        legitimate = any(_slope_at(step, layer, n, view) for n in given)
        lines = [note.line, *note.stack[:1]]
        for line in lines[::-1] if legitimate else lines:
            yield line, note
        return


def _slope_at(step: Step, layer: int, note: Noted, slope: Array) -> bool:
    """Whether a slope is that of the layer's activation at some note's value, taken for an input or an output."""
    at = next(views(note.value, slope.shape), None)
    return at is not None and any(
        form is not None and factor(form, slope, step.trail.exact) is not None
        for form in (step.right.slope(layer, at), by_output(step, layer, at))
    )


def by_output(step: Step, layer: int, y: Array) -> Array | None:
    """The slope of a layer's activation worked out from its output, as y * (1 - y)."""
    bend = step.right.case.walk.stages[layer - 1].bend
    kind = type(bend).__name__
    return y * (1 - y) if kind == "Sigmoid" else 1 - y * y if kind == "Tanh" else None


def _wrong_place(step: Step, layer: int, used: Array, made: Noted) -> Iterator[tuple[int, Noted]]:
    """Where a function that brings the error through the slope was handed the input for the output, or the reverse,
    in what an earlier one returned to be kept.
    """
    trail, error = step.trail, step.right.back[Quantity("da", layer)]
    for note in trail.notes[: made.order]:
        if note.call != made.call or note.how != GIVEN or note.array == made.array:
            continue
        at = next(views(note.value, used.shape), None)
        if at is None or factor(at, error, trail.exact) is not None:
            continue
        for form in (step.right.slope(layer, at), by_output(step, layer, at)):
            if form is not None and factor(form * error, used, trail.exact) is not None:
                kept = [
                    n for n in trail.notes[: note.order]
                    if n.array == note.array and n.how == RETURNED and "[" in n.name and n.call != note.call
                ]  # fmt: skip
                beside = {
                    hit.note.call for hit in trail.hits(step.right.forward[f"a{layer}"]) if hit.note.how == RETURNED
                }
                kept = [n for n in kept if n.call in beside] + kept
                yield (kept[0].line, kept[0]) if kept else ((made.stack or (made.line,))[0], note)
                return


def _wrong_jacobian(step: Step, layer: int, made: Noted) -> Iterator[Noted]:
    """The last square array, made in the same call, that should have been the softmax's derivative of one sample."""
    stage = step.right.case.walk.stages[layer - 1]
    if step.right.slope(layer) is not None:
        return
    classes = stage.y.shape[1]
    square = [
        note for note, _ in step.trail.shaped((classes, classes), made.order)
        if note.call == made.call and note.how == MADE and note.value.dtype.kind == "f"
    ]  # fmt: skip
    true = [np.diag(p) - np.outer(p, p) for p in stage.y]
    last = square[-1:]
    yield from (n for n in last if all(factor_of(n.value, one, step.trail.exact) is None for one in true))
