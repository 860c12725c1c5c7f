"""Costs: plain functions of weights and a batch, as courses ask for: loss, dW = f(W, X, y, reg), or cost and gradient.

Nothing in such a file makes weights, so that all that can be tried are shapes, until the function runs and its gradient
has the shape of the weights.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from handgrad.audit.dialects.calling import STRENGTHS
from handgrad.audit.dialects.choices import choices
from handgrad.audit.dialects.forms import BATCH, Form
from handgrad.audit.dialects.making import size_asked
from handgrad.audit.dialects.reading import Reading
from handgrad.audit.dialects.roles import role
from handgrad.audit.dialects.sizes import CLASSES, FEATURES, HIDDEN, setting
from handgrad.audit.dialects.turns import batch, number
from handgrad.audit.dialects.world import World
from handgrad.audit.objects import own_functions
from handgrad.audit.subject import Subject
from handgrad.core.arrays import Array

_TRAINS = re.compile(r"train|fit|descent|descend|update|optimi|predict|accura|check|numer|evaluate|plot|test")
_SAYS = re.compile(r"loss|cost|grad|prop|objective|svm|softmax|logistic|hinge|entropy|^j_|error")
_GRADIENT = re.compile(r"grad|deriv|backprop")
_TURNS = re.compile(r"epoch|iter|steps|rounds")
_MOST = 6  # functions of a file
_SMALL = 2.0**-17


@dataclass
class Cost:
    """A function for the loss and one for its gradients, which may be the same.

    Attributes:
        namespace: the file's names.
        value: what gives the loss, alone or with the gradients.
        slope: what gives the gradients.
        weights: names of the arguments that are weights.
        form: the form of the batch.
        classes: outputs.
        arrays: the weights, by name.
    """

    namespace: dict[str, Any]
    value: Callable[..., Any]
    slope: Callable[..., Any]
    weights: list[str]
    form: Form
    classes: int
    arrays: dict[str, Array]

    def _call(self, function: Callable[..., Any], x: Array, y: Array) -> Any:
        given: dict[str, Any] = {}
        for name, one in inspect.signature(function).parameters.items():
            if one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD):
                continue
            if name in self.arrays:
                given[name] = self.arrays[name].copy()
                continue
            kind, default = role(name), None if one.default is one.empty else one.default
            if kind in ("x", "y"):
                given[name] = self.form.data(x) if kind == "x" else self.form.target(y, self.classes)
            elif one.default is one.empty:
                given[name] = self._other(function, name, kind, len(x), default)
        with World(self.namespace, {}).laid({}):
            return function(**given)

    def _other(self, function: Callable[..., Any], name: str, kind: str, rows: int, default: Any) -> Any:
        sizes = {"in": FEATURES, "between": HIDDEN, "out": self.classes, "all": [FEATURES, HIDDEN, self.classes]}
        if kind == "rows":
            return rows
        if kind in ("zero", *STRENGTHS, "lr"):  # a penalty, which some courses call a learning rate
            return 0.05
        if size_asked(name) in sizes:
            return sizes[size_asked(name)]
        words = choices(function, name)
        found = words[0] if words else setting(name, default)
        if found is None:
            raise TypeError(name)
        return found

    def loss(self, x: Array, y: Array) -> float:
        """What the function says of a batch."""
        result = self._call(self.value, x, y)
        several = result if isinstance(result, tuple | list) else (result,)
        found = next((value for one in several if (value := number(_plain(one))) is not None), None)
        if found is None:
            raise TypeError("no loss")
        return found

    def gradients(self, x: Array, y: Array) -> dict[str, Array]:
        """What the function gives for each of the weights, told apart by name or by shape."""
        result = self._call(self.slope, x, y)
        several = list(result) if isinstance(result, tuple | list) else [result]
        named = {str(k).lower(): v for one in several if isinstance(one, dict) for k, v in one.items()}
        loose = [np.asarray(one, np.float64) for one in several if isinstance(one, np.ndarray | float | np.floating)]
        if len(loose) > len(self.weights) and self.slope is self.value:
            loose = loose[1:] if loose[0].size == 1 else loose[:-1]
        found: dict[str, Array] = {}
        for i, (name, value) in enumerate(self.arrays.items()):
            low = name.lower()
            keys = [key for key in (f"d{low}", f"grad_{low}", f"d_{low}", f"{low}_grad", low) if key in named]
            one = named[keys[0]] if keys else loose[i] if len(loose) == len(self.arrays) else None
            if one is None or np.size(one) != value.size:
                raise TypeError(name)
            given = np.asarray(one, np.float64)
            if given.shape != value.shape and min(given.ndim, value.ndim) > 1 and min(value.shape) > 1:
                raise TypeError(name)
            found[name] = given.reshape(value.shape)
        return found

    def amiss(self) -> bool:
        """Whether the gradients are not parallel to differences of the loss, so that it is worth to look here first."""
        x, y = batch(FEATURES, self.classes)
        rng = np.random.default_rng(2)
        ratios = []
        for _ in range(2):
            saved = {name: value.copy() for name, value in self.arrays.items()}
            ways = {name: rng.standard_normal(value.shape) for name, value in saved.items()}
            given = sum(float(np.vdot(g, ways[name])) for name, g in self.gradients(x, y).items())
            sides = []
            for sign in (_SMALL, -_SMALL):
                for name, value in self.arrays.items():
                    value[...] = saved[name] + sign * ways[name]
                sides.append(self.loss(x, y))
            for name, value in self.arrays.items():
                value[...] = saved[name]
            ratios.append(given * 2 * _SMALL / (sides[0] - sides[1]) if sides[0] != sides[1] else 0.0)
        return not np.allclose(ratios[0], ratios[1], rtol=1e-2)

    def reading(self) -> Reading:
        """As a reading."""
        subject = Subject(lambda: self.arrays, self.loss, None, self.gradients, FEATURES, self.classes)
        facts = {"parameters": ", ".join(self.arrays), "loss": self.value.__name__, "backward": self.slope.__name__}
        functions = {"loss": self.value, "backward": self.slope}
        facts |= {"labels": self.form.told}
        return Reading(subject, "pairs", facts, functions, sure=self.value is self.slope)


def _plain(value: Any) -> Any:
    """A number that lies in a matrix, or that is whole."""
    if isinstance(value, np.ndarray) and value.size == 1:
        return float(value.reshape(-1)[0]) if not isinstance(value, np.matrix) else float(value[0, 0])
    return value


def read(namespace: dict[str, Any], tree: ast.Module | None = None) -> Iterator[Reading]:
    """Each such function of a file that runs; where the gradients of some are not their losses', only these."""
    found: list[Cost] = []
    for value, slope, weights in list(_candidates(namespace))[:_MOST]:
        one = next(_running(namespace, value, slope, weights), None)
        found += [one] if one is not None else []
    amiss = [one for one in found if one.amiss()]
    for one in amiss or found:
        yield one.reading()


def _candidates(namespace: dict[str, Any]) -> Iterator[tuple[Callable[..., Any], Callable[..., Any], list[str]]]:
    """(what gives the loss, what gives the gradient, names of the weights): one function, or two that ask for alike."""
    asked: dict[tuple[str, ...], list[Callable[..., Any]]] = {}
    for name, function in own_functions(namespace).items():
        names = list(inspect.signature(function).parameters)
        kinds = [role(one) for one in names]
        weights = [n for n, kind in zip(names, kinds, strict=True) if kind == "weight" or n.endswith("params")]
        low = name.lower()
        if not weights or not {"x", "y"} <= set(kinds) or kinds.count("x") > 1 or kinds.count("y") > 1:
            continue
        if _TRAINS.search(low) or not _SAYS.search(low) or any(_TURNS.search(n.lower()) for n in names):
            continue
        asked.setdefault(tuple(weights), []).append(function)
        yield function, function, weights
    for several, functions in asked.items():
        slopes = [f for f in functions if _GRADIENT.search(f.__name__.lower())]
        values = [f for f in functions if f not in slopes]
        for slope in slopes:
            alike = sorted(values, key=lambda f, s=slope: inspect.signature(f) != inspect.signature(s))  # type: ignore[misc]
            yield from ((value, slope, list(several)) for value in alike[:1])


def _shapes(weights: list[str]) -> Iterator[tuple[int, list[tuple[int, ...]]]]:
    """(classes, shapes of the weights) that may be meant, the usual ones first."""
    biases = [name for name in weights if name.lower().startswith("b")]
    layers = len(weights) - len(biases)
    if layers not in (1, 2) or len(biases) not in (0, layers):
        return
    for classes in (CLASSES, 1):
        ends = [(FEATURES, classes)] if layers == 1 else [(FEATURES, HIDDEN), (HIDDEN, classes)]
        for flip, form in product((False, True), ("vector", "row", "column") if biases else ("",)):
            matrices = [end[::-1] if flip else end for end in ends]
            lasts = [{"row": (1, end[1]), "column": (end[1], 1)}.get(form, (end[1],)) for end in ends]
            rest = {False: iter(matrices), True: iter(lasts)}
            yield classes, [next(rest[name in biases]) for name in weights]
    if layers == 1:
        yield 1, [(1,) if name in biases else (FEATURES,) for name in weights]
    if weights[0].endswith("params") or role(weights[0]) == "params":
        yield CLASSES, [((FEATURES + 1) * HIDDEN + (HIDDEN + 1) * CLASSES,)]


def _running(
    namespace: dict[str, Any], value: Callable[..., Any], slope: Callable[..., Any], weights: list[str]
) -> Iterator[Cost]:
    """The function with each shape of weights and form of batch with which it runs and its loss feels both."""
    for (classes, shapes), form in product(_shapes(weights), BATCH):
        rng = np.random.default_rng(4)
        arrays = {n: 0.5 * rng.standard_normal(shape) for n, shape in zip(weights, shapes, strict=True)}
        one = Cost(namespace, value, slope, weights, form, classes, arrays)
        x, y = batch(FEATURES, classes)
        try:
            here = one.loss(x, y)
            fine = one.loss(x, np.roll(y, 1)) != here and np.isfinite(one.loss(x[:5], y[:5]))
            given = one.gradients(x, y)
        except TimeoutError:
            return
        except Exception:  # other shapes are wanted, or another form
            continue
        if fine and all(np.isfinite(g).all() for g in given.values()) and any(g.any() for g in given.values()):
            yield one
