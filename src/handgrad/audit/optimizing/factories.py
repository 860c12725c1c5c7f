"""Factories: functions that make an optimizer and give back its step: update = make_adam(lr=0.001)."""

from __future__ import annotations

from types import CodeType, FunctionType
from typing import Any

from handgrad.audit.dialects.calling import plain
from handgrad.audit.optimizing.stage import ROLES


def is_step(code: CodeType) -> bool:
    """Whether a function is handed parameters and their gradients, or parameters that hold them."""
    asked = {plain(one) for one in code.co_varnames[: code.co_argcount]}
    gradients = asked & (ROLES["dw"] | ROLES["grads"])
    things = asked & ROLES["params"] and "grad" in "".join(code.co_names)
    return bool(gradients or things) and bool(asked & (ROLES["params"] | ROLES["w"]))


def is_factory(target: Any) -> bool:
    """Whether a function, no step itself, has one within it."""
    if not isinstance(target, FunctionType) or is_step(target.__code__):
        return False
    return any(isinstance(one, CodeType) and is_step(one) for one in target.__code__.co_consts)


def made_step(made: Any) -> FunctionType:
    """The step in what a factory gives back, alone or among others. Raises LookupError where there is none."""
    for one in made if isinstance(made, tuple) else (made,):
        if isinstance(one, FunctionType) and is_step(one.__code__):
            return one
    raise LookupError("no step")
