"""Rebinding: parameters that two places hold as one array, until one of them is given a new one.

A dictionary that hands its arrays to layers works only as long as the numbers are changed inside of them, and so do
pairs of parameters and gradients that an optimizer has collected. Whether anybody looks at the new arrays is tried.
"""

from __future__ import annotations

import ast
import copy
import gc
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from handgrad.audit.dialects.calling import FORWARD, UPDATE, method, methods
from handgrad.audit.findings import Finding
from handgrad.audit.inspection import Inspection
from handgrad.audit.judging.batch import batch
from handgrad.audit.objects import own_classes
from handgrad.audit.properties.lost import onto_itself
from handgrad.audit.properties.naming import last_name
from handgrad.audit.properties.places import found
from handgrad.audit.properties.updating import BACK
from handgrad.core.arrays import Array

_ROWS, _DEPTH = 3, 3  # rows of a batch; how far into an optimizer's lists it is looked


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
    live = (one for one in gc.get_objects() if issubclass(type(one), kinds)) if kinds else ()
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


def stale_gradients(inspection: Inspection) -> list[Finding]:
    """An optimizer that collected the arrays of the gradients once, where each way back makes new ones.

    Its steps are the same whatever the batch, and in the program they are none at all.
    """
    subject = inspection.reading.subject
    line = _new_gradient(inspection.program.tree)
    if subject.gradients is None or line is None or _said(inspection, "never-updated"):
        return []
    live = {id(value) for value in subject.parameters().values()}
    for optimizer, step in _steppers(inspection, live):
        try:
            one, other = (_moved(inspection, optimizer, step, seed) for seed in (2, 3))
        except Exception:  # it wants something else
            continue
        differ = all((one[name][0] != other[name][0]).any() for name in one)
        if differ and all((one[name][1] == other[name][1]).all() for name in one):
            measured = {"optimizer": type(optimizer).__name__}
            return [found(inspection, "never-updated", "error", line, measured, {}, tuple(one))]
    return []


def _said(inspection: Inspection, code: str) -> bool:
    return any(finding.code == code for finding in inspection.diagnosis.findings)


def _moved(
    inspection: Inspection, optimizer: Any, step: Callable[[], Any], seed: int
) -> dict[str, tuple[Array, Array]]:
    """Parameter -> (its gradient on a batch, what it is after a step). Everything is put back."""
    subject = inspection.reading.subject
    assert subject.gradients is not None
    one, saved, kept = batch(subject, _ROWS, seed), subject.snapshot(), _state(optimizer)
    try:
        gradients = {name: np.array(value) for name, value in subject.gradients(one.x, one.y).items()}
        subject.restore(saved)
        step()
        after = subject.snapshot()
    finally:
        _put_back(optimizer, kept)
        subject.restore(saved)
    return {name: (gradients[name], after[name]) for name in saved}


def _steppers(inspection: Inspection, live: set[int]) -> Iterator[tuple[Any, Callable[[], Any]]]:
    """(object, its step) of the file's objects that hold the network's parameters and update without being told."""
    kinds = tuple(own_classes(inspection.namespace).values())
    for one in gc.get_objects() if kinds else ():
        if issubclass(type(one), kinds) and _holds(list(getattr(one, "__dict__", {}).values()), live, _DEPTH):
            for step in methods(one, UPDATE):
                wanted = [p for p in inspect.signature(step).parameters.values() if p.default is p.empty]
                if not wanted and step.__name__ != "__call__":
                    yield one, step


def _holds(values: list[Any], live: set[int], depth: int) -> bool:
    for value in values:
        if id(value) in live:
            return True
        inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list | tuple) else None
        inner = list(vars(value).values()) if inner is None and hasattr(value, "__dict__") else inner
        if depth and inner and not callable(value) and _holds(list(inner), live, depth - 1):
            return True
    return False


def _state(thing: Any) -> dict[str, Any]:
    """Its attributes, with copies of its own lists, dictionaries and arrays."""
    return {name: copy.copy(value) if isinstance(value, list | dict) else value for name, value in vars(thing).items()}


def _put_back(thing: Any, kept: dict[str, Any]) -> None:
    vars(thing).clear()
    vars(thing).update(kept)


def _new_gradient(tree: ast.Module) -> int | None:
    """The line of a way back that makes a new array of what was made, as zeros, elsewhere in the class."""
    for kind in (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef | ast.Module)):
        assigned = [(f, n) for f in ast.walk(kind) if isinstance(f, ast.FunctionDef)
                    for n in ast.walk(f) if isinstance(n, ast.Assign)]  # fmt: skip
        zeros = {_base(n.targets[0]) for _, n in assigned if "zeros" in ast.unparse(n.value)}
        for function, node in assigned:
            target = node.targets[0]
            whole = isinstance(target, ast.Subscript) and not isinstance(target.slice, ast.Constant | ast.Name)
            if BACK.search(function.name) and not whole and _base(target) in zeros:
                return node.lineno
    return None


def _base(target: ast.expr) -> str:
    return ast.unparse(target.value if isinstance(target, ast.Subscript) else target)
