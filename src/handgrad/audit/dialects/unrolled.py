"""Unrolled: one class that holds its matrices, or its layers by name, and goes through them line by line.

It brings its own predict or forward, backward, update and often train, so that one object is the whole network.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from handgrad.audit.dialects.calling import BACKWARD, TRAIN, UPDATE, method, needed, roles
from handgrad.audit.dialects.cast import Play, models
from handgrad.audit.dialects.probing import readings
from handgrad.audit.dialects.props import Props
from handgrad.audit.dialects.reading import Reading
from handgrad.audit.dialects.settling import Way
from handgrad.audit.dialects.ways import ways
from handgrad.audit.objects import own_instances


def read(namespace: dict[str, Any], tree: ast.Module | None = None) -> Iterator[Reading]:
    """Readings of the file's networks that update or train themselves."""
    yield from readings(_all(Props(namespace, tree)))


def _all(namespace: Props) -> Iterator[Way]:
    known = {id(thing) for thing in own_instances(namespace).values()}
    for model in models(namespace):
        if _stands_alone(model):
            yield from ways(Play("unrolled", namespace, model, fresh=id(model) not in known))


def _stands_alone(model: Any) -> bool:
    """Whether a model changes its parameters itself, and keeps no list of layers."""
    if any(
        isinstance(value, (list, tuple)) and value and hasattr(value[0], "__dict__") for value in vars(model).values()
    ):
        return False
    back = method(model, BACKWARD)
    updates = [name for name in UPDATE if name not in ("train", "learn", "__call__")]
    rate = back is not None and "lr" in {role for name in needed(back) or [] for role in roles(name)}
    return rate or method(model, updates) is not None or method(model, TRAIN) is not None
