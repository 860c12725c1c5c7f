"""Rebinding: parameters that two places hold as one array, until one of them is given a new one.

A dictionary that hands its arrays to layers works only as long as the numbers are changed inside of them. Whether the
network looks into the dictionary is tried.
"""

from __future__ import annotations

import ast
import gc
from collections.abc import Iterator
from typing import Any

import numpy as np

from handgrad.audit.dialects.calling import FORWARD, method
from handgrad.audit.findings import Finding
from handgrad.audit.inspection import Inspection
from handgrad.audit.objects import own_classes
from handgrad.audit.properties.naming import last_name
from handgrad.audit.properties.places import found
from handgrad.audit.properties.stepping import onto_itself
from handgrad.core.arrays import Array

_ROWS = 3


def rebound_dictionary(inspection: Inspection) -> list[Finding]:
    """`params[key] = params[key] - step`, where layers were given the arrays and never look into the dictionary."""
    lines = dict(_onto_entries(inspection.program.tree))
    for name, holder, arrays in _dictionaries(inspection) if lines else ():
        if name in lines and _unread(holder, arrays):
            line, said = lines[name]
            return [found(inspection, "optimizer-rebinds", "error", line, {"optimizer": said}, {}, (said,))]
    return []


def _onto_entries(tree: ast.Module) -> Iterator[tuple[str, tuple[int, str]]]:
    """(dictionary, (line, text)) of what is put into one: params[key] = params[key] - lr * grads[key]."""
    for node in ast.walk(tree):
        target = onto_itself(node)
        if isinstance(target, ast.Subscript) and not isinstance(target.slice, ast.Slice):
            yield last_name(target.value), (target.lineno, ast.unparse(node))


def _dictionaries(inspection: Inspection) -> Iterator[tuple[str, Any, dict[str, Array]]]:
    """(its name, object, dictionary) of the file's objects that hold their matrices by name."""
    kinds = tuple(own_classes(inspection.namespace).values())
    live = (one for one in gc.get_objects() if isinstance(one, kinds)) if kinds else ()
    for holder in live:
        for name, value in list(getattr(holder, "__dict__", {}).items()):
            if isinstance(value, dict) and any(isinstance(a, np.ndarray) and a.ndim == 2 for a in value.values()):
                yield name, holder, value


def _unread(holder: Any, arrays: dict[str, Array]) -> bool:
    """Whether the way forward gives the same after every entry of the dictionary has become another array."""
    forward = method(holder, FORWARD)
    first = next(a for a in arrays.values() if isinstance(a, np.ndarray) and a.ndim == 2)
    if forward is None:
        return False
    kept = dict(arrays)
    for features in dict.fromkeys(first.shape):
        x = np.random.default_rng(0).random((_ROWS, features))
        try:
            before = np.array(forward(x), np.float64)
            arrays.update(
                {key: a + 1.0 for key, a in kept.items() if isinstance(a, np.ndarray) and a.dtype.kind == "f"}
            )
            after = np.array(forward(x), np.float64)
        except Exception:  # it wants its rows in another form
            continue
        finally:
            arrays.update(kept)
        return before.shape == after.shape and bool((before == after).all())
    return False
