"""Direct: a model, a loss and a batch that are called as they stand: forward, loss, its derivative, backward.

What no reader of networks knows, such as layers for pictures, can still be held against numeric slopes that way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from handgrad.audit.dialects import Reading
from handgrad.audit.dialects.calling import BACKWARD, FORWARD, method
from handgrad.audit.memory.named_gradients import gradients_by_name
from handgrad.audit.objects import parts
from handgrad.audit.subject import Subject
from handgrad.core.arrays import Array

Pairs = dict[str, tuple[Array, Array]]


def direct(
    model: Any, value: Callable[..., Any], slope: Callable[..., Any], x: Any, y: Any, told: str
) -> Iterator[Reading]:
    """One reading, if the model runs both ways and its parameters are found with their gradients.

    Args:
        model: one object with forward and backward; a copy, for its gradients are changed.
        value: of prediction and labels.
        slope: the derivative of that value by the prediction.
        x: a batch, a sample a row, of any shape.
        y: its labels.
        told: what to call the loss.
    """
    forward, backward = method(model, FORWARD), method(model, BACKWARD)
    x, y = np.asarray(x), np.asarray(y)
    if forward is None or backward is None or len(x) != len(y):
        return

    def loss(x: Array, y: Array) -> float:
        return float(value(forward(x), y))

    def back(x: Array, y: Array) -> Pairs:
        prediction = forward(x)
        value(prediction, y)
        backward(slope(prediction, y))
        return _pairs(model)

    def data(rows: int, seed: int) -> tuple[Array, Array]:
        picked = np.random.default_rng(seed).permutation(max(rows, len(x)))[:rows] % len(x)
        return x[picked].copy(), y[picked].copy()

    batch = data(4, 0)
    learned = [name for name, pair in back(*batch).items() if _matters(pair[0], lambda: loss(*batch))]

    def parameters() -> Mapping[str, Array]:
        held = _pairs(model)
        return {name: held[name][0] for name in learned}

    def gradients(x: Array, y: Array) -> Mapping[str, Array]:
        held = back(x, y)
        return {name: held[name][1] for name in learned}

    if learned:
        facts = {"parameters": ", ".join(learned), "loss": told, "labels": "as they were given"}
        functions: dict[str, Any] = {"forward": forward, "backward": backward}
        for i, part in enumerate(parts(model)):
            functions[f"{type(part).__name__}{i}"] = method(part, BACKWARD)
        yield Reading(Subject(parameters, loss, None, gradients, data=data), "objects", facts, functions)


def _pairs(model: Any) -> Pairs:
    """Each array with its gradient, by the number of the layer and its name in it."""
    found: Pairs = {}
    seen: set[int] = set()
    for i, part in enumerate(parts(model)):
        for name, (value, gradient) in gradients_by_name(part):
            if id(value) not in seen and value.shape == gradient.shape:
                seen.add(id(value))
                found[f"{type(part).__name__}{i}.{name}"] = (value, gradient)
    return found


def _matters(array: Array, loss: Callable[[], float]) -> bool:
    """Whether the loss depends on an array: x beside dx is kept for the way back, and not learned."""
    before, saved = loss(), array.copy()
    array += 0.1 * np.random.default_rng(1).standard_normal(array.shape) * (float(np.abs(saved).mean()) or 1.0)
    after = loss()
    array[...] = saved
    return abs(after - before) > 1e-12 * abs(before)
