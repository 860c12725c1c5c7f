"""Unit: one layer of somebody's, run alone. However it is called, it becomes y = forward(x) and (dx, grads) = backward.

Every run is on a copy of its own in float64, with the random numbers set back, so that dropout draws the same mask.
"""

from __future__ import annotations

import copy
import inspect
import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from handgrad.audit.dialects.calling import BACKWARD, FORWARD, method, plain, roles
from handgrad.audit.dialects.chain import DOWN, attribute
from handgrad.audit.dialects.gradients import capture
from handgrad.audit.objects import Slot, is_own, members, parts, to_float64
from handgrad.audit.pieces import own_output
from handgrad.audit.pieces.lists import as_array, lists_to_arrays
from handgrad.core.arrays import Array

LR = 2.0**-6
_OUTPUT = ("output", "outputs", "out", "a", "y", "result", "value")
_TRAIN, _TEST = re.compile(r"train|^mode$", re.IGNORECASE), re.compile(r"test|eval|infer|predict", re.IGNORECASE)
_CACHE = re.compile(r"cache|^mem|context|^ctx$|^saved", re.IGNORECASE)
_DEEPEST = 6


@dataclass(frozen=True)
class Ran:
    """One forward and one backward.

    Attributes:
        y: the output.
        dx: the gradient by the input; None where backward gives none.
        grads: by parameter, where they could be found.
    """

    y: Array
    dx: Array | None
    grads: dict[str, Array]


@dataclass
class Unit:
    """A layer that can be run.

    Attributes:
        name: for people.
        make: gives a new copy to work with.
        forward: the function of the user's that runs forward.
        backward: the one that runs back.
        thing: the object that the copies are of; None for plain functions.
        generators: random generators that it may draw from, set back before each run.
        point: values that its parameters get in every run, by name.
        holds: whether it has layers of the user's inside.
    """

    name: str
    make: Callable[[], Worker]
    forward: Callable[..., Any]
    backward: Callable[..., Any]
    thing: Any = None
    generators: tuple[Any, ...] = ()
    point: dict[str, Array] = field(default_factory=dict)
    holds: bool = False

    def worker(self) -> Worker:
        """A new copy, its parameters at the point."""
        one = self.make()
        one.generators = self.generators
        for name, value in self.point.items():
            one.put(name, value)
        return one

    def run(self, x: Array, dy: Array, lr: float = LR) -> Ran:
        """Forward and backward on a new copy. What a gradient holds besides dy's share, such as L2, is taken off."""
        found, still = (self._run(x, d, lr) for d in (dy, 0 * dy))
        grads = {
            name: g - still.grads[name] if _fits(g, still.grads.get(name)) else g for name, g in found.grads.items()
        }
        return Ran(found.y, found.dx, grads)

    def _run(self, x: Array, dy: Array, lr: float) -> Ran:
        one = self.worker()
        y = one.forward(x.copy())
        dx, grads = one.backward(x, dy.copy(), tuple(self.point), lr)
        return Ran(y, dx, grads)


def _fits(gradient: Array, still: Array | None) -> bool:
    return still is not None and still.shape == gradient.shape and bool(np.isfinite(still).all())


class Worker:
    """A copy of a layer at work. Subclasses say how it is called."""

    generators: tuple[Any, ...] = ()
    drawn: tuple[Any, ...] = ()  # generators of the layer's own

    def forward(self, x: Any, *, train: bool = True) -> Array:
        """The output, in training mode or not."""
        np.random.seed(0)
        random.seed(0)
        for generator in (*self.generators, *self.drawn):
            set_back(generator)
        y = as_array(self.call_forward(x, train))
        if not isinstance(y, np.ndarray) or y.dtype != np.float64:
            raise TypeError("no output in float64")
        return np.array(y)

    def call_forward(self, x: Any, train: bool) -> Any:
        """What the user's forward gives."""
        raise NotImplementedError

    def backward(self, x: Any, dy: Array, wanted: tuple[str, ...], lr: float) -> tuple[Array | None, dict[str, Array]]:
        """(dx, gradients of the parameters that are wanted)."""
        raise NotImplementedError

    def arrays(self) -> dict[str, Array]:
        """Every array that may be a parameter, by name."""
        raise NotImplementedError

    def put(self, name: str, value: Array) -> None:
        """Write a parameter in place."""
        self.arrays()[name][...] = value


class ObjectWorker(Worker):
    """An instance with forward and backward."""

    def __init__(self, thing: Any) -> None:
        self.thing = copy.deepcopy(thing)
        to_float64(self.thing)
        lists_to_arrays(self.thing)
        self.up, self.back = method(self.thing, FORWARD), method(self.thing, BACKWARD)
        self.given: Any = None  # what forward returned beside the output
        self.output: Any = None
        kinds = (np.random.Generator, np.random.RandomState)
        self.drawn = tuple(v for v in vars(self.thing).values() if isinstance(v, kinds))

    def call_forward(self, x: Any, train: bool) -> Any:
        r"""What the user\'s forward gives."""
        set_mode(self.thing, train)
        assert self.up is not None
        given = self.up(**arguments(self.up, {"x": x}, train))
        self.given = None
        if isinstance(given, tuple) and len(given) == 2:
            given, self.given = given
        self.output = attribute(self.thing, _OUTPUT) if given is None else given
        return self.output

    def backward(self, x: Any, dy: Array, wanted: tuple[str, ...], lr: float) -> tuple[Array | None, dict[str, Array]]:
        """(dx, gradients of the parameters that are wanted)."""
        before = {name: np.array(value) for name, value in self.arrays().items() if name in wanted}
        back = self.given if callable(self.given) else self.back
        assert back is not None
        own = {"y": self.output, "pred": self.output} if own_output.asked_for(_needed(back)) else {}
        given = back(**arguments(back, {"x": x, "error": dy, "lr": lr, "cache": self.given, **own}, True))
        shapes = {name: value.shape for name, value in before.items()}
        dx, grads = sorted_out(given, np.shape(x), shapes)
        if given is None:
            dx = attribute(self.thing, DOWN)
        rate = self._rate(back, lr)
        slots = slots_of(self.thing)
        for slot in [slot for slot in slots if slot.name in wanted and slot.name not in grads]:
            moved = before[slot.name] - slot.get()
            if moved.any():
                if rate:
                    grads[slot.name] = moved / rate
                continue
            found = capture([s for s in slots if s is slot or s.name not in wanted], [slot])
            grad = found[0] if found else self._misshapen(slot)
            if grad is not None:
                grads[slot.name] = grad
        return (None if dx is None else np.array(dx)), grads

    def _rate(self, back: Any, lr: float) -> float:
        """The learning rate of a layer that updates itself; 0 where it is not known."""
        if any("lr" in roles(name)[:1] for name in _needed(back)):
            return lr
        told = (_rates(self.thing), [rate for one in parts(self.thing) for rate in _rates(one)])  # its optimizer's
        own = next((rates for rates in told if rates), [])
        return float(own[0]) if len(own) == 1 else 0.0

    def _misshapen(self, slot: Slot) -> Array | None:
        """A gradient by name whose shape is not the parameter's: summed over too much."""
        key = plain(slot.key) if isinstance(slot.key, str) else ""
        for name, value in vars(slot.owner).items() if is_own(slot.owner) else ():
            if (
                key
                and plain(name) in (f"d{key}", f"grad{key}", f"{key}grad")
                and isinstance(value, (float, np.ndarray))
            ):
                return np.array(value)
        return None

    def arrays(self) -> dict[str, Array]:
        """Every array that may be a parameter, by name."""
        return {slot.name: slot.get() for slot in slots_of(self.thing)}


def _rates(thing: Any) -> list[float]:
    return [v for k, v in vars(thing).items() if "lr" in roles(k)[:1] and isinstance(v, (int, float))]


class PairWorker(Worker):
    """Two functions: out, cache = forward(x, w, b) and dx, dw, db = backward(dout, cache)."""

    def __init__(
        self, up: Callable[..., Any], back: Callable[..., Any], values: Mapping[str, Array], more: Mapping[str, Any]
    ) -> None:
        self.up, self.back, self.more = up, back, copy.deepcopy(dict(more))
        self.values = {name: np.array(value) for name, value in values.items()}
        self.first = next(iter(inspect.signature(up).parameters))
        self.cache: Any = None

    def call_forward(self, x: Any, train: bool) -> Any:
        r"""What the user\'s forward gives."""
        for option in self.more.values():
            if isinstance(option, dict) and "mode" in option:
                option["mode"] = "train" if train else "test"
        if "mode" in self.more:
            self.more["mode"] = "train" if train else "test"
        given = self.up(**{self.first: x}, **self.values, **self.more)
        if isinstance(given, tuple) and len(given) == 2:
            given, self.cache = given
        return given

    def backward(self, x: Any, dy: Array, wanted: tuple[str, ...], lr: float) -> tuple[Array | None, dict[str, Array]]:
        """(dx, gradients of the parameters that are wanted)."""
        given = self.back(dy, self.cache)
        return sorted_out(given, np.shape(x), {name: self.values[name].shape for name in wanted})

    def arrays(self) -> dict[str, Array]:
        """Every array that may be a parameter, by name."""
        kept = {
            f"{option}.{name}": value
            for option, held in self.more.items()
            if isinstance(held, dict)
            for name, value in held.items()
            if isinstance(value, np.ndarray) and value.dtype.kind == "f"
        }
        return {**self.values, **kept}


def slots_of(thing: Any) -> list[Slot]:
    """Every slot below a thing that holds an array of floats with one to four axes."""
    return list(_slots(thing, "", 0, set()))


def _slots(thing: Any, name: str, depth: int, seen: set[int]) -> Iterator[Slot]:
    if id(thing) in seen or depth > _DEEPEST or len(seen) > 2000:
        return
    seen.add(id(thing))
    for owner, key, written in members(thing):
        slot = Slot((name + written).lstrip("."), owner, key)
        try:
            value = slot.get()
        except Exception:
            continue
        if isinstance(value, np.ndarray):
            if value.dtype.kind == "f" and 0 < value.ndim <= 4 and value.size and id(value) not in seen:
                seen.add(id(value))
                yield slot
        elif not isinstance(value, (str, bytes, int, float, type)):
            yield from _slots(value, slot.name, depth + 1, seen)


def arguments(function: Callable[..., Any], known: Mapping[str, Any], train: bool) -> dict[str, Any]:
    """Arguments by name: flags by what they are called, the rest by role, and x or dy to what is left over."""
    parameters = [
        p
        for p in inspect.signature(function).parameters.values()
        if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD, p.POSITIONAL_ONLY)
    ]
    filled: dict[str, Any] = {}
    open_names = []
    for p in parameters:
        if _TRAIN.search(p.name) and plain(p.name) not in ("xtrain", "ytrain"):
            wordy = isinstance(p.default, str) or (p.default is p.empty and p.name == "mode")
            filled[p.name] = ("train" if train else "test") if wordy else train
        elif _TEST.search(p.name) and p.default in (True, False):
            filled[p.name] = not train
        elif p.default is p.empty:
            open_names.append(p.name)
    main = "error" if "error" in known else "x"
    if len(open_names) > 1:
        for name in list(open_names):
            kinds = ["error"] if main == "error" and name == "d" else _roles(name)  # elsewhere d may be data
            role = next((r for r in kinds if r in known and known[r] is not None), None)
            if role and role != main and role not in {_roles(n)[0] for n in filled if _roles(n)}:
                filled[name] = known[role]
                open_names.remove(name)
    if len(open_names) != 1:
        raise TypeError(function)
    return {open_names[0]: known[main], **filled}


def _roles(name: str) -> list[str]:
    if _CACHE.search(name):
        return ["cache"]
    found = roles(name)
    return ["error"] if "error" in found[:1] else found


def _needed(function: Callable[..., Any]) -> list[str]:
    try:
        return [p.name for p in inspect.signature(function).parameters.values() if p.default is p.empty]
    except (TypeError, ValueError):
        return []


def sorted_out(
    given: Any, x_shape: tuple[int, ...], shapes: Mapping[str, tuple[int, ...]]
) -> tuple[Array | None, dict[str, Array]]:
    """(dx, gradients) of what backward returned: by shape, and in order where shapes do not tell."""
    given = as_array(given) if len(x_shape) == 1 else given
    if not isinstance(given, (tuple, list)):
        return (given if isinstance(given, np.ndarray) else None), {}
    rest = [np.asarray(one) for one in given if isinstance(one, (np.ndarray, float))]
    dx, grads = None, {}
    place = next((i for i, one in enumerate(rest) if one.shape == x_shape), None)
    if place is not None:
        dx = rest.pop(place)
    for name, shape in shapes.items():
        place = next((i for i, one in enumerate(rest) if one.shape == shape), None)
        if place is not None:
            grads[name] = rest.pop(place)
    missing = [name for name in shapes if name not in grads]
    if len(missing) == len(rest):
        grads |= dict(zip(missing, rest, strict=True))
    return dx, grads


def set_mode(thing: Any, train: bool) -> None:
    """Training or not, where a layer keeps that as an attribute or has a method for it."""
    for name in flags(thing):
        value = getattr(thing, name)
        if isinstance(value, bool) and _TRAIN.search(name):
            setattr(thing, name, train)
        elif isinstance(value, bool) and _TEST.search(name):
            setattr(thing, name, not train)
        elif isinstance(value, str) and plain(name) == "mode":
            setattr(thing, name, "train" if train else "test")


def flags(thing: Any) -> list[str]:
    """Attributes of a thing, or of its class, that say whether it is training."""
    names = {*vars(thing), *(name for kind in type(thing).__mro__ for name in vars(kind) if not name.startswith("__"))}
    named = [name for name in sorted(names) if _TRAIN.search(name) or _TEST.search(name)]
    return [name for name in named if isinstance(getattr(thing, name, None), (bool, str))]


def set_back(generator: Any) -> None:
    """Let a random generator begin again."""
    if isinstance(generator, np.random.Generator):
        generator.bit_generator.state = type(generator.bit_generator)(0).state
    elif isinstance(generator, np.random.RandomState):
        generator.seed(0)
