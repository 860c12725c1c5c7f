"""Beginnings: what a file makes for an optimizer to remember, before its first step: state = adam_init(params)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any

from handgrad.audit.dialects.calling import UPDATE, method, needed, plain
from handgrad.audit.objects import own_classes, own_functions
from handgrad.audit.optimizing.stage import ROLES

_BEGINS = re.compile(r"init|state|begin|start|create|make|new|zeros|slots|moments?$|cache|memory", re.I)
_TAKES = ROLES["params"] | ROLES["w"] | ROLES["layers"]


def beginnings(target: Any) -> Iterator[Callable[[Any], Any]]:
    """What makes something of parameters, beside a function that wants a state: functions, classes without a step."""
    wanted = needed(target) if isinstance(target, FunctionType) else None
    if not any(plain(name) in ROLES["state"] for name in wanted or ()):
        return
    names = target.__globals__
    made: dict[str, Callable[[Any], Any]] = {**own_functions(names), **own_classes(names)}
    for name, one in made.items():
        if one is target or not _BEGINS.search(name) or (isinstance(one, type) and method(one, UPDATE) is not None):
            continue
        asked = needed(one)
        if asked is not None and len(asked) == 1 and plain(asked[0]) in _TAKES:
            yield one
