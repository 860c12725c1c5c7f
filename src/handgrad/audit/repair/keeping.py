"""Keeping: what steps of somebody's code may leave behind in its objects, remembered so that each try starts alike."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from types import FunctionType
from typing import Any

import numpy as np

from handgrad.audit.dialects.scalars import Scalars
from handgrad.audit.dialects.world import copies
from handgrad.audit.inspection import Inspection
from handgrad.audit.repair.swap import owners

_LARGE = 1_000_000  # numbers: larger arrays are data
_DEEPEST = 3
_MOST = 2000  # objects


class Kept:
    """The state of a file's objects at one moment."""

    def __init__(self, inspection: Inspection, functions: list[FunctionType]) -> None:
        namespace = inspection.namespace
        subject = inspection.reading.subject
        mine = owners(subject)
        scalars = next((one for one in mine if isinstance(one, Scalars)), None)
        self.owner = next((one for one in mine if one is not scalars and type(getattr(one, "state", 0)) is dict), None)
        self.original: Any = self.owner.state if self.owner is not None else None
        self.namespace, self.names = namespace, dict(namespace)
        if scalars is not None:
            things = [value for name in scalars.arrays for value in scalars.values(name)]
        else:
            things = _instances(namespace.get("__name__"))
        memo: dict[int, Any] = {}
        self.things = [(vars(one), _saved(vars(one), memo)) for one in things[:_MOST] if hasattr(one, "__dict__")]
        self.values = _saved({k: v for k, v in namespace.items() if _is_container(v)}, memo)
        self.cells = [
            (cell, cell.cell_contents, _saved(cell.cell_contents, memo))
            for function in functions
            for cell in function.__closure__ or ()
            if _is_full(cell)
        ]

    def begin(self) -> None:
        """Before a try: what keeps its state in one dictionary works on a copy of it."""
        if self.owner is not None:
            self.owner.state = copies(self.original)

    def put_back(self) -> None:
        """After a try: everything as it was."""
        if self.owner is not None:
            self.owner.state = self.original
        self.namespace.clear()
        self.namespace.update(self.names)
        for attributes, saved in self.things:
            if attributes.keys() != saved.keys():
                for name in [n for n in attributes if n not in saved]:
                    del attributes[name]
            for name, (value, inner) in saved.items():
                if attributes.get(name, _MOST) is not value:
                    attributes[name] = value
                _restore(value, inner)
        for _, (value, inner) in self.values.items():
            _restore(value, inner)
        for cell, value, inner in self.cells:
            if cell.cell_contents is not value:
                cell.cell_contents = value
            _restore(value, inner)


def _instances(module: Any) -> list[Any]:
    """Every live instance of a class that the file defines."""
    kinds: dict[type, bool] = {}
    found = []
    for one in gc.get_objects():
        kind = type(one)
        if kind not in kinds:
            kinds[kind] = kind.__module__ == module and kind.__dictoffset__ != 0
        if kinds[kind]:
            found.append(one)
    return found


def _is_container(value: Any) -> bool:
    return isinstance(value, np.ndarray | list | dict)


def _is_full(cell: Any) -> bool:
    try:
        return isinstance(cell.cell_contents, np.ndarray | float | int | list | dict)
    except ValueError:
        return False


def _saved(value: Any, memo: dict[int, Any], depth: int = 0) -> Any:
    """What is needed to put a value back: of arrays copies, of containers what they hold; None of anything else."""
    if isinstance(value, np.ndarray):
        if value.size > _LARGE or value.dtype == object or not value.flags.writeable or id(value) in memo:
            return None
        memo[id(value)] = value
        return value.copy()
    if depth > _DEEPEST or (isinstance(value, list | dict) and len(value) > _MOST):
        return None
    if isinstance(value, dict):
        return {k: (v, _saved(v, memo, depth + 1)) for k, v in value.items()}
    if isinstance(value, list):
        return [(v, _saved(v, memo, depth + 1)) for v in value]
    return None


def _restore(value: Any, saved: Any) -> None:
    if isinstance(saved, np.ndarray):
        value[...] = saved
    elif isinstance(saved, Mapping):
        value.clear()
        value.update({k: v for k, (v, _) in saved.items()})
        for v, inner in saved.values():
            _restore(v, inner)
    elif isinstance(saved, list):
        value[:] = [v for v, _ in saved]
        for v, inner in saved:
            _restore(v, inner)
