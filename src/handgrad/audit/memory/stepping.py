"""Stepping: a training function of the user's as the step of a network that was read without it.

The function trains the very objects that it was written for, so they are worked on, whatever the reading copied.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from handgrad.audit.dialects import Reading
from handgrad.audit.dialects.calling import call, fill, fill_by_place, needed, roles
from handgrad.audit.dialects.layouts import LAYOUTS
from handgrad.audit.objects import Slot, slots
from handgrad.audit.subject import Subject
from handgrad.core.arrays import Array
from handgrad.errors import InputError


def with_step(
    reading: Reading, model: Any, step: Callable[..., Any], known: dict[str, Any], lr: float | None
) -> Reading | None:
    """The reading with `step` in place of what was found; None where its parameters are none of the model's.

    Args:
        reading: of the model or a copy of it.
        model: holds the parameters that `step` trains.
        step: takes a batch, labels and perhaps a learning rate and some of `known`, by the names of its arguments.
        known: model, criterion and optimizer.
        lr: the learning rate that `step` uses where it is not given one.

    Raises: InputError where `step` neither takes a learning rate nor is it known.
    """
    read = reading.subject
    form = next(layout for layout in LAYOUTS if layout.told == reading.facts["labels"])
    live = _live(read, model)
    if live is None:
        return None

    def parameters() -> dict[str, Array]:
        return {name: slot.get() for name, slot in live.items()}

    def loss(x: Array, y: Array) -> float:
        read.restore(parameters())
        return read.loss(x, y)

    takes_rate = any("lr" in roles(name) for name in needed(step) or ())
    if not takes_rate and lr is None:
        raise InputError("audit.step_rate")

    def taken(x: Array, y: Array, rate: float) -> None:
        data, labels = form.make(x, y, read.classes)
        before = {name: value.copy() for name, value in parameters().items()} if not takes_rate else {}
        values = {**known, "x": data, "y": labels, "lr": rate}
        arguments = fill(step, values) or fill_by_place(step, [data, labels, *([rate] if takes_rate else [])])
        if arguments is None:
            raise InputError("audit.step_arguments", names=", ".join(needed(step) or ()))
        call(step, arguments)
        for name, value in parameters().items() if before else ():
            value[...] = before[name] + (value - before[name]) * (rate / (lr or rate))

    name = getattr(step, "__qualname__", type(step).__name__).replace("<locals>.", "")
    facts = reading.facts | {"update": name}
    functions = {"step": step, "update": step, "backward": reading.functions.get("backward")}
    return Reading(
        Subject(parameters, loss, taken, None, read.features, read.classes), reading.dialect, facts, functions
    )


def _live(read: Subject, model: Any) -> dict[str, Slot] | None:
    """Where the model itself holds each parameter of the reading, which may have looked at a copy."""
    places = list(slots(model))
    found: dict[str, Slot] = {}
    for name, value in read.parameters().items():
        like = [place for place in places if _same(place.name, name) and place.get().shape == value.shape]
        if not like:
            return None
        found[name] = like[0]
    return found


def _same(place: str, name: str) -> bool:
    """fc1.W is also called W where no other parameter is; the items of a list have no name but the reader's."""
    return place == name or place.endswith("." + name) or name.endswith(place)
