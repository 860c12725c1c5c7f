"""Modules: a model of layers with forward and backward, a loss that has a derivative, an optimizer. The usual way.

The layers may sit in a list or in attributes, of a class of the user's or at top level; the loss may be a class, a
function, a lambda, or a line of the training function.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from handgrad.audit.dialects.cast import Play, layer_lists, models, new_layers
from handgrad.audit.dialects.chain import Chain
from handgrad.audit.dialects.probing import readings
from handgrad.audit.dialects.props import Props
from handgrad.audit.dialects.reading import Reading
from handgrad.audit.dialects.settling import Way
from handgrad.audit.dialects.ways import ways
from handgrad.audit.objects import own_instances


def read(namespace: dict[str, Any], tree: ast.Module | None = None) -> Iterator[Reading]:
    """Readings of models of the user's classes, of lists of layers, and of layers of which no model is made."""
    yield from readings(_all(Props(namespace, tree)))


def _all(namespace: Props) -> Iterator[Way]:
    known = {id(thing) for thing in own_instances(namespace).values()}
    for model in models(namespace):
        yield from ways(Play("modules", namespace, model, fresh=id(model) not in known))
    for layers in layer_lists(namespace):
        yield from ways(Play("modules", namespace, Chain(layers), fresh=False))
    for layers, kind in new_layers(namespace):
        facts = {"forward": f"a net of two {kind.__name__} made for the audit"}
        yield from ways(Play("modules", namespace, Chain(layers), fresh=True, facts=facts, invented=True))
