"""Steps: which method of somebody's optimizer makes them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any

from handgrad.audit.dialects.calling import UPDATE, methods, plain
from handgrad.audit.optimizing.stage import ROLES


def steps(thing: Any) -> Iterator[Callable[..., Any]]:
    """The methods of an optimizer, or of its class, that are called as updates are; then those that ask for parameters
    and their gradients, whatever they are called: one that trains as well keeps its update for itself.
    """
    known = list(methods(thing, UPDATE))
    yield from known
    kind = thing if isinstance(thing, type) else type(thing)
    own = dict.fromkeys(name for one in kind.__mro__[:-1] for name in vars(one))
    for name in own if kind is not FunctionType else ():
        found = getattr(thing, name, None) if not name.startswith("__") else None
        if inspect.isroutine(found) and found not in known and _asks_for_gradients(found):
            yield found


def _asks_for_gradients(function: Callable[..., Any]) -> bool:
    try:
        asked = {plain(name) for name in inspect.signature(function).parameters}
    except (TypeError, ValueError):
        return False
    return bool(asked & ROLES["params"]) and bool(asked & ROLES["grads"] - ROLES["params"])
