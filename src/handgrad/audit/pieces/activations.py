"""Activations: the functions of a file that bend, each with its derivative: beside it by name, in one class with it, or
told by a flag.
"""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from types import FunctionType
from typing import Any

import numpy as np

from handgrad.audit.dialects.calling import BACKWARD, FORWARD, method, needed, plain, roles
from handgrad.audit.dialects.making import plain_made
from handgrad.audit.dialects.witness import quietly
from handgrad.audit.objects import alike, is_foreign, is_own, own_classes, own_functions
from handgrad.audit.pieces.gather import is_layer, unbound
from handgrad.audit.pieces.losses import FLAG
from handgrad.audit.pieces.unit import Unit


@dataclass(frozen=True)
class Slope:
    """An activation function and its derivative.

    Attributes:
        name: of the activation.
        f: y = f(z).
        prime: its derivative, of z or of y; of (dy, kept) where `handed`.
        handed: it takes the error and hands it down.
        function: the function of the user's that the derivative is in.
        value: the function of the user's that f is.
        kept: the derivative is that of the input which f has last seen.
    """

    name: str
    f: Callable[..., Any]
    prime: Callable[..., Any]
    handed: bool
    function: Callable[..., Any]
    value: Callable[..., Any]
    kept: bool = False


_PRIME = re.compile(
    r"^(?:d_?|grad_|gradient_|deriv_|derivative_(?:of_)?|der_|diff_|delta_|back_)(?P<a>\w+)$|"
    r"^(?P<b>\w+?)_?(?:prime|derivative|deriv|gradient|grad|der|diff|backward|back|delta|dx|dz|_d|_p|d)$",
    re.IGNORECASE,
)
_SAYS_SLOPE = re.compile(r"deriv|prime|^(?:d|df|grad|gradient|slope)$", re.IGNORECASE)
_METHODS = ("derivative", "prime", "gradient", "grad", "deriv", "df", "d", "backward", "diff", "f_prime", "dfn")


def slopes(found: list[Mapping[str, Any]], things: list[Any]) -> Iterator[Slope]:
    """Activations with their derivatives: functions, methods of one class, or a flag that asks for the derivative."""
    classes: list[Slope] = []
    groups: list[dict[str, Any]] = [dict(own_functions(names)) for names in found]
    kinds = {type(thing): thing for thing in things}
    kinds |= {
        kind: plain_made(kind, {}) for names in found for kind in own_classes(names).values() if kind not in kinds
    }
    for kind, thing in kinds.items():
        own = {}
        for name in dir(kind):
            if not name.startswith("__") and inspect.isroutine(held := inspect.getattr_static(kind, name, None)):
                static = isinstance(held, (staticmethod, classmethod))
                with suppress(Exception):
                    own[name] = getattr(thing if thing is not None and not static else kind, name, None)
        groups.append(
            {k: f for k, f in own.items() if f is not None and not is_foreign(getattr(f, "__module__", "") or "")}
        )
        with suppress(Exception):
            found_slope = _of_class(kind, thing)
            if found_slope is not None:
                classes.append(found_slope)
    yield from classes
    seen: set[Any] = set()
    for group in groups:
        for slope in _named(group):
            if (key := (unbound(slope.function), slope.name)) not in seen:
                seen.add(key)
                yield slope


def _of_class(kind: type, thing: Any) -> Slope | None:
    """A class of its own for one activation: f and its derivative are methods."""
    if thing is None or not is_own(thing):
        return None
    values = ["__call__", "forward", "function", "f", "activate", "call", "compute", "fn", "activation", "direct"]
    f = method(thing, [*values, "apply_activation", "apply"])
    told = [name for name in dir(thing) if not name.startswith("_") and re.search("deriv|prime|grad|diff", name)]
    for name in dict.fromkeys([*_METHODS, *told]):
        prime = getattr(thing, name, None)
        if not callable(f) or not callable(prime) or len(needed(f) or []) != 1:
            continue
        asked = needed(prime)
        if asked is None or len(asked) > 1 or (name == "backward" and is_layer(thing)):
            continue
        if not asked and not _SAYS_SLOPE.search(name):
            continue  # reset_grad()
        after = prime if asked else partial(_after, thing, f.__name__, name)
        return Slope(kind.__name__, f, after, False, unbound(prime), unbound(f), kept=not asked)
    return None


def _after(thing: Any, forward: str, prime: str, z: Any) -> Any:
    """The derivative at z of an activation that only tells that of what it has last seen."""
    one = copy.deepcopy(thing)
    getattr(one, forward)(z)
    return getattr(one, prime)()


def as_slope(unit: Unit) -> Slope | None:
    """A layer whose way forward keeps nothing for the way back: that can but be the derivative itself."""
    thing = copy.deepcopy(unit.thing)
    forward, backward = method(thing, FORWARD), method(thing, BACKWARD)
    if thing is None or forward is None or backward is None:
        return None
    before = copy.deepcopy(thing)
    try:
        quietly(partial(forward, np.ones((2, 3))))
    except Exception:  # it wants more than an input
        return None
    if not alike(thing, before):
        return None
    return Slope(unit.name, forward, backward, False, unit.backward, unit.forward)


def _named(group: Mapping[str, Any]) -> Iterator[Slope]:
    low = {plain(name): f for name, f in group.items()}
    for name, f in group.items():
        asked = needed(f) or []
        match = _PRIME.match(name)
        base = plain(match["a"] or match["b"]) if match else ""
        base = base.removesuffix("of").removesuffix("function")
        value = next(
            (low[b] for b in (base, base + "function", base + "activation", base + "forward") if b in low), None
        )
        if match and value is not None and value is not f and len(needed(value) or []) == 1 and len(asked) in (1, 2):
            if len(asked) == 1:
                yield Slope(name, value, f, False, unbound(f), unbound(value))
            elif "error" in roles(asked[0]) and not re.search("cache", asked[1]):
                yield Slope(name, value, f, True, unbound(f), unbound(value))
        elif len(asked) == 1 and isinstance(unbound(f), FunctionType):
            flags = [
                p.name for p in inspect.signature(f).parameters.values() if p.default is False and FLAG.search(p.name)
            ]
            if len(flags) == 1:
                yield Slope(name, f, partial(f, **{flags[0]: True}), False, unbound(f), unbound(f))
