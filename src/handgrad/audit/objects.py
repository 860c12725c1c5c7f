"""Objects: what hangs together in somebody's file, and the arrays in it: in attributes, lists, dicts and closures.

Each is remembered as a slot, by its owner, since people re-bind (`self.W = self.W - lr * dW`) what others hold on to.
"""

from __future__ import annotations

import dis
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from types import CellType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from handgrad.core.arrays import Array

_FOREIGN = {"numpy", "handgrad", "scipy", "pandas", "matplotlib", "sklearn", "torch", "tqdm"} | sys.stdlib_module_names
_DEEPEST = 7


@dataclass(frozen=True)
class Slot:
    """One array's place: an attribute, an item of a list or a dict, or a cell of a closure.

    Attributes:
        name: how it is written.
        owner: what held it when it was found.
        key: attribute, index or key within the owner.
        above: where the owner lies; code that makes a new list of its weights in each step has a new owner there.
    """

    name: str
    owner: Any
    key: Any
    above: Slot | None = None

    def holder(self) -> Any:
        """The owner as it is now."""
        now = self.owner if self.above is None else self.above.get()
        return now if type(now) is type(self.owner) else self.owner

    def get(self) -> Any:
        """What lies there now."""
        owner = self.holder()
        if isinstance(owner, CellType):
            return owner.cell_contents
        return owner[self.key] if isinstance(owner, (list, tuple, dict)) else getattr(owner, self.key)

    def put(self, value: Any) -> None:
        """Put another thing there; a tuple keeps what it has."""
        owner = self.holder()
        if isinstance(owner, CellType):
            owner.cell_contents = value
        elif isinstance(owner, (list, dict)):
            owner[self.key] = value
        elif not isinstance(owner, tuple):
            setattr(owner, self.key, value)


@lru_cache(maxsize=4096)
def is_foreign(module: str) -> bool:
    """Whether a module is somebody else's than the user's."""
    return module.partition(".")[0] in _FOREIGN


def is_own(thing: Any) -> bool:
    """Whether a thing is an instance of a class that the user wrote."""
    if isinstance(thing, (type, ModuleType, FunctionType, MethodType, np.ndarray)):
        return False
    return not is_foreign(type(thing).__module__) and hasattr(thing, "__dict__")


def own_classes(namespace: Mapping[str, Any]) -> dict[str, type]:
    """The user's classes, by name, in the order of their definition."""
    found = {k: v for k, v in namespace.items() if isinstance(v, type) and not k.startswith("_")}
    return {k: v for k, v in found.items() if not is_foreign(v.__module__)}


def own_functions(namespace: Mapping[str, Any]) -> dict[str, FunctionType]:
    """The user's functions, lambdas among them."""
    found = {k: v for k, v in namespace.items() if isinstance(v, FunctionType)}
    return {k: v for k, v in found.items() if not is_foreign(v.__module__ or "")}


def own_instances(namespace: Mapping[str, Any]) -> dict[str, Any]:
    """The user's instances at top level."""
    return {name: thing for name, thing in namespace.items() if not name.startswith("__") and is_own(thing)}


def cells(function: FunctionType) -> dict[str, CellType]:
    """The cells of a function's closure, by name; without those that are not set yet."""
    found = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
        with suppress(ValueError):
            cell.cell_contents  # noqa: B018 - an empty one raises
            found[name] = cell
    return found


def members(thing: Any) -> Iterator[tuple[Any, Any, str]]:
    """(owner, key, how it is written) of all that a thing holds."""
    if isinstance(thing, FunctionType):
        for name, cell in zip(thing.__code__.co_freevars, thing.__closure__ or (), strict=False):
            yield cell, None, f".{name}"
    elif isinstance(thing, MethodType):
        yield from members(thing.__self__)
    elif isinstance(thing, dict):
        yield from ((thing, key, f"[{key!r}]" if isinstance(key, str) else f"[{key}]") for key in list(thing))
    elif isinstance(thing, (list, tuple)):
        yield from ((thing, i, f"[{i}]") for i in range(len(thing)))
    elif is_own(thing):
        slots = [n for kind in type(thing).__mro__ for n in getattr(kind, "__slots__", ()) if hasattr(thing, n)]
        yield from ((thing, key, f".{key}") for key in [*slots, *vars(thing)])


def slots(thing: Any, name: str = "", seen: set[int] | None = None) -> Iterator[Slot]:
    """Every slot below a thing that holds an array of floats with one or two axes, in the order of its attributes; not
    those of things and arrays that were `seen` before.

    An array that lies in several has the one that is nearest: what an optimizer remembers of a layer's weights is older
    than what the layer binds to their name.
    """
    seen = set() if seen is None else seen
    found = [one for one in _slots(thing, name, 0, seen, None, frozenset()) if one[1] not in seen]
    nearest: dict[int, int] = {}
    for _, key, depth in found:
        nearest[key] = min(depth, nearest.get(key, depth))
    for slot, key, depth in found:
        if key not in seen and nearest[key] == depth:
            seen.add(key)
            yield slot


def _slots(
    thing: Any, name: str, depth: int, seen: set[int], above: Slot | None, listed: frozenset[int]
) -> Iterator[tuple[Slot, int, int]]:
    """(slot, identity of its array, how deep it lies), of every slot below a thing.

    What stands in a list on the way, `listed`, is looked at there, and not where another item knows it too.
    """
    if id(thing) in seen or depth > _DEEPEST or len(seen) > 5000:
        return
    seen.add(id(thing))
    if isinstance(thing, list | tuple):
        listed |= {id(one) for one in thing if is_own(one)}
    for owner, key, written in members(thing):
        slot = Slot((name + written).lstrip("."), owner, key, above if owner is thing else None)
        try:
            value = slot.get()
        except Exception:
            continue
        if isinstance(value, np.ndarray):
            if value.dtype.kind == "f" and value.ndim in (1, 2) and value.size:
                yield slot, id(value), depth
        elif not isinstance(value, (str, bytes, int, float, type, ModuleType)) and (
            not is_own(thing) or id(value) not in listed
        ):
            yield from _slots(value, slot.name, depth + 1, seen, slot, listed)


def snapshot(found: list[Slot]) -> list[Array]:
    """Copies of what lies in the slots."""
    return [np.array(slot.get()) for slot in found]


def restore(found: list[Slot], saved: list[Array]) -> None:
    """Write copies back into the arrays that lie there now, where these are of the same shape."""
    for slot, value in zip(found, saved, strict=True):
        array = slot.get()
        if isinstance(array, np.ndarray) and array.shape == value.shape and array.flags.writeable:
            array[...] = value


def parts(thing: Any, depth: int = 0, seen: set[int] | None = None) -> Iterator[Any]:
    """The user's instances within a thing, itself first."""
    seen = set() if seen is None else seen
    if id(thing) in seen or depth > _DEEPEST or len(seen) > 5000 or isinstance(thing, (str, np.ndarray)):
        return
    seen.add(id(thing))
    if is_own(thing):
        yield thing
    for owner, key, _ in members(thing):
        try:
            value = Slot("", owner, key).get()
        except Exception:
            continue
        yield from parts(value, depth + 1, seen)


def to_float64(*things: Any) -> None:
    """Bring every float array within the things to float64; an array that two hold stays one array.

    Views of one flat buffer are left as they are: a copy would tear them from it.
    """
    memo: dict[int, Any] = {}
    kept: list[Any] = []  # an id is good for as long as its thing lives
    for thing in things:
        _recast(thing, memo, kept, 0)


def _recast(thing: Any, memo: dict[int, Any], kept: list[Any], depth: int) -> Any:
    if id(thing) in memo:
        return memo[id(thing)]
    kept.append(thing)
    memo[id(thing)] = thing
    if isinstance(thing, np.ndarray):
        narrow = thing.dtype.kind == "f" and thing.dtype.itemsize < 8
        whole = thing.base is None or getattr(thing.base, "size", 0) == thing.size
        if narrow and whole:
            memo[id(thing)] = thing.astype(np.float64)
    elif type(thing) is tuple:
        memo[id(thing)] = tuple(_recast(value, memo, kept, depth + 1) for value in thing)
    elif depth <= _DEEPEST and len(kept) < 5000:
        for owner, key, _ in members(thing):
            slot = Slot("", owner, key)
            try:
                old = slot.get()
                new = _recast(old, memo, kept, depth + 1)
                if new is not old:
                    slot.put(new)
            except Exception:
                continue
    return memo[id(thing)]


def alike(thing: Any, other: Any, depth: int = 0) -> bool:
    """Whether two things hold the same by value, as a copy does what it was made of."""
    if thing is other or depth > _DEEPEST:
        return True
    if type(thing) is not type(other):
        return False
    if isinstance(thing, np.ndarray):
        return thing.shape == other.shape and bool(np.array_equal(thing, other))
    inner = [list(members(one)) for one in (thing, other)]
    if not any(inner) and not is_own(thing):
        return isinstance(thing, (list, tuple, dict)) or bool(thing == other)
    if [key for _, key, _ in inner[0]] != [key for _, key, _ in inner[1]]:
        return False
    values = ([Slot("", owner, key).get() for owner, key, _ in one] for one in inner)
    return all(alike(a, b, depth + 1) for a, b in zip(*values, strict=True))


def matrices(found: list[Slot]) -> list[Array]:
    """Those that may be weights."""
    return [v for v in (slot.get() for slot in found) if v.ndim == 2 and min(v.shape) > 1]


def counters(values: Iterable[Any]) -> set[str]:
    """Global names that the functions among some values bind anew: `global steps`."""
    functions = (one for one in values if isinstance(one, FunctionType))
    return {n.argval for one in functions for n in dis.get_instructions(one) if n.opname == "STORE_GLOBAL"}
