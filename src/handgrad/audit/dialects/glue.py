"""Glue: functions named parameters, loss and step (or gradients) in the file itself. They need no guessing.

With `data(n, seed)` the batch comes in whatever form the code wants: pictures, columns, one-hot rows.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np

from handgrad.audit.dialects.reading import Reading
from handgrad.audit.subject import Subject
from handgrad.core.arrays import Array

_PARTS = ("parameters", "loss", "step", "gradients", "data", "optimizer_step")


def read(namespace: dict[str, Any], tree: ast.Module | None = None) -> Iterator[Reading]:
    """If the file has `parameters()`, `loss(x, y)`, and `step(x, y, lr)`, `gradients(x, y)` or `optimizer_step(x, y)`.

    One reading with the file's `data`, else one for each form in which the labels may be wanted.
    """
    functions = {name: part for name in _PARTS if inspect.isfunction(part := namespace.get(name))}
    if not {"parameters", "loss"} <= functions.keys() or not functions.keys() & {"step", "gradients", "optimizer_step"}:
        return
    facts = {name: f"{name}()" for name in functions}
    if "data" in functions:
        yield Reading(_subject(functions, "numbers", (0, 0)), "glue", facts | {"labels": "data()"}, functions)
        return
    shapes = [np.shape(value) for value in functions["parameters"]().values()]
    for sizes in ends([shape for shape in shapes if len(shape) == 2]):
        for labels in ("numbers", "one-hot"):
            yield Reading(_subject(functions, labels, sizes), "glue", facts | {"labels": labels}, functions)


def _subject(functions: dict[str, Any], labels: str, sizes: tuple[int, int]) -> Subject:
    def wanted(name: str) -> Any:
        return _labelled(functions[name], labels, sizes[1]) if name in functions else None

    return Subject(
        functions["parameters"], wanted("loss"), wanted("step"), wanted("gradients"), *sizes, functions.get("data")
    )


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
