"""Closures: `y, backprop = layer(x)`. A layer returns its output together with the way back.

Layers are objects, or functions that keep their parameters in a closure; a model is one of them, made by `chain`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from handgrad.audit.dialects.calling import FORWARD, call, fill, fill_by_place, method
from handgrad.audit.dialects.cast import Play, layer_lists, new_layers, new_models
from handgrad.audit.dialects.chain import Chain
from handgrad.audit.dialects.gradients import likely_weights
from handgrad.audit.dialects.probing import readings
from handgrad.audit.dialects.props import Props
from handgrad.audit.dialects.reading import Reading
from handgrad.audit.dialects.settling import Way
from handgrad.audit.dialects.ways import ways
from handgrad.audit.dialects.witness import quietly
from handgrad.audit.dialects.world import copies
from handgrad.audit.objects import is_own, own_functions, own_instances, slots
from handgrad.core.arrays import Array


def read(namespace: dict[str, Any], tree: ast.Module | None = None) -> Iterator[Reading]:
    """Readings of everything in the file that gives (output, way back) for a batch."""
    yield from readings(_all(Props(namespace, tree)))


def _all(namespace: Props) -> Iterator[Way]:
    for model, fresh in _models(namespace):
        if _gives_way_back(model):
            yield from ways(Play("closures", namespace, model, fresh))


def _models(namespace: dict[str, Any]) -> Iterator[tuple[Any, bool]]:
    """(model, whether it was made by us), those with most matrices first."""
    found = {**own_instances(namespace), **own_functions(namespace)}
    weighty = [(len(likely_weights(list(slots(thing)))), thing) for thing in found.values() if _is_callable(thing)]
    for count, thing in sorted(weighty, key=lambda pair: -pair[0]):
        if count > 1:
            yield thing, False
    for layers in layer_lists(namespace):
        yield Chain(layers), False
    for thing in new_models(namespace):
        yield thing, True
    for layers, _ in new_layers(namespace):
        yield Chain(layers), True


def _is_callable(thing: Any) -> bool:
    return callable(thing) or (is_own(thing) and method(thing, FORWARD) is not None)


def _gives_way_back(model: Any) -> bool:
    """Whether forward gives two things, the second of which can be called. A copy is tried: what looks like a model may
    be the step of an optimizer, which remembers what it is given.
    """
    tried = copies({"all": model.layers if isinstance(model, Chain) else model})["all"]
    weights = likely_weights(list(slots(tried)))
    forward = method(tried[0] if isinstance(model, Chain) else tried, FORWARD)
    if forward is None or not weights:
        return False
    for size in dict.fromkeys(weights[0].shape):
        try:
            output = quietly(partial(_forward, forward, np.full((3, size), 0.5)))
        except Exception:  # it wants the other size, or is no layer at all
            continue
        return isinstance(output, tuple) and len(output) == 2 and callable(output[1])
    return False


def _forward(forward: Callable[..., Any], x: Array) -> Any:
    return call(forward, fill(forward, {"x": x, "true": True}, ("x",)) or fill_by_place(forward, [x]) or {})
