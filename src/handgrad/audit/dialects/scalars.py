"""Scalars: a Value with .data and .grad whose backward() walks a graph, and neurons made of them, as in micrograd.

The numbers of a layer are shown as arrays, and written into the Values before each call. Their graph is built by the
file's own operators, so that a wrong derivative in any of them is seen.
"""

from __future__ import annotations

import ast
import copy
import inspect
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from handgrad.audit.dialects.edits import RATE, Losses, reads, resolver
from handgrad.audit.dialects.flow import runnable, without_missing
from handgrad.audit.dialects.rated import with_rate
from handgrad.audit.dialects.reading import Reading
from handgrad.audit.dialects.roles import own, role
from handgrad.audit.dialects.slices import Slice, scopes, slices
from handgrad.audit.dialects.turns import batch
from handgrad.audit.dialects.world import World, copies
from handgrad.audit.subject import Subject
from handgrad.core.arrays import Array

_SIZES = (3, 4, 2)  # each number is a Python object: a small net is audited as well, and at once
_SECONDS = 2.0  # of processor time for one batch, one Python object after the other
_RESETS = ("zero_grad", "zero_grads", "reset_grad", "clear_grad")


@dataclass
class Layer:
    """Neurons of one layer: their weights and biases as Values."""

    weights: list[list[Any]]
    biases: list[Any]


class Scalars:
    """A network of Values, seen as arrays.

    Args:
        namespace: the file's names.
        net: a callable that takes a list of numbers.
        value: the class of its numbers.
    """

    def __init__(self, namespace: dict[str, Any], net: Any, value: type) -> None:
        self.namespace, self.value = namespace, value
        self.net = copies({"net": net})["net"]
        self.resets = True  # the gradients, before they are worked out anew, as the loop around it does
        self.layers = layers(self.net, value)
        self.arrays: dict[str, Array] = {}
        for i, layer in enumerate(self.layers, 1):
            self.arrays[f"W{i}"] = np.array([[float(v.data) for v in row] for row in layer.weights])
            if layer.biases:
                self.arrays[f"b{i}"] = np.array([float(v.data) for v in layer.biases])
        self.features = len(self.layers[0].weights[0]) if self.layers else 0
        self.classes = len(self.layers[-1].weights) if self.layers else 0

    def values(self, name: str) -> list[Any]:
        """The Values behind an array, in its order."""
        layer = self.layers[int(name[1:]) - 1]
        return [v for row in layer.weights for v in row] if name[0] == "W" else layer.biases

    def push(self) -> None:
        """Write the arrays into the Values."""
        for name, array in self.arrays.items():
            for value, number in zip(self.values(name), array.reshape(-1), strict=True):
                value.data = float(number)

    def loss(self, x: Array, y: Array) -> float:
        """The loss of a batch as a plain number."""
        self.push()
        with World(self.namespace, {}).laid({}, _SECONDS):
            return float(self._loss(x, y).data)

    def _loss(self, x: Array, y: Array) -> Any:
        """The sum of squared errors, built of the file's own operators."""
        total: Any = None
        for row, label in zip(x, y, strict=True):
            out = self.net([self.value(float(v)) for v in row])
            outs = list(out) if isinstance(out, list | tuple) else [out]
            wanted = [float(label)] if self.classes == 1 else [float(k == label) for k in range(self.classes)]
            for one, t in zip(outs, wanted, strict=True):
                error = one - t
                squared = error * error if not hasattr(error, "__pow__") else error**2
                total = squared if total is None else total + squared
        return total

    def gradients(self, x: Array, y: Array) -> dict[str, Array]:
        """What backward() leaves in .grad, after the reset that the net or the loop around it would do."""
        self.push()
        reset = next((getattr(self.net, n) for n in _RESETS if callable(getattr(self.net, n, None))), None)
        with World(self.namespace, {}).laid({}, _SECONDS):
            if reset is not None and self.resets:
                reset()
            elif self.resets:
                for name in self.arrays:
                    for value in self.values(name):
                        value.grad = 0.0
            self._loss(x, y).backward()
        return {
            name: np.array([float(v.grad) for v in self.values(name)]).reshape(array.shape)
            for name, array in self.arrays.items()
        }

    def reading(self) -> Reading:
        """As a reading."""
        subject = Subject(lambda: self.arrays, self.loss, None, self.gradients, self.features, self.classes)
        kind = type(self.net)
        functions: dict[str, Any] = {"backward": getattr(self.value, "backward", None)}
        functions["forward"] = vars(kind).get("__call__", getattr(kind, "forward", None))
        functions |= {
            n: f for n, f in vars(self.value).items() if inspect.isfunction(f) and n not in ("__init__", "backward")
        }
        facts = {
            "parameters": ", ".join(self.arrays),
            "forward": f"{kind.__name__}.__call__",
            "backward": f"{self.value.__name__}.backward",
            "loss": "the sum of squared errors, of the file's own operators",
            "labels": "one-hot, one sample at a time",
        }
        return Reading(subject, "scalars", facts, functions)


class ScalarLoop(Scalars):
    """A network of Values in the loop that trains it: a turn of that loop is the step.

    Args:
        namespace: the file's names.
        name: of the network.
        value: the class of its numbers.
        cut: the loop.
        labels: "one-hot" or "numbers".
    """

    def __init__(self, namespace: dict[str, Any], name: str, value: type, cut: Slice, labels: str) -> None:
        super().__init__(namespace, namespace[name], value)
        self.name, self.cut, self.labels = name, cut, labels
        losses = Losses()
        body = losses.give(copy.deepcopy(cut.body))
        self.losses = losses.names()
        body = without_missing(body, {*namespace, *cut.inputs, *cut.targets, RATE})
        self.code = runnable(with_rate(body, {name}, resolver(namespace)), once=True)
        self.state: dict[str, Any] = {name: self.net}

    def turn(self, x: Array, y: Array, lr: float) -> dict[str, Any]:
        """All names after one turn of the loop."""
        self.push()
        if self.classes == 1:
            target: list[Any] = [float(t) for t in y]
        else:
            target = np.eye(self.classes)[y].tolist() if self.labels == "one-hot" else y.tolist()
        given: dict[str, Any] = {n: x.tolist() if kind == "x" else target for n, kind in self.cut.inputs.items()}
        given |= {n: v for n, v in self.cut.targets.items() if n not in given} | {RATE: lr}
        given |= {n: lr for n, v in self.namespace.items() if role(n) == "lr" and isinstance(v, float)}
        return World(self.namespace, self.state).run(self.code, given)

    def told(self, x: Array, y: Array) -> float:
        """The loss of a turn that moves nothing."""
        after = self.turn(x, y, 0.0)
        name = next(n for n in self.losses if hasattr(after.get(n), "data") or isinstance(after.get(n), float))
        self.push()
        return float(getattr(after[name], "data", after[name]))

    def accumulates(self) -> bool:
        """Whether a second turn at the same point adds its gradients to those of the first, which moved parameters."""
        x, y = batch(self.features, self.classes)
        start = {name: np.array(array) for name, array in self.arrays.items()}
        seen = []
        for _ in range(2):
            self.step(x[:2], y[:2], 0.125)
            seen.append(np.array([float(v.grad) for name in self.arrays for v in self.values(name)]))
            moved = any((array != start[name]).any() for name, array in self.arrays.items())
            for name, array in self.arrays.items():
                array[...] = start[name]
        return moved and bool(seen[0].any()) and bool(np.allclose(seen[1], 2 * seen[0], rtol=1e-6))

    def trains(self) -> bool:
        """Whether its loss depends on the labels, and a turn changes the parameters. They are restored."""
        x, y = batch(self.features, self.classes)
        if not self.layers or self.told(x[:2], y[:2]) == self.told(x[:2], y[1:3]):
            return False
        start = {n: np.array(a) for n, a in self.arrays.items()}
        self.step(x[:2], y[:2], 0.125)
        moved = any((a != start[n]).any() for n, a in self.arrays.items())
        for n, a in self.arrays.items():
            a[...] = start[n]
        return moved

    def step(self, x: Array, y: Array, lr: float) -> None:
        """One turn of the loop."""
        self.turn(x, y, lr)
        for name, array in self.arrays.items():
            array[...] = np.array([float(v.data) for v in self.values(name)]).reshape(array.shape)

    def reading(self) -> Reading:
        """As a reading."""
        plain = super().reading()
        subject = Subject(lambda: self.arrays, self.told, self.step, None, self.features, self.classes)
        first, last = self.cut.lines
        code = self.code.replace(co_firstlineno=first, co_filename=str(self.namespace.get("__file__", "<audit>")))
        functions = plain.functions | {"step": types.FunctionType(code, {})}
        told = "one-hot, a batch of rows" if self.labels == "one-hot" else "whole numbers, a batch of rows"
        facts = plain.facts | {"labels": told, "loss": "of the loop", "update": f"loop, lines {first}-{last}"}
        return Reading(subject, "scalars", facts, functions)


def read(namespace: dict[str, Any], tree: ast.Module | None = None) -> Iterator[Reading]:
    """Networks of scalar Values: in the loop that trains them, a small one of each class, then those of the file."""
    kinds = [kind for kind in namespace.values() if isinstance(kind, type) and is_value(kind)]
    for value in kinds:
        yield from _looped(namespace, tree, value)
    for value in kinds:
        resets = not _never_reset(namespace, tree, value)
        for net in _nets(namespace, value):
            try:
                found = Scalars(namespace, net, value)
                found.resets = resets
                if found.layers and 0 < sum(a.size for a in found.arrays.values()) < 2000:
                    found.gradients(np.full((1, found.features), 0.5), np.zeros(1, np.int64))
                    yield found.reading()
            except Exception:  # it wants to be called in another way
                continue


def _looped(namespace: dict[str, Any], tree: ast.Module | None, value: type) -> Iterator[Reading]:
    """Networks of the file in the loops that call backward()."""
    for found in _in_loops(namespace, tree, value, ("one-hot", "numbers")):
        try:
            if found.trains():
                yield found.reading()
        except Exception:  # it is another kind of loop
            continue


def _never_reset(namespace: dict[str, Any], tree: ast.Module | None, value: type) -> bool:
    """Whether every loop that trains leaves the gradients of one turn to the next."""
    said = []
    for found in _in_loops(namespace, tree, value, ("one-hot",)):
        try:
            said.append(found.accumulates())
        except Exception:  # it is another kind of loop
            continue
    return bool(said) and all(said)


def _in_loops(
    namespace: dict[str, Any], tree: ast.Module | None, value: type, labels: tuple[str, ...]
) -> Iterator[ScalarLoop]:
    """Each network of the file in each loop that works with it."""
    for scope in scopes(tree) if tree is not None else []:
        for cut in slices(scope):
            names = {n for one in cut.body for n in reads(one)}
            nets = [n for n in names if own(namespace.get(n)) and callable(namespace[n])]
            for name, form in product(nets, labels):
                try:
                    found = ScalarLoop(namespace, name, value, cut, form)
                except Exception:  # what cannot be looked at is no network
                    continue
                if found.layers:
                    yield found


def is_value(kind: type) -> bool:
    """Whether a class is one of numbers that know their gradient: .data, .grad, backward(), + and *."""
    if not callable(getattr(kind, "backward", None)) or not hasattr(kind, "__mul__") or not hasattr(kind, "__add__"):
        return False
    try:
        made = kind(0.5)
        return isinstance(made.data, int | float | np.floating) and hasattr(made, "grad")
    except Exception:  # it takes more than a number
        return False


def _nets(namespace: dict[str, Any], value: type) -> Iterator[Any]:
    features, hidden, classes = _SIZES
    for kind in [k for k in list(namespace.values()) if isinstance(k, type) and k is not value]:
        for arguments in ((features, [hidden, classes]), ([features, hidden, classes],), (features, hidden, classes)):
            made = _made(kind, arguments, namespace)
            if made is not None and callable(made) and len(layers(made, value)) > 1:
                yield made
                break
    yield from (v for v in list(namespace.values()) if own(v) and callable(v) and len(layers(v, value)) > 0)


def _made(kind: Callable[..., Any], arguments: tuple[Any, ...], namespace: dict[str, Any]) -> Any:
    try:
        with World(namespace, {}).laid({}):
            return kind(*arguments)
    except Exception:  # other arguments
        return None


def layers(net: Any, value: type) -> list[Layer]:
    """The layers of a net, from its attributes: neurons are objects with a list of Values."""
    found: list[Layer] = []
    _gather(net, value, found, set(), 0)
    return found


def _gather(thing: Any, value: type, found: list[Layer], seen: set[int], depth: int) -> None:
    if depth > 6 or id(thing) in seen or isinstance(thing, value):
        return
    seen.add(id(thing))
    if isinstance(thing, list | tuple) and thing:
        neurons = [_neuron(one, value) for one in thing]
        if all(neuron is not None for neuron in neurons):
            weights = [neuron[0] for neuron in neurons if neuron is not None]
            biases = [neuron[1] for neuron in neurons if neuron is not None and neuron[1] is not None]
            found.append(Layer(weights, biases if len(biases) == len(weights) else []))
            return
        for one in thing:
            _gather(one, value, found, seen, depth + 1)
    elif own(thing):
        if (alone := _neuron(thing, value)) is not None:
            found.append(Layer([alone[0]], [alone[1]] if alone[1] is not None else []))
            return
        if (whole := _matrix(thing, value)) is not None:
            found.append(whole)
            return
        for inner in vars(thing).values():
            if isinstance(inner, list | tuple) or own(inner):
                _gather(inner, value, found, seen, depth + 1)


def _neuron(thing: Any, value: type) -> tuple[list[Any], Any] | None:
    """(weights, bias) of an object with one list of Values and perhaps one Value."""
    if not own(thing) or isinstance(thing, value) or _matrix(thing, value) is not None:
        return None
    lists = [
        v for v in vars(thing).values() if isinstance(v, list | tuple) and v and all(isinstance(e, value) for e in v)
    ]
    single = [v for v in vars(thing).values() if isinstance(v, value)]
    return (list(lists[0]), single[0] if single else None) if len(lists) == 1 else None


def _matrix(thing: Any, value: type) -> Layer | None:
    """The layer of an object with one list of lists of Values, a list for each neuron or for each input, and biases."""
    held = [v.tolist() if isinstance(v, np.ndarray) else v for v in vars(thing).values()]
    lists = [list(v) for v in held if isinstance(v, list | tuple) and v]
    biases = [v for v in lists if all(isinstance(e, value) for e in v)]
    matrices = [v for v in lists if all(_row(e, value) and len(e) == len(v[0]) for e in v)]
    if len(matrices) != 1 or len(biases) > 1:
        return None
    rows = [list(row) for row in matrices[0]]
    turned = bool(biases) and len(biases[0]) != len(rows)
    weights = [list(column) for column in zip(*rows, strict=True)] if turned else rows
    if biases and len(biases[0]) != len(weights):
        return None
    return Layer(weights, biases[0] if biases else [])


def _row(thing: Any, value: type) -> bool:
    return isinstance(thing, list | tuple) and bool(thing) and all(isinstance(e, value) for e in thing)
