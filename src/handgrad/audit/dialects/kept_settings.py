"""Kept settings: learning rates, sizes and shares of dropout that instances and closures keep, set for a turn.

In a closure, a name such as rate is dropout's where a function that is named after dropout has made it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import CellType, FunctionType
from typing import Any

import numpy as np

from handgrad.audit.dialects import sizes
from handgrad.audit.dialects.roles import own, role
from handgrad.audit.dialects.sizes import aside, kept
from handgrad.audit.objects import cells

_DEEP, _MANY = 6, 100
_DROPS = re.compile(r"drop")
_SHARE = re.compile(r"^(p|rate|ratio|prob|probability|fraction)$")


def put_aside(state: Mapping[str, Any], lr: float, rows: int) -> None:
    """Set what instances keep as learning rate and number of samples, and put their regularisation aside."""
    for value in list(state.values()):
        sizes.set_rates(value, lr)
        set_cells(value, lr)
        held = dict(getattr(value, "__dict__", {})) if own(value) else {}
        sides = {side for one in held.values() if isinstance(one, np.ndarray) and one.ndim == 2 for side in one.shape}
        for name, number in held.items():
            if isinstance(number, float) and role(name) == "lr":
                setattr(value, name, lr)
            elif isinstance(number, float) and aside(name) is not None:
                setattr(value, name, aside(name))
            elif type(number) is int and role(name) == "rows" and name not in ("n", "N") and number not in sides:
                setattr(value, name, rows)


def set_cells(value: Any, lr: float) -> None:
    """Set the learning rates in the closures below a value, and put their dropout aside."""
    for function, name, cell in _settings(value):
        share = _share(function, name)
        if share is not None:
            cell.cell_contents = share
        elif role(name) == "lr":
            cell.cell_contents = lr


def dropped_in_cells(value: Any) -> list[str]:
    """Names of the dropout in the closures below a value that is put aside, each with the function that made it."""
    found = []
    for function, name, cell in _settings(value):
        share = _share(function, name)
        if share is not None and cell.cell_contents != share:
            found.append(name if aside(name) is not None else f"{_maker(function)} {name}")
    return found


def _share(function: FunctionType, name: str) -> float | None:
    """The share that a setting is to have so that no unit is dropped, or as many as are to be; None for any other."""
    drops = _DROPS.search(_maker(function).lower()) and _SHARE.search(name.lower())
    return 1.0 - kept() if drops else aside(name)


def _maker(function: FunctionType) -> str:
    """The name of the outermost function that a closure comes from: Dropout of Dropout.<locals>.forward."""
    return function.__qualname__.partition(".")[0]


def _settings(value: Any) -> Iterator[tuple[FunctionType, str, CellType]]:
    """(function, name, cell) of every float that the closures below a value keep, each cell once."""
    seen: set[int] = set()
    for function in _closures(value, seen, 0):
        for name, cell in cells(function).items():
            if id(cell) not in seen and isinstance(cell.cell_contents, float):
                seen.add(id(cell))
                yield function, name, cell


def _closures(value: Any, seen: set[int], depth: int) -> Iterator[FunctionType]:
    """The functions below a value that keep something, through containers and through what functions keep."""
    if depth > _DEEP or id(value) in seen:
        return
    if isinstance(value, FunctionType) and value.__closure__:
        seen.add(id(value))
        yield value
        for cell in cells(value).values():
            yield from _closures(cell.cell_contents, seen, depth + 1)
    elif isinstance(value, list | tuple | dict):
        for inner in list(value.values() if isinstance(value, dict) else value)[:_MANY]:
            yield from _closures(inner, seen, depth + 1)
