"""Tensors: arrays that know their gradient, as people write them who build an autograd engine of their own.

Their networks want data, and some want labels, of their own class. Everything else is as in any training loop.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from handgrad.audit.dialects.machine import returned
from handgrad.audit.dialects.reading import Reading
from handgrad.audit.dialects.roles import own
from handgrad.audit.dialects.script import cuts, dialect, started
from handgrad.audit.dialects.trying import loops

_DEEP, _MANY = 4, 300


def read(namespace: dict[str, Any], tree: ast.Module | None = None) -> Iterator[Reading]:
    """Each loop that trains with a batch of tensors; nothing for files that have none."""
    wraps = [wrap for kind in _kinds(namespace) for wrap in ({"x": kind}, {"x": kind, "y": kind})]
    if wraps and tree is not None:
        yield from loops(namespace, cuts(tree), started(namespace, returned(tree)), dialect, wraps)


def _kinds(namespace: Mapping[str, Any]) -> list[type]:
    """The classes of tensors that a file has, or that the parameters of its models are of."""
    found: dict[type, None] = {}
    seen: set[int] = set()
    queue = [(value, 0) for value in namespace.values()]
    while queue and len(seen) < _MANY:
        value, depth = queue.pop(0)
        kind = value if isinstance(value, type) else type(value)
        if id(value) in seen or not (isinstance(value, type | list | tuple | dict) or own(value)):
            continue
        seen.add(id(value))
        if callable(getattr(kind, "backward", None)) and kind not in found and _is_tensor(kind):
            found[kind] = None
        elif depth < _DEEP and not isinstance(value, type):
            inner = value if isinstance(value, list | tuple | dict) else getattr(value, "__dict__", {})
            queue += [(one, depth + 1) for one in (inner.values() if isinstance(inner, dict) else inner)]
    return list(found)


def _is_tensor(kind: type) -> bool:
    """Whether a class makes of an array something with that array as .data, and with a gradient."""
    array = np.full((2, 3), 0.5)
    try:
        made = kind(array)
        return np.array_equal(made.data, array) and hasattr(made, "grad") and hasattr(kind, "__add__")
    except Exception:  # it takes something else
        return False
