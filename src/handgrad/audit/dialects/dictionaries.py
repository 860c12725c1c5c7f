"""Dictionaries: params['W1'] or params['hidden']['W'], kept by a class, or handed from function to function.

Also the functions that pass W1, b1, W2, b2 along one by one. Samples may be rows or columns.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

import numpy as np

from handgrad.audit.dialects.forms import BATCH, EACH
from handgrad.audit.dialects.machine import machines, returned
from handgrad.audit.dialects.reading import Reading
from handgrad.audit.dialects.roles import called, is_buffer, own
from handgrad.audit.dialects.sizes import make

MADE = "params"  # where the file has no name for what a function makes that starts parameters


def read(namespace: dict[str, Any], tree: ast.Module | None = None) -> Iterator[Reading]:
    """Objects that keep a dictionary of arrays, then dictionaries with plain functions around them."""
    returns = returned(tree)
    for name, value in [*objects(namespace), *_dictionaries(namespace, returns)]:
        for machine in machines(namespace, name, value, returns, BATCH if own(value) else (*BATCH, *EACH)):
            yield machine.reading("dictionaries")


def objects(namespace: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Instances that hold a dictionary or list of arrays: those of the file, then one of each class, made small."""
    there = [(name, value) for name, value in namespace.items() if own(value)]
    yield from ((name, value) for name, value in there if _holds(vars(value) if hasattr(value, "__dict__") else {}))
    for kind in list(namespace.values()):
        if (
            isinstance(kind, type)
            and kind.__module__ not in ("builtins", "numpy")
            and kind not in map(type, dict(there).values())
        ):
            yield from ((MADE, value) for value in make(kind) if own(value) and _holds(vars(value)))


def _holds(attributes: dict[str, Any]) -> bool:
    return any(_are_arrays(value) for value in attributes.values())


def _are_arrays(value: Any) -> bool:
    return any(isinstance(one, np.ndarray) and one.ndim == 2 and one.dtype.kind == "f" for one in _items(value))


def _items(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, list | tuple) else []


def _dictionaries(namespace: dict[str, Any], returns: dict[str, list[str]]) -> Iterator[tuple[str, Any]]:
    """Dictionaries of arrays at top level, then those that a function makes; arrays that it returns become one.

    Also lists of arrays, and dictionaries and lists of such dictionaries, one for each layer.
    """
    for name, value in list(namespace.items()):
        if _holds_arrays(value) and not name.startswith("_") and not is_buffer(name):
            yield name, value
    for name, function in called(namespace, "start"):
        for made in make(function):
            names = returns.get(name, [])
            if isinstance(made, tuple) and len(names) == len(made) and all(names):
                made = dict(zip(names, made, strict=True))
            if _holds_arrays(made):
                yield MADE, made


def _holds_arrays(value: Any) -> bool:
    """Whether a value is a dictionary or list of arrays, or of one such container for each layer."""
    layers = _items(value)
    return _are_arrays(value) or (bool(layers) and all(map(_are_arrays, layers)))
