"""Places: where float arrays live in somebody's objects, however deep, and how to read and to replace them there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from handgrad.audit.dialects.roles import is_buffer, own, role
from handgrad.core.arrays import Array

_DEEP, _MANY, _LARGE = 5, 400, 20_000_000


@dataclass(frozen=True)
class Place:
    """One float array: `root` is the name at the top, `path` the keys, indices and attributes that lead on from there.

    Attributes:
        root: a name in the namespace.
        path: ("item", key) or ("attr", name), one for each step down.
    """

    root: str
    path: tuple[tuple[str, Any], ...] = ()

    @property
    def name(self) -> str:
        """As people would write it: W1, params['W1'] as W1, net.weights[0] as weights[0]."""
        text = "" if self.path else self.root
        for i, (kind, key) in enumerate(self.path):
            last = i == len(self.path) - 1
            if kind == "attr":
                text = f"{text}.{key}" if text else str(key)
            elif isinstance(key, str):
                text = key if last and all(k == "attr" for k, _ in self.path[:i]) else f"{text}.{key}"
            else:
                text = f"{text or self.root}[{key}]"
        return text

    def get(self, world: Mapping[str, Any]) -> Any:
        """What stands there now."""
        value = world[self.root]
        for step in self.path:
            value = _down(value, *step)
        return value

    def put(self, world: dict[str, Any], new: Any) -> None:
        """Let another array stand there."""
        if not self.path:
            world[self.root] = new
            return
        holder = world[self.root]
        for step in self.path[:-1]:
            holder = _down(holder, *step)
        kind, key = self.path[-1]
        if kind == "attr":
            setattr(holder, key, new)
        else:
            holder[key] = new


def arrays(world: Mapping[str, Any], roots: list[str]) -> list[Place]:
    """Float arrays of one or two dimensions below some names that may be parameters, each array once."""
    seen: set[int] = set()
    found: list[Place] = []
    for root in roots:
        if (role(root) in ("x", "y", "rows", "gradients") or is_buffer(root)) and not own(world[root]):
            continue
        for place in _below(Place(root), world[root], seen):
            found.append(place)
            if len(found) > _MANY:
                return found
    return found


def _below(place: Place, value: Any, seen: set[int] | None) -> Iterator[Place]:
    """Arrays below a place, each once if what was seen is noted, and then without buffers."""
    key = str(place.path[-1][1]) if place.path else place.root
    if seen is not None:
        if is_buffer(key) or id(value) in seen:
            return
        seen.add(id(value))
    if isinstance(value, float | np.floating) and seen is not None and role(key) == "weight":
        seen.discard(id(value))  # two names may hold the same number, and still are two parameters
        yield place
    elif isinstance(value, np.ndarray) and value.dtype.kind == "f":
        if value.ndim in (1, 2) and 0 < value.size < _LARGE and value.flags.writeable:
            yield place
    elif len(place.path) < _DEEP:
        for step, inner in _steps(value):
            if role(str(step[1])) not in ("x", "y", "gradients") or isinstance(inner, list):
                yield from _below(Place(place.root, (*place.path, step)), inner, seen)


def _steps(value: Any) -> list[tuple[tuple[str, Any], Any]]:
    """What can be reached from a container or an instance, with the step that leads there."""
    if isinstance(value, dict):
        return [(("item", k), v) for k, v in value.items()]
    if isinstance(value, list) or (isinstance(value, np.ndarray) and value.dtype == object and value.ndim == 1):
        return [(("item", i), v) for i, v in enumerate(value[:100])]
    if own(value):
        return [(("attr", k), v) for k, v in getattr(value, "__dict__", {}).items()]
    return []


def widen(world: dict[str, Any], places: list[Place]) -> None:
    """Bring the arrays to float64, each in its own memory; what is shared by several owners stays shared."""
    wide = {id(old): np.array(old, np.float64) for place in places if isinstance(old := place.get(world), np.ndarray)}
    named = {place.root for place in places}
    roots = [root for root, value in world.items() if root in named or own(value) or isinstance(value, list | dict)]
    for place in places:
        if not isinstance(place.get(world), np.ndarray):
            place.put(world, np.array([place.get(world)], np.float64))  # a bias that is a plain number
    for place in [place for root in roots for place in _below(Place(root), world[root], None)]:
        if id(place.get(world)) in wide:
            try:
                place.put(world, wide[id(place.get(world))])
            except (AttributeError, TypeError):
                continue


def _down(value: Any, kind: str, key: Any) -> Any:
    return getattr(value, key) if kind == "attr" else value[key]


def values(places: list[Place], world: Mapping[str, Any]) -> dict[str, Array]:
    """Name to live array; a name that stands for two places is told apart by its root."""
    names = [place.name for place in places]
    return {
        (name if names.count(name) == 1 else f"{place.root}.{name}"): place.get(world)
        for name, place in zip(names, places, strict=True)
    }
