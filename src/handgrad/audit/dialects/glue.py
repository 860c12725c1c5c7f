"""Glue: functions named parameters, loss and step (or gradients) in the file itself. They need no guessing."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np

from handgrad.audit.dialects.reading import Reading
from handgrad.audit.subject import Subject
from handgrad.core.arrays import Array


def read(namespace: dict[str, Any], tree: ast.Module | None = None) -> Iterator[Reading]:
    """One reading if the file has `parameters()`, `loss(x, y)` and one of `step(x, y, lr)` and `gradients(x, y)`."""
    parts = {name: namespace.get(name) for name in ("parameters", "loss", "step", "gradients")}
    functions = {name: part for name, part in parts.items() if inspect.isfunction(part)}
    if not {"parameters", "loss"} <= functions.keys() or not functions.keys() & {"step", "gradients"}:
        return
    matrices = [np.shape(value) for value in functions["parameters"]().values() if np.ndim(value) == 2]
    for classes in ends(matrices):
        for labels in ("numbers", "one-hot"):
            subject = Subject(
                functions["parameters"],
                _labelled(functions["loss"], labels, classes[1]),
                _labelled(functions["step"], labels, classes[1]) if "step" in functions else None,
                _labelled(functions["gradients"], labels, classes[1]) if "gradients" in functions else None,
                *classes,
            )
            facts = {name: f"{name}()" for name in functions} | {"labels": labels}
            yield Reading(subject, "glue", facts, functions)


def ends(shapes: list[tuple[int, ...]]) -> list[tuple[int, int]]:
    """(features, classes) that matrices of these shapes, in their order, can lead between."""
    if not shapes:
        return []
    if len(shapes) == 1:
        return [(shapes[0][0], shapes[0][1]), (shapes[0][1], shapes[0][0])]
    found = []
    for first, other in (shapes[0], shapes[0][::-1]):
        for inner, last in (shapes[-1], shapes[-1][::-1]):
            fits = other in shapes[1] and inner in shapes[-2]
            if fits and (first, last) not in found:
                found.append((first, last))
    return found


def one_hot_rows(y: Array, classes: int) -> Array:
    """Whole-number labels as one-hot rows in float64."""
    return np.eye(classes)[y]


def _labelled(call: Any, labels: str, classes: int) -> Any:
    """The same call, its labels brought to the form that it wants."""
    if labels == "numbers":
        return call
    return lambda x, y, *more: call(x, one_hot_rows(y, classes), *more)
