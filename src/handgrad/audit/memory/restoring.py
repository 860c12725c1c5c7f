"""Restoring: copies of somebody's live objects to work on, and everything below the originals put back as it was.

What cannot be copied, such as a closure over the model, is worked on as it is; hence the putting back.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from contextlib import contextmanager
from types import CellType, FunctionType, MethodType
from typing import Any

import numpy as np

from handgrad.audit.dialects.world import reachable
from handgrad.audit.objects import Slot, is_own, members

_DEEPEST, _MOST = 12, 20_000


def copied(things: dict[str, Any]) -> dict[str, Any]:
    """Deep copies, with what they share still shared; the things themselves where one of them cannot be copied."""
    try:
        return copy.deepcopy(things)
    except Exception:  # a lock, an open file, somebody's own __deepcopy__
        return dict(things)


@contextmanager
def untouched(*things: Any) -> Iterator[None]:
    """Afterwards everything below the things is as it was, and so are the random numbers to come."""
    before = list(kept(list(things)))
    states = np.random.get_state(), random.getstate()
    try:
        yield
    finally:
        for thing, saved in before:
            put_back(thing, saved)
        np.random.set_state(states[0])
        random.setstate(states[1])


def kept(things: list[Any]) -> Iterator[tuple[Any, Any]]:
    """(thing, what it held) for every array, container, instance and closure below."""
    seen: dict[int, Any] = {}  # an id is good for as long as its thing lives
    queue = [(thing, 0) for thing in things]
    while queue and len(seen) < _MOST:
        thing, depth = queue.pop()
        if id(thing) in seen or depth > _DEEPEST:
            continue
        seen[id(thing)] = thing
        if isinstance(thing, np.ndarray):
            if thing.flags.writeable and thing.dtype.kind != "O":
                yield thing, thing.copy()
            continue
        if isinstance(thing, MethodType):
            queue.append((thing.__func__, depth))
        if isinstance(thing, FunctionType):  # what it reads and changes by global names
            names = reachable(thing.__globals__, thing.__code__.co_names)
            queue += [(thing.__globals__[name], depth + 1) for name in names]
            if vars(thing):  # a counter that is an attribute of the function itself
                yield thing, dict(vars(thing))
        held = _content(thing)
        if held is not None:
            yield thing, held
        for owner, key, _ in members(thing):
            try:
                queue.append((Slot("", owner, key).get(), depth + 1))
            except (AttributeError, ValueError):  # an empty cell, a slot that was never set
                continue
            if isinstance(owner, CellType):
                yield owner, owner.cell_contents


def _content(thing: Any) -> Any:
    """A shallow copy of what a thing holds; None of what cannot change."""
    if isinstance(thing, (list, dict)):
        return copy.copy(thing)
    if is_own(thing):
        return dict(vars(thing))
    return None


def put_back(thing: Any, saved: Any) -> None:
    """Make a thing hold again what it held."""
    if isinstance(thing, np.ndarray):
        if not np.array_equal(thing, saved, equal_nan=thing.dtype.kind in "fc"):
            thing[...] = saved
    elif isinstance(thing, CellType):
        thing.cell_contents = saved
    elif isinstance(thing, list):
        thing[:] = saved
    else:
        held = thing if isinstance(thing, dict) else vars(thing)
        held.clear()
        held.update(saved)
