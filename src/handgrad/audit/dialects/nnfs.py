"""nnfs: layers that leave their results in `output`, `dinputs`, `dweights` and `dbiases`, as in one much-read book.

Dense layers, activations, losses and an optimizer stand one by one at the top of the file, and its loop leads from one
to the next; or a model class holds them.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from typing import Any

from handgrad.audit.dialects.calling import needed
from handgrad.audit.dialects.cast import Play, models, new_layers
from handgrad.audit.dialects.chain import Chain
from handgrad.audit.dialects.probing import readings
from handgrad.audit.dialects.props import Props
from handgrad.audit.dialects.reading import Reading
from handgrad.audit.dialects.settling import Way
from handgrad.audit.dialects.ways import ways
from handgrad.audit.objects import own_classes, own_instances


def read(namespace: dict[str, Any], tree: ast.Module | None = None) -> Iterator[Reading]:
    """Readings of files whose layers speak of dinputs; nothing for others."""
    if any(_speaks(kind) for kind in own_classes(namespace).values()):
        yield from readings(_all(Props(namespace, tree)))


def _all(namespace: Props) -> Iterator[Way]:
    instances = list(own_instances(namespace).values())
    layers = [thing for thing in instances if _is_layer(thing)]
    if len(layers) > 1:
        yield from ways(
            Play(
                "nnfs",
                namespace,
                Chain(layers, _called(namespace, layers)),
                fresh=False,
                facts=_chained(namespace, layers),
            )
        )
    known = {id(thing) for thing in instances}
    for model in models(namespace):
        if not _is_layer(model):
            yield from ways(Play("nnfs", namespace, model, fresh=id(model) not in known))
    for made, kind in new_layers(namespace):
        facts = {"forward": f"a net of two {kind.__name__} made for the audit"}
        yield from ways(Play("nnfs", namespace, Chain(made), fresh=True, facts=facts, invented=True))


def _speaks(kind: type) -> bool:
    names = {name for f in vars(kind).values() if inspect.isfunction(f) for name in f.__code__.co_names}
    return "dinputs" in names


def _is_layer(thing: Any) -> bool:
    """Whether a thing takes nothing but its input forward; a loss takes the labels, too."""
    forward, back = getattr(thing, "forward", None), getattr(thing, "backward", None)
    if forward is None or back is None:
        return False
    asked = [name for name in needed(forward) or [] if name != "training"]
    return len(asked) == 1 and len(needed(back) or []) == 1


def _called(namespace: dict[str, Any], layers: list[Any]) -> list[str]:
    names = {id(thing): name for name, thing in own_instances(namespace).items()}
    return [names[id(layer)] for layer in layers]


def _chained(namespace: dict[str, Any], layers: list[Any]) -> dict[str, str]:
    return {"forward": " -> ".join(_called(namespace, layers))}
