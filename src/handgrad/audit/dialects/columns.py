"""Columns: lists of weights and biases, one sample a column, backprop(x, y) -> nabla_b, nabla_w, as Nielsen writes it.

Mini-batches are lists of pairs (x, y). The loss is that of a cost class, or the one whose derivative is written down.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from handgrad.audit.dialects import calling, silent
from handgrad.audit.dialects.beneath import beneath, in_place_of
from handgrad.audit.dialects.dictionaries import objects
from handgrad.audit.dialects.forms import COLUMNS, EACH, Form
from handgrad.audit.dialects.kept_settings import put_aside
from handgrad.audit.dialects.machine import machines, returned
from handgrad.audit.dialects.places import Place, arrays, values, widen
from handgrad.audit.dialects.reading import Reading
from handgrad.audit.dialects.roles import CALLED, fill
from handgrad.audit.dialects.sizes import aside, ends
from handgrad.audit.dialects.turns import batch, number
from handgrad.audit.dialects.world import World, copies
from handgrad.audit.subject import Subject
from handgrad.core.arrays import Array

_PAIRS = ("mini_batch", "minibatch", "batch", "pairs", "samples", "training_data", "data", "batch_data", "xy")
_ALONE = {"rows": 1, "zero": 0.0, **calling.STRENGTHS}  # what a call for one sample may be given by role
_BACKWARD = ("backprop", "back_prop", "backpropagation", "backpropagate", "backward", "gradient", "compute_gradients")


class Columns:
    """An object with lists of matrices, driven sample by sample.

    Args:
        namespace: the file's names.
        held: the name under which the object stands, and the object.
        places: where its parameters are.
        form: how one sample is handed over.
        sizes: features and classes.
    """

    def __init__(
        self, namespace: dict[str, Any], held: tuple[str, Any], places: list[Place], form: Form, sizes: tuple[int, int]
    ) -> None:
        name, value = held
        self.namespace, self.name, self.places, self.form = namespace, name, places, form
        self.features, self.classes = sizes
        self.state = copies({name: value})
        widen(self.state, places)
        self.first = copies(self.state)
        self.kind = type(value)
        self.forward = self._method(CALLED["forward"])
        self.backward = next((n for n in _BACKWARD if self._takes_both(n)), "")
        self.update = pair_update(self.kind)

    def begin_again(self) -> None:
        """Make the object what it was before anything was tried."""
        self.state = copies(self.first)

    @property
    def net(self) -> Any:
        """The object, as it is now."""
        return self.state[self.name]

    def _method(self, pattern: Any) -> str:
        names = [n for base in reversed(self.kind.__mro__[:-1]) for n in vars(base)]
        return next((n for n in names if pattern.search(n.lower()) and callable(getattr(self.kind, n))), "")

    def _takes_both(self, name: str) -> bool:
        """Whether a method takes a sample and its label; one that takes less depends on what forward left behind."""
        call = getattr(self.net, name, None)
        found = fill(call, {}, _ALONE | {"x": "x", "y": "y"}) if inspect.ismethod(call) else None
        return found is not None and {"x", "y"} <= set(map(str, found.values()))

    def parameters(self) -> dict[str, Array]:
        """Name to live array."""
        return values(self.places, self.state)

    def samples(self, x: Array, y: Array) -> list[tuple[Any, Any]]:
        """The batch as pairs."""
        return [(self.form.data(x[i : i + 1]), self.form.target(y[i : i + 1], self.classes)) for i in range(len(x))]

    def output(self, x: Array, y: Array | None = None) -> Array:
        """Outputs (B, C) of the network's own forward."""
        del y
        with World(self.namespace, self.state).laid({}):
            rows = [np.asarray(getattr(self.net, self.forward)(self.form.data(x[i : i + 1]))) for i in range(len(x))]
        return np.array([row.reshape(-1) for row in rows], np.float64)

    def cost(self, x: Array, y: Array) -> float:
        """The mean over samples of what the cost class, or a function of the file, says."""
        fn = self._cost()
        if fn is None:
            raise TypeError("no cost")
        with World(self.namespace, self.state).laid({}):
            each = [number(fn(getattr(self.net, self.forward)(a), t)) for a, t in self.samples(x, y)]
        return float(np.mean([one for one in each if one is not None]))

    def _cost(self) -> Callable[..., Any] | None:
        """fn(a, y) of a cost class that the network holds, or a method of two arguments called cost or loss."""
        for held in vars(self.net).values():
            for name in ("fn", "cost", "loss", "f", "forward", "value"):
                call = getattr(held, name, None)
                if callable(call) and (isinstance(held, type) or hasattr(held, "__dict__")):
                    return call  # type: ignore[no-any-return]
        for owner in (self.net, None):
            names = dir(self.kind) if owner is not None else list(self.namespace)
            for name in names:
                call = getattr(owner, name) if owner is not None else self.namespace[name]
                if (
                    CALLED["loss"].search(name.lower())
                    and "deriv" not in name
                    and "prime" not in name
                    and callable(call)
                ):
                    wanted = _needed(call)
                    if wanted is not None and len(wanted) == 2 and calling.roles(wanted[0])[:1] != ["x"]:
                        return call  # type: ignore[no-any-return]
        return None

    def of_pairs(self, x: Array, y: Array) -> float:
        """The file's own cost of pairs (x, y), with what it charges for the weights. Raises TypeError without one."""
        names = (n for n in dir(self.kind) if CALLED["loss"].search(n.lower()) and not n.startswith("__"))
        name = next((n for n in names if (_needed(getattr(self.net, n)) or [""])[0] in _PAIRS), "")
        if not name or len(_needed(getattr(self.net, name)) or ()) != 1:
            raise TypeError("no cost")
        with World(self.namespace, self.state).laid({}):
            return float(np.sum(getattr(self.net, name)(self.samples(x, y))))

    def _of_batches(self, x: Array, y: Array) -> bool:
        """Whether pairs that come twice do not change such a cost: one of the whole training set tells nothing here."""
        try:
            once, twice = self.of_pairs(x, y), self.of_pairs(np.concatenate([x, x]), np.concatenate([y, y]))
        except Exception:  # it wants something else
            return False
        return bool(np.isclose(once, twice, rtol=1e-9))

    def written(self) -> str:
        """The loss whose derivative by the output a method such as cost_derivative(output, y) gives, "" without any."""
        name = next(
            (n for n in dir(self.kind) if "cost" in n.lower() and ("deriv" in n or "prime" in n or "grad" in n)), ""
        )
        if not name:
            return ""
        a, t = np.linspace(0.2, 0.7, self.classes).reshape(-1, 1), np.eye(self.classes)[:, :1]
        try:
            found = np.asarray(getattr(self.net, name)(a, t))
        except Exception:  # it wants something else
            return ""
        for loss, slope in (("squared error", a - t), ("binary cross-entropy", (a - t) / (a * (1 - a)))):
            if found.shape == slope.shape and abs(_cosine(found, slope)) > 1 - 1e-9:
                return loss
        return ""

    def returned(self, x: Array, y: Array) -> float:
        """The number that its update gives back for a mini-batch, or its backprop beside the gradients.

        Raises: TypeError where neither does.
        """
        held, self.state = self.state, copies(self.state)
        try:
            told = number(self.step(x, y, 0.0)) if self.update else None
            if told is None:
                each = [number(part) for result in self._back(x, y) if isinstance(result, tuple) for part in result]
                told = float(np.mean([one for one in each if one is not None])) if any(each) else None
        finally:
            self.state = held
        if told is None:
            raise TypeError("no number")
        return told

    def _tells(self, x: Array, y: Array) -> bool:
        """Whether what is given back depends on the labels, as a loss does."""
        try:
            return self.returned(x, y) != self.returned(x, np.roll(y, 1))
        except Exception:  # it gives nothing back, or refuses a rate of 0
            return False

    def _back(self, x: Array, y: Array) -> list[Any]:
        """What backprop(x, y) returns for each sample."""
        call = getattr(self.net, self.backward)
        with World(self.namespace, self.state).laid({}):
            return [call(**(fill(call, {}, _ALONE | {"x": one, "y": t}) or {})) for one, t in self.samples(x, y)]

    def step(self, x: Array, y: Array, lr: float) -> Any:
        """The file's own update of one mini-batch, and what it gives back."""
        put_aside(self.state, lr, len(x))
        call = getattr(self.net, self.update)
        wanted = list(inspect.signature(call).parameters.values())
        given: dict[str, Any] = {wanted[0].name: self.samples(x, y), wanted[1].name: lr}
        for one in wanted[2:]:
            if aside(one.name) is not None:
                given[one.name] = aside(one.name)
            elif one.default is one.empty:
                given[one.name] = len(x)
        with World(self.namespace, self.state).laid({}):
            return call(**given)

    def gradients(self, x: Array, y: Array) -> dict[str, Array]:
        """The mean over samples of what backprop(x, y) returns."""
        live = self.parameters()
        total = {name: np.zeros_like(value) for name, value in live.items()}
        for result in self._back(x, y):
            flat = _flat(result)
            for name, value in live.items():
                index = next(i for i, a in enumerate(flat) if a.shape == value.shape)
                total[name] += flat.pop(index)
        return {name: value / len(x) for name, value in total.items()}

    def readings(self) -> Iterator[Reading]:
        """With its cost, the number that it gives back, the loss whose derivative is written, or that which fits."""
        rng = np.random.default_rng(2)
        for value in self.parameters().values():
            value[...] = rng.standard_normal(value.shape) * (1.5 / np.sqrt(max(value.shape)))
        x, y = batch(self.features, self.classes)
        if self.output(x).shape != (len(x), self.classes):
            return
        if self.update:
            copied = copies(self.state)
            self.step(x, y, 0.125)
            self.state = copied
        elif self.backward:
            self.gradients(x, y)
        else:
            return
        written = self.written()
        if self._of_batches(x, y):
            yield self._reading(self.of_pairs, "cost of pairs")
        if self._cost() is not None:
            yield self._reading(self.cost, "cost")
        if self._tells(x, y):
            yield self._reading(self.returned, "returned")
        if written:
            yield self._reading(
                lambda x, y: silent.reported(self.output(x), y, written), f"{written}, by its derivative"
            )
        else:
            yield from silent.readings(
                lambda loss: self._reading(loss, ""), self.output, sure=self.form.labels == "one-hot"
            )

    def _reading(self, loss: Callable[[Array, Array], float], told: str) -> Reading:
        step = self.step if self.update else None
        gradients = None if step else self.gradients
        subject = Subject(self.parameters, loss, step, gradients, self.features, self.classes,
                          afresh=self.begin_again)  # fmt: skip
        subject = beneath(subject, self.gradients) if step and self.backward else subject
        name = self.kind.__name__
        parts = {"forward": self.forward, "backward": self.backward, "update": self.update}
        facts = {role: f"{name}.{method}" for role, method in parts.items() if method}
        if subject.whole is not None:
            facts["update"] = in_place_of(facts["update"])
        facts |= {"parameters": ", ".join(self.parameters()), "loss": told, "labels": self.form.told}
        functions = {role: getattr(self.kind, method) for role, method in parts.items() if method}
        cost = self._cost()
        return Reading(subject, "columns", facts, functions | ({"loss": cost} if cost is not None else {}))


def read(namespace: dict[str, Any], tree: ast.Module | None = None) -> Iterator[Reading]:
    """Objects with lists of matrices, a forward, and a backprop or an update of one mini-batch."""
    found = list(objects(namespace))
    for name, value in found:  # an update of whole batches shows more than the gradients of single samples
        if not pair_update(type(value)):
            yield from (
                m.reading("columns")
                for m in machines(namespace, name, value, returned(tree), COLUMNS)
                if "update" in m.parts
            )
    for name, value in found:
        state = {name: value}
        places = _in_order(arrays(state, [name]), state)
        shapes = {str(i): np.shape(place.get(state)) for i, place in enumerate(places)}
        if not any(kind == "item" and isinstance(key, int) for place in places for kind, key in place.path):
            continue
        for sizes in ends(shapes)[:2] if len(places) <= 16 else []:
            for form in EACH:
                try:
                    yield from Columns(namespace, (name, value), places, form, sizes).readings()
                except Exception:  # another form is what it wants
                    continue


def pair_update(kind: type) -> str:
    """The method of a class that takes a mini-batch of pairs and a learning rate; "" without any."""
    for name in dir(kind):
        call = getattr(kind, name)
        if inspect.isfunction(call) and not name.startswith("__"):
            wanted = list(inspect.signature(call).parameters)[1:]
            if len(wanted) >= 2 and wanted[0] in _PAIRS and calling.roles(wanted[1])[:1] == ["lr"]:
                return name
    return ""


def _in_order(places: list[Place], state: Mapping[str, Any]) -> list[Place]:
    """Weights before biases, each from the input up."""
    return sorted(places, key=lambda place: min(np.shape(place.get(state)) or (1,)) == 1)


def _flat(result: Any) -> list[Array]:
    """All arrays in nested lists and tuples."""
    if isinstance(result, np.ndarray) and result.dtype != object:
        return [result]
    if isinstance(result, dict):
        result = list(result.values())
    return [a for one in result for a in _flat(one)] if isinstance(result, list | tuple | np.ndarray) else []


def _needed(call: Any) -> list[str] | None:
    try:
        return [n for n, p in inspect.signature(call).parameters.items() if p.default is p.empty]
    except (TypeError, ValueError):
        return None


def _cosine(a: Array, b: Array) -> float:
    return float(np.vdot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b) or 1.0))
