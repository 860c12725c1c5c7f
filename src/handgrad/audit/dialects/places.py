"""Places: where float arrays live in somebody's objects, however deep, and how to read and to replace them there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import FunctionType
from typing import Any

import numpy as np

from handgrad.audit.dialects.roles import is_buffer, own, role
from handgrad.audit.dialects.sizes import weight_vector
from handgrad.audit.objects import cells
from handgrad.core.arrays import Array

_DEEP, _MANY, _LARGE = 5, 400, 20_000_000
_OPTIMIZER = re.compile(r"optim|^sgd|adam|rms_?prop|ada_?grad|momentum$|nesterov")
_HOLDERS = (list, dict, FunctionType)


@dataclass(frozen=True)
class Place:
    """One float array: `root` is the name at the top, `path` the keys, indices and attributes that lead on from there.

    Attributes:
        root: a name in the namespace.
        path: ("item", key), ("attr", name) or ("cell", name) of a closure, one for each step down; ("part", ends) for
            some rows or columns of a matrix comes last.
    """

    root: str
    path: tuple[tuple[str, Any], ...] = ()

    @property
    def name(self) -> str:
        """As people would write it: W1, params['W1'] as W1, net.weights[0] as weights[0]."""
        text = "" if self.path else self.root
        for i, (kind, key) in enumerate(self.path):
            last = i == len(self.path) - 1
            if kind == "part":
                text = f"{text or self.root}[{_written(key)}]"
            elif kind in ("attr", "cell"):
                text = f"{text}.{key}" if text else str(key)
            elif isinstance(key, str):
                plain = not text or (last and all(k != "item" for k, _ in self.path[:i]))
                text = key if plain else f"{text}.{key}"
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
        elif kind == "part":
            _down(holder, kind, key)[...] = new
        elif kind == "cell":
            holder.__closure__[holder.__code__.co_freevars.index(key)].cell_contents = new
        elif isinstance(holder, tuple):
            Place(self.root, self.path[:-1]).put(world, (*holder[:key], new, *holder[key + 1 :]))
        else:
            holder[key] = new


def arrays(world: Mapping[str, Any], roots: list[str]) -> list[Place]:
    """Float arrays of one or two dimensions below some names that may be parameters, each array once."""
    seen: set[int] = set()
    found: list[Place] = []
    for root in roots:
        named = role(root) in ("x", "y", "rows", "gradients") or is_buffer(root)
        if named and not own(world[root]) and not (is_buffer(root) and _is_drawn(world[root])):
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
        if (is_buffer(key) and (place.path or not _is_drawn(value))) or id(value) in seen:
            return
        seen.add(id(value))
    plain = isinstance(value, float | np.floating) or (type(value) is int and value == 0)  # self.bias = 0
    if plain and seen is not None and role(key) == "weight":
        seen.discard(id(value))  # two names may hold the same number, and still are two parameters
        yield place
    elif isinstance(value, np.ndarray) and value.dtype.kind == "f":
        if value.ndim in (1, 2) and 0 < value.size < _LARGE and value.flags.writeable:
            yield place
    elif len(place.path) < _DEEP:
        for step, inner in _steps(value):
            if (
                role(str(step[1])) not in ("x", "y", "gradients")
                or isinstance(inner, list)
                or _is_of_tensor(value, step)
            ):
                yield from _below(Place(place.root, (*place.path, step)), inner, seen)


def _is_drawn(value: Any) -> bool:
    """Whether it is an array of numbers of which no two are alike: weights are drawn, a velocity begins at 0."""
    return isinstance(value, np.ndarray) and value.dtype.kind == "f" and len(np.unique(value)) == value.size > 1


def memories(world: Mapping[str, Any]) -> list[Place]:
    """Arrays that an optimizer keeps from step to step, by their names: velocities, moments."""
    found = [place for root, value in world.items() for place in _below(Place(root), value, None)]
    return [place for place in found if is_buffer(str(place.path[-1][1]) if place.path else place.root)]


def _is_of_tensor(value: Any, step: tuple[str, Any]) -> bool:
    """Whether a step leads to the array of an object that knows its gradient."""
    return step == ("attr", "data") and own(value) and hasattr(value, "grad")


def gradient_of(place: Place, world: Mapping[str, Any]) -> Any:
    """The gradient that an object keeps beside an array, p.grad of p.data or p.value; None where there is none."""
    if not place.path or place.path[-1][0] != "attr":
        return None
    gradient = getattr(Place(place.root, place.path[:-1]).get(world), "grad", None)
    gradient = getattr(gradient, "data", None) if own(gradient) else gradient
    fits = isinstance(gradient, np.ndarray) and gradient.shape == np.shape(place.get(world))
    return gradient if fits else None


def _steps(value: Any) -> list[tuple[tuple[str, Any], Any]]:
    """What can be reached from a container or an instance, with the step that leads there."""
    if isinstance(value, dict):
        return [(("item", k), v) for k, v in value.items()]
    if isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.dtype == object and value.ndim == 1):
        return [(("item", i), v) for i, v in enumerate(value[:100])]
    if isinstance(value, FunctionType):
        held = _kept(value).items()
        return [
            (("cell", n), v)
            for n, v in held
            if (not isinstance(v, np.ndarray) or v.ndim in (1, 2)) and not (_is_optimizer(value) and _is_empty(v))
        ]
    if own(value):
        held = getattr(value, "__dict__", {}).items()
        return [(("attr", k), v) for k, v in held if not (_is_optimizer(value) and _is_memory(v))]
    return []


def _is_optimizer(value: Any) -> bool:
    """Whether a thing is an optimizer by the names of its classes, or of the function that made it."""
    if isinstance(value, FunctionType):
        return _OPTIMIZER.search(value.__qualname__.partition(".")[0].lower()) is not None
    return any(_OPTIMIZER.search(kind.__name__.lower()) for kind in type(value).__mro__[:-1])


def _is_memory(value: Any) -> bool:
    """Whether a thing is what an optimizer keeps for itself: numbers and arrays, but no tensors."""
    one = value[0] if isinstance(value, list) and value else value
    return isinstance(one, float | np.ndarray)


def _is_empty(value: Any) -> bool:
    """Whether a thing is a number, or zeros alone: what an optimizer that is a closure keeps beside the parameters."""
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else [value]
    return all(isinstance(one, float) or (isinstance(one, np.ndarray) and not one.any()) for one in items)


# The weights and the bias of a matrix that holds both: the bias is its last or first column, or its last or first row.
_ALL, _REST, _LAST, _LATER, _FIRST = (None, None), (None, -1), (-1, None), (1, None), (None, 1)
_WITH_BIAS = (
    (1, ((_ALL, _REST), (_ALL, _LAST))),
    (1, ((_ALL, _LATER), (_ALL, _FIRST))),
    (0, ((_REST, _ALL), (_LAST, _ALL))),
    (0, ((_LATER, _ALL), (_FIRST, _ALL))),
)


def parted(places: list[Place], world: Mapping[str, Any]) -> Iterator[list[Place]]:
    """The places with each matrix as weights and a bias, as nets have them whose layers get a one beside each input;
    then with the first matrix whole, for its inputs may have come with their ones.
    """
    shapes = [np.shape(place.get(world)) for place in places]
    for whole in (0, 1) if all(len(shape) == 2 for shape in shapes) else ():
        for axis, both in _WITH_BIAS:
            if len(places) > whole and all(shape[axis] > 1 for shape in shapes[whole:]):
                rest = [Place(one.root, (*one.path, ("part", part))) for one in places[whole:] for part in both]
                yield [*places[:whole], *rest]


def _written(part: tuple[tuple[int | None, int | None], ...]) -> str:
    """A part as people write it: [:, :-1]."""
    return ", ".join(":".join("" if end is None else str(end) for end in both) for both in part)


def widen(world: dict[str, Any], places: list[Place]) -> None:
    """Bring the arrays to float64, each in its own memory; what is shared by several owners stays shared."""
    places = [place for place in places if not place.path or place.path[-1][0] != "part"]
    wide = {id(old): np.array(old, np.float64) for place in places if isinstance(old := place.get(world), np.ndarray)}
    named = {place.root for place in places}
    shared = [root for root, value in world.items() if id(value) in wide]
    holders = [root for root, value in world.items() if root in named or own(value) or isinstance(value, _HOLDERS)]
    roots = dict.fromkeys([*holders, *shared])
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
    if kind == "part":
        return value[tuple(slice(*both) for both in key)]
    if kind == "cell":
        return _kept(value)[key]
    return getattr(value, key) if kind == "attr" else value[key]


def _kept(function: FunctionType) -> dict[str, Any]:
    """What a function keeps in its closure, by name."""
    return {name: cell.cell_contents for name, cell in cells(function).items()}


def values(places: list[Place], world: Mapping[str, Any]) -> dict[str, Array]:
    """Name to live array; a name that stands for two places is told apart by its root. The weights of a single output
    that are a vector are seen as a column.
    """
    names = [place.name for place in places]
    live = [place.get(world) for place in places]
    vector = weight_vector(tuple(np.shape(value) for value in live))
    return {
        (name if names.count(name) == 1 else f"{place.root}.{name}"): value.reshape(-1, 1) if i == vector else value
        for i, (name, place, value) in enumerate(zip(names, places, live, strict=True))
    }
