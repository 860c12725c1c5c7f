"""Gathering: the layers, function pairs and derivatives that somebody's file holds, made where no instance is there."""

from __future__ import annotations

import copy
import inspect
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from types import FunctionType, ModuleType
from typing import Any, get_origin

import numpy as np

from handgrad.audit.dialects.calling import BACKWARD, FORWARD, STRENGTHS, asked, method, needed, plain, roles
from handgrad.audit.dialects.making import made_layer, plain_made
from handgrad.audit.dialects.witness import quietly
from handgrad.audit.objects import is_own, matrices, own_classes, own_functions, parts, slots
from handgrad.audit.pieces import own_output
from handgrad.audit.pieces.unit import ObjectWorker, PairWorker, Unit
from handgrad.audit.reading.pruning import MARK

_BACK = re.compile(r"^(.*?)_?(backward|bwd|bprop|backprop|back)((?:_\w+)?)$", re.IGNORECASE)
_FRONT = ("{0}_forward{1}", "{0}_fwd{1}", "{0}_fprop{1}", "{0}_forward", "{0}forward", "{0}")
_KNOWN = {"zero": 0.0, **dict.fromkeys(STRENGTHS, 0.0), "false": False, "true": True, "keep": 0.5, "lr": 2.0**-6}
_WIDE = 6  # of the input of a layer that asks for its size later
_WIDTHS: list[Any] = [_WIDE, (_WIDE,), (None, _WIDE)]
_BUILDS = ["build", "initialize", "init_params", "init_weights"]
_CONNECTS = ["connect_to", "connect", "connect_layer", "set_previous", "set_prev_layer", "link"]
_MOST_LAYERS, _MOST_OF_A_KIND, _LARGE = 24, 3, 3_000_000


def spaces(namespace: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The file's names, and those of the user's own modules that it imports."""
    modules = [vars(one) for one in list(sys.modules.values()) if isinstance(one, ModuleType) and MARK in vars(one)]
    return [namespace, *(one for one in modules if one is not namespace)]


def generators(found: list[Mapping[str, Any]]) -> tuple[Any, ...]:
    """Random generators at top level."""
    kinds = (np.random.Generator, np.random.RandomState)
    return tuple(value for names in found for value in list(names.values()) if isinstance(value, kinds))


def objects(found: list[Mapping[str, Any]], more: list[Any]) -> list[Any]:
    """The user's instances, however deep they lie."""
    seen: set[int] = set()
    things: list[Any] = []
    for names in found:
        for name, value in list(names.items()):
            if not name.startswith("__") and not isinstance(value, (ModuleType, type, FunctionType)):
                with suppress(Exception):
                    things += parts(value, 0, seen)
    for value in more:
        with suppress(Exception):
            things += parts(value, 0, seen)
    return things


def layers(found: list[Mapping[str, Any]], things: list[Any]) -> list[Unit]:
    """A unit for each kind of layer: instances that there are, and those that can be made."""
    drawn = generators(found)
    units: list[Unit] = []
    count: dict[type, int] = {}
    seen: set[Any] = set()
    for thing in sorted(things, key=lambda one: 0 if is_layer(one) else 1):
        kind = type(thing)
        if not is_layer(thing) or count.get(kind, 0) >= _MOST_OF_A_KIND or len(units) >= _MOST_LAYERS:
            continue
        with suppress(Exception):
            if (look := _look(thing)) not in seen and _size(thing) <= _LARGE:
                seen.add(look)
                count[kind] = count.get(kind, 0) + 1
                units.append(_unit(thing, drawn))
    classes = {kind: name for names in found for name, kind in own_classes(names).items()}
    for kind in classes:
        with suppress(Exception):
            if kind not in count and _class_is_layer(kind) and len(units) < _MOST_LAYERS:
                units += [_unit(thing, drawn) for thing in new(kind)]
    return units


def is_layer(thing: Any) -> bool:
    """Whether a thing has a way forward for one input, and a way back that does not work out the error itself."""
    try:
        if not is_own(thing):
            return False
        forward, backward = method(thing, FORWARD), method(thing, BACKWARD)
        return forward is not None and backward is not None and _takes_one(forward, backward)
    except Exception:  # attributes may be anything
        return False


def _takes_one(forward: Callable[..., Any], backward: Callable[..., Any]) -> bool:
    asked = [name for name in needed(forward) or [] if not re.search("train|mode|test", name, re.IGNORECASE)]
    back = needed(backward) or []
    own = own_output.asked_for(back)
    labels = any("y" in roles(name)[:1] for name in [*asked[1:], *back] if name != own)
    return len(asked) == 1 and 1 <= len(back) <= 3 and not labels


def _class_is_layer(kind: type) -> bool:
    has = [method(kind, names) is not None for names in (FORWARD[:6], BACKWARD[:12])]
    return all(has) and not inspect.isabstract(kind)


def _look(thing: Any) -> Any:
    """What tells two layers of a class apart: words, switches and functions that they hold, and being square."""
    told: list[Any] = [type(thing)]
    for name, value in sorted(vars(thing).items()):
        if isinstance(value, (bool, str, FunctionType, type)) and not re.search("name", name):
            told.append((name, value))
        elif is_own(value):
            told.append((name, type(value)))
        elif isinstance(value, np.ndarray) and value.ndim == 2 and min(value.shape) > 1:
            told.append((name, value.shape[0] == value.shape[1]))
    return tuple(told)


def _size(thing: Any) -> int:
    return sum(value.size for value in vars(thing).values() if isinstance(value, np.ndarray))


def _unit(thing: Any, drawn: tuple[Any, ...]) -> Unit:
    forward, backward = method(thing, FORWARD), method(thing, BACKWARD)
    assert forward is not None
    assert backward is not None
    inner = [one for one in parts(thing, seen=_neighbours(thing)) if one is not thing and is_layer(one)]
    unit = Unit(type(thing).__name__, partial(ObjectWorker, thing), unbound(forward), unbound(backward), thing, drawn)
    unit.holds = bool(inner)
    return unit


def _neighbours(thing: Any) -> set[int]:
    """The identities of the layers before and behind one in a chain, who know each other by the same two names."""
    return {
        id(other)
        for name, other in vars(thing).items()
        if is_own(other)
        for back, one in vars(other).items()
        if one is thing and hasattr(thing, back) and hasattr(other, name)
    }


def unbound(function: Any) -> Any:
    """The function that a method is of."""
    return getattr(function, "__func__", function)


def new(kind: type) -> list[Any]:
    """Instances of a layer's class, in a few sizes; none where it cannot be made."""
    made = [made_layer(kind, 12, 9), made_layer(kind, 6, 6)]
    made = [one for one in made if one is not None] or [_guessed(kind)]
    made = [one for one in made if one is not None] or [_guessed(kind, shape=_WIDE)]
    made = [one for one in made if one is not None] or [plain_made(kind, _KNOWN)]
    return [_built(one) for one in made if one is not None and is_layer(one)]


def _built(thing: Any) -> Any:
    """A layer that has made its weights, where it only does so once it knows the size of its input."""
    if any(isinstance(value, np.ndarray) for value in vars(thing).values()):
        return thing
    forward = method(thing, FORWARD)
    tries: list[tuple[Callable[..., Any] | None, Any]] = []
    for build, forms in ((method(thing, _BUILDS), _WIDTHS), (method(thing, _CONNECTS), [_Before()])):
        if build is not None and len(asked(build)) == 1:
            tries += [(build, form) for form in forms]
    for call, given in [*tries, (forward, np.random.default_rng(4).standard_normal((5, _WIDE)))]:
        other = copy.deepcopy(thing)
        held = None if call is None else getattr(other, call.__name__, None)
        with suppress(Exception):
            if held is not None:
                quietly(partial(held, given))
                made = list(slots(other))
                if made if call is not forward else matrices(made) and _keeps_weights(other, held):
                    return other
    return thing


class _Before:
    """What stands before a layer that is connected to it: it tells how wide its output is, in some words."""

    def __init__(self) -> None:
        self.out_shape = self.output_shape = self.shape = (None, _WIDE)
        self.units = self.size = self.n_out = self.output_size = self.output_dim = self.out_features = _WIDE


def _keeps_weights(thing: Any, forward: Callable[..., Any]) -> bool:
    """Whether a matrix that its first forward has made is still the same one after a second: it is no input then."""
    before = {slot.name: id(slot.get()) for slot in slots(thing)}
    quietly(partial(forward, np.random.default_rng(5).standard_normal((7, _WIDE))))
    return any(id(slot.get()) == before.get(slot.name) and slot.get().ndim == 2 for slot in slots(thing))


def _guessed(kind: type, shape: Any = (_WIDE,)) -> Any:
    """An instance whose sizes and settings are guessed by name; what is called a shape may be a single number."""
    try:
        filled: dict[str, Any] = {}
        for p in inspect.signature(kind).parameters.values():
            if _is_off(kind, p):
                filled[p.name] = 0.5
            elif p.default is p.empty and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL):
                untold = 0.5 if "drop" in kind.__name__.lower() else _WIDE
                filled[p.name] = _as_annotated(_setting(p.name, shape, untold), p.annotation)
        return quietly(lambda: kind(**filled))
    except Exception:
        return None


def _is_off(kind: type, p: inspect.Parameter) -> bool:
    """Whether a dropout drops nothing unless it is told how much."""
    if type(p.default) not in (int, float) or p.default not in (0, 1) or "drop" not in kind.__name__.lower():
        return False
    return re.search("drop|rate|prob|^p$|ratio|keep", p.name.lower()) is not None


def _as_annotated(value: Any, annotation: Any) -> Any:
    """A size as a tuple, where a constructor says that it wants nothing else."""
    told = annotation if isinstance(annotation, str) else getattr(get_origin(annotation) or annotation, "__name__", "")
    alone = re.match(r"(?:typing\.)?tuple\b[^|]*$", told, re.IGNORECASE)
    return (value,) if alone and isinstance(value, int) else value


def _setting(name: str, shape: Any, untold: float) -> Any:
    low = name.lower()
    for pattern, value in (
        ("shape", shape), ("kernel|filter_size|pool|ksize|^k$|^f$", 2), ("stride", 1), ("pad", 0), ("eps", 1e-5),
        ("moment|decay|rho", 0.9), ("drop|rate|prob|^p$|ratio|keep", 0.5), ("slope|alpha|leak", 0.1),
        ("lr|learn", 2.0**-6), ("channel|filter|depth", 3), ("activ", "relu"), ("heads", 1), ("seed", 0),
    ):  # fmt: skip
        if re.search(pattern, low):
            return value
    return untold


def pairs(found: list[Mapping[str, Any]]) -> Iterator[Unit]:
    """Function pairs: affine_forward and affine_backward, sigmoid and sigmoid_backward, in shapes that may fit."""
    drawn = generators(found)
    functions = {name: f for names in found for name, f in own_functions(names).items()}
    for name, back in functions.items():
        match = _BACK.match(name)
        if not match or len(needed(back) or []) != 2 or not match[1]:
            continue
        front = [functions.get(form.format(match[1], match[3])) for form in _FRONT]
        forward = next((one for one in front if one is not None and one is not back), None)
        asked = (needed(forward) or []) if forward is not None else []
        if forward is None or not asked or any("y" in roles(one)[:1] for one in asked[1:]):
            continue
        for values, more in _given(asked[1:]):
            make = partial(PairWorker, forward, back, values, more)
            yield Unit(name, make, forward, back, None, drawn)


_OPTIONS = {"stride": 1, "pad": 1, "pool_height": 2, "pool_width": 2, "f": 2, "eps": 1e-5, "momentum": 0.9, "p": 0.5,
            "mode": "train", "G": 1}  # fmt: skip
_SIMPLE = (("^mode$", "train"), ("drop|keep|^p$|prob|rate", 0.5), ("activ", "relu"), ("eps", 1e-5), ("moment", 0.9))


def _given(asked: list[str]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """(arrays, options) for the rest of a forward's parameters: weights as rows or as columns, channels."""
    for w, b in (((6, 4), (4,)), ((4, 6), (4, 1)), ((6, 4), (1, 4)), ((4, 3, 3, 3), (4,))):
        values: dict[str, Any] = {}
        more: dict[str, Any] = {}
        for name in asked:
            low = plain(name)
            simple = next((value for pattern, value in _SIMPLE if re.search(pattern, low)), None)
            shape = next((shape for pattern, shape in _arrays(w, b) if re.match(pattern, low)), None)
            if "param" in low or "config" in low:
                more[name] = _OPTIONS | ({"stride": 2} if "pool" in low else {})
            elif simple is not None:
                more[name] = simple
            elif shape is not None:
                values[name] = np.ones(shape)
            else:
                return
        yield values, more
        if not any(value.ndim > 1 for value in values.values()) and not (values and w == (6, 4)):
            return


def _arrays(w: tuple[int, ...], b: tuple[int, ...]) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """(pattern of names, shape)."""
    return ("gamma|beta|scale|shift|gain|run|mov|mean|var|mu", (6,)), ("w|theta|kernel|filter", w), ("b", b)


def softmaxes(found: list[Mapping[str, Any]], things: list[Any]) -> Iterator[Callable[..., Any]]:
    """Functions and methods of one input that are called softmax."""
    for names in found:
        yield from (f for name, f in own_functions(names).items() if _says_softmax(name, f))
    for kind, thing in {type(thing): thing for thing in things}.items():
        for name in dir(kind):
            if "softmax" in name.lower() and inspect.isroutine(inspect.getattr_static(kind, name, None)):
                with suppress(Exception):
                    if _says_softmax(name, held := getattr(thing, name)):
                        yield held


def _says_softmax(name: str, function: Any) -> bool:
    return "softmax" in name.lower() and len(needed(function) or []) == 1
