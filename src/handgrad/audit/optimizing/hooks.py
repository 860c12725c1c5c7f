"""Hooks: what an optimizer wants called around its updates: being told its parameters, and counting its steps."""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from handgrad.audit.dialects.calling import UPDATE, method, plain
from handgrad.audit.objects import alike
from handgrad.audit.optimizing.stage import Stage

_BEFORE = {"preupdateparams", "preupdate", "beforeupdate", "beginstep", "beginupdate", "prestep"}
_AFTER = {"postupdateparams", "postupdate", "afterupdate", "endstep", "poststep"}
_UPDATES = {plain(name) for name in UPDATE}
_REGISTERS = ["set_parameters", "set_params", "register", "register_parameters", "add_parameter", "add_param"]
_PLUS_ONE = re.compile(r"\*\*\s*\(\s*self\.\w+\s*\+\s*1\b")


def registered(thing: Any, stages: list[Stage]) -> None:
    """Tell an optimizer the parameters by their names, where it has a method for that: set_parameters(params)."""
    tell = method(thing, _REGISTERS) if thing is not None and stages[0].flavour == "array" else None
    if tell is None:
        return
    arrays = {name: array for stage in stages for name, array in stage.arrays.items()}
    wanted = len(signature(tell)[1])
    with suppress(Exception):  # it wants something else
        if wanted == 1:
            tell(arrays)
        for name, array in arrays.items() if wanted == 2 else ():
            asks_for_shape = any("shape" in asked for asked in signature(tell)[0])
            tell(name, array.shape if asks_for_shape else array)


def signature(call: Callable[..., Any]) -> tuple[list[str], set[str]]:
    """(the names of all parameters of a call, of those that it cannot do without)."""
    parameters = [
        p for p in inspect.signature(call).parameters.values() if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
    ]
    return [p.name for p in parameters], {p.name for p in parameters if p.default is p.empty}


def hooks_of(thing: Any, step: Any) -> tuple[list[Any], list[Any]]:
    """What is called before and after all updates, which the method `step` makes. Where that is handed gradients, what
    is called as updates are may be no more than the count of them.
    """
    found: tuple[list[Any], list[Any]] = ([], [])
    for name in dir(thing) if thing is not None else ():
        for hooks, known in zip(found, (_BEFORE, _AFTER), strict=True):
            if plain(name) in known and callable(getattr(thing, name)):
                hooks.append(getattr(thing, name))
    if thing is not None and not any(found):
        for name in vars(type(thing)):
            other = plain(name) not in _UPDATES or (name != step.__name__ and bool(signature(step)[1]))
            if not name.startswith("_") and other and _counts(thing, name):
                found[_counts_from_one(thing)].append(getattr(thing, name))
    return found


def _counts(thing: Any, name: str) -> bool:
    """Whether a method that wants nothing does nothing but count, whatever it is called: tick(), next_step()."""
    function = getattr(thing, name)
    if not callable(function) or signature(function)[1]:
        return False
    try:
        other = copy.deepcopy(thing)
        getattr(other, name)()
    except Exception:  # it wants what is not there yet
        return False
    changed = [key for key, value in vars(other).items() if not alike(value, vars(thing).get(key))]
    numbers = [key for key in changed if type(vars(thing).get(key)) is int and type(vars(other)[key]) is int]
    same = [key for key in changed if isinstance(vars(other)[key], dict | list) and not vars(other)[key]]
    return bool(numbers) and set(numbers) | set(same) == set(changed)


def _counts_from_one(thing: Any) -> bool:
    """Whether its count is ready for the first step, and goes on after each: 1 at first, or t + 1 in a power."""
    try:
        source = inspect.getsource(type(thing))
    except (OSError, TypeError):
        source = ""
    return bool(_PLUS_ONE.search(source)) or any(value == 1 for value in vars(thing).values() if type(value) is int)
