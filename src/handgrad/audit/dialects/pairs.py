"""Pairs: out, cache = affine_forward(x, w, b) and dx, dw, db = affine_backward(dout, cache), and loss, dx = loss(x, y).

A class that puts them together is read as it is; without one, a small net is put together of the file's own functions.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from handgrad.audit.dialects import calling
from handgrad.audit.dialects.dictionaries import objects
from handgrad.audit.dialects.forms import Form
from handgrad.audit.dialects.machine import machines, returned
from handgrad.audit.dialects.reading import Reading
from handgrad.audit.dialects.sizes import CLASSES, FEATURES, HIDDEN
from handgrad.audit.dialects.turns import batch, number
from handgrad.audit.dialects.world import World
from handgrad.audit.subject import Subject
from handgrad.core.arrays import Array

_FORWARD = re.compile(r"^(.*?)_?(forward|fwd|fprop)$", re.IGNORECASE)
_BACKWARD = re.compile(r"^(.*?)_?(backward|bwd|bprop|backprop)$", re.IGNORECASE)
_LOSS = re.compile(r"(softmax|cross_?entropy|logistic|mse|squared|l2|euclidean).*(loss)?|loss", re.IGNORECASE)


@dataclass(frozen=True)
class Pair:
    """A forward and the backward that goes with it."""

    name: str
    forward: Callable[..., Any]
    backward: Callable[..., Any]

    @property
    def wanted(self) -> list[str]:
        """What the forward cannot do without."""
        return [n for n, p in inspect.signature(self.forward).parameters.items() if p.default is p.empty]


@dataclass
class Stack:
    """affine, activation, affine, loss: of somebody's own functions.

    Attributes:
        namespace: the file's names.
        affine: out, cache = forward(x, w, b).
        hidden: out, cache = forward(x), between the layers; None where the affine holds it, or there is none.
        last: the affine before the loss.
        loss: loss, dx = loss(out, labels), or a pair.
        form: the form of the batch.
        arrays: w1, b1, w2, b2.
    """

    namespace: dict[str, Any]
    affine: Pair
    hidden: Pair | None
    last: Pair
    loss: Callable[..., Any] | Pair
    form: Form
    arrays: dict[str, Array]

    def run(self, x: Array, y: Array) -> tuple[float, dict[str, Array]]:
        """The loss and the gradients of a batch."""
        a = self.arrays
        with World(self.namespace, {}).laid({}):
            out, first = self.affine.forward(self.form.data(x), a["w1"], a["b1"])
            between = None
            if self.hidden is not None:
                out, between = self.hidden.forward(out)
            out, second = self.last.forward(out, a["w2"], a["b2"])
            value, dout = self._loss(out, self.form.target(y, CLASSES))
            dout, dw2, db2 = self._back(self.last, dout, second, "w2", "b2")
            if self.hidden is not None:
                dout = self.hidden.backward(dout, between)
            _, dw1, db1 = self._back(self.affine, dout, first, "w1", "b1")
        return value, {"w1": dw1, "b1": db1, "w2": dw2, "b2": db2}

    def _loss(self, out: Any, target: Any) -> tuple[float, Any]:
        if isinstance(self.loss, Pair):
            value, cache = self.loss.forward(out, target)
            wanted = inspect.signature(self.loss.backward).parameters
            dout = self.loss.backward(cache) if len(wanted) == 1 else self.loss.backward(1.0, cache)
        else:
            value, dout = self.loss(out, target)
        found = number(value)
        if found is None or not isinstance(dout, np.ndarray):
            raise TypeError("no loss")
        return found, dout

    def _back(self, pair: Pair, dout: Any, cache: Any, weight: str, bias: str) -> tuple[Any, Array, Array]:
        """(dx, dw, db), told apart by their shapes, which are all different."""
        result = list(pair.backward(dout, cache))
        found = []
        for name in (weight, bias):
            index = next(i for i, one in enumerate(result) if np.shape(one) == self.arrays[name].shape)
            found.append(np.array(result.pop(index), np.float64))
        return result[0], found[0], found[1]

    def reading(self) -> Reading:
        """As a reading."""
        subject = Subject(
            lambda: self.arrays, lambda x, y: self.run(x, y)[0], None, lambda x, y: self.run(x, y)[1], FEATURES, CLASSES
        )
        loss = self.loss.forward if isinstance(self.loss, Pair) else self.loss
        names = [self.affine.name, self.hidden.name if self.hidden else "", self.last.name, loss.__name__]
        facts = {"parameters": "w and b of two layers", "labels": self.form.told, "loss": loss.__name__}
        facts |= {"forward": ", ".join(n for n in names if n), "backward": self.affine.backward.__name__}
        functions = {"forward": self.affine.forward, "loss": loss, "backward": self.affine.backward}
        if self.hidden is not None:
            functions["activation"] = self.hidden.backward
        return Reading(subject, "pairs", facts, functions, invented=True)


def read(namespace: dict[str, Any], tree: ast.Module | None = None) -> Iterator[Reading]:
    """Where a file has pairs: classes with loss(X, y) -> loss, grads; then nets put together of the pairs."""
    known = pairs(namespace)
    for name, value in objects(namespace) if known else ():
        for machine in machines(namespace, name, value, returned(tree)):
            yield machine.reading("pairs")
    affines = [pair for pair in known if len(pair.wanted) == 3]
    between = [pair for pair in known if len(pair.wanted) == 1]
    losses = _losses(namespace, known)
    for first in affines:
        for hidden in [*between, None] if not _holds_activation(first) else [None]:
            for last in [one for one in affines if not _holds_activation(one)] or affines:
                for loss in losses:
                    yield from _stacked(namespace, first, hidden, last, loss)


def pairs(namespace: dict[str, Any]) -> list[Pair]:
    """Functions called ..._forward with the ..._backward of the same name, and relu with d_relu not among them."""
    ends: dict[str, dict[str, Callable[..., Any]]] = {}
    for name, value in namespace.items():
        if not inspect.isfunction(value) or re.search("naive|conv|pool|norm|drop|rnn|lstm|word", name.lower()):
            continue
        for kind, pattern in (("forward", _FORWARD), ("backward", _BACKWARD)):
            if match := pattern.match(name):
                ends.setdefault(match[1].lower(), {})[kind] = value
    return [Pair(name, found["forward"], found["backward"]) for name, found in ends.items() if len(found) == 2]


def _holds_activation(pair: Pair) -> bool:
    return bool(re.search("relu|sigmoid|tanh|act", pair.name))


def _losses(namespace: dict[str, Any], known: list[Pair]) -> list[Callable[..., Any] | Pair]:
    """Functions (x, y) -> loss, dx; and pairs whose forward takes labels."""
    found: list[Callable[..., Any] | Pair] = []
    for name, value in namespace.items():
        if not inspect.isfunction(value) or not _LOSS.search(name) or _FORWARD.match(name) or _BACKWARD.match(name):
            continue
        if len([p for p in inspect.signature(value).parameters.values() if p.default is p.empty]) == 2:
            found.append(value)
    found += [p for p in known if len(p.wanted) == 2 and "y" in calling.roles(p.wanted[1])]
    return sorted(found, key=lambda one: "svm" in getattr(one, "__name__", ""))


def _stacked(
    namespace: dict[str, Any], affine: Pair, hidden: Pair | None, last: Pair, loss: Callable[..., Any] | Pair
) -> Iterator[Reading]:
    """The nets that these make, samples as rows or as columns, as far as they run."""
    x, y = batch(FEATURES, CLASSES)
    for columns in (False, True):
        sizes = {"w1": (FEATURES, HIDDEN), "w2": (HIDDEN, CLASSES)}
        for labels in ("numbers", "one-hot"):
            for vector in (False, True) if not columns else (False,):
                rng = np.random.default_rng(4)
                arrays: dict[str, Array] = {}
                for i, (name, shape) in enumerate(sizes.items(), 1):
                    arrays[name] = 0.5 * rng.standard_normal(shape[::-1] if columns else shape)
                    column = (shape[1], 1) if columns else (1, shape[1])
                    arrays[f"b{i}"] = 0.1 * rng.standard_normal(column if vector or columns else shape[1])
                stack = Stack(namespace, affine, hidden, last, loss, Form(labels, columns), arrays)
                try:
                    stack.run(x, y)
                    stack.run(x[:5], y[:5])
                except Exception:  # another layout is what they want
                    continue
                yield stack.reading()
