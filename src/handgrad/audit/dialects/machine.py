"""Machines: a network whose forward, loss, gradient and update are plain functions, or methods of one object.

They are run one after the other, and what one returns under a name, the next gets under that name, as in the code that
the author would write around them.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np

from handgrad.audit.dialects import calling, sizes
from handgrad.audit.dialects.beneath import beneath, in_place_of
from handgrad.audit.dialects.forms import BATCH, Form
from handgrad.audit.dialects.kept_settings import put_aside
from handgrad.audit.dialects.naming import matched
from handgrad.audit.dialects.places import Place, arrays, parted, values, widen
from handgrad.audit.dialects.reading import Reading
from handgrad.audit.dialects.roles import CALLED, called, fill, own
from handgrad.audit.dialects.sizes import ends
from handgrad.audit.dialects.turns import batch, number
from handgrad.audit.dialects.world import World, copies
from handgrad.audit.reading.pruning import MARK
from handgrad.audit.reading.source import Program
from handgrad.audit.subject import Subject
from handgrad.core.arrays import Array

RETURNED = "_returned_"


@dataclass
class Machine:
    """An object, or a dictionary or list of parameters, with the functions that work on it.

    Attributes:
        namespace: the file's names.
        root: the name under which the object stands.
        state: that object, and whatever else the functions change.
        returns: names that each function returns, by its name.
        form: the form of the batch.
        classes: outputs.
        parts: names of the functions by role: forward, loss, backward, update.
        places: where the parameters are.
        open: whether other losses would do as well.
    """

    namespace: dict[str, Any]
    root: str
    state: dict[str, Any]
    returns: Mapping[str, list[str]]
    form: Form
    features: int
    classes: int
    parts: dict[str, str] = field(default_factory=dict)
    places: list[Place] = field(default_factory=list)
    open: bool = False

    def __post_init__(self) -> None:
        self.first = copies(self.state)

    def begin_again(self) -> None:
        """Make the object what it was before anything was tried."""
        self.state = copies(self.first)
        widen(self.state, self.places)

    @property
    def methods(self) -> bool:
        """Whether the functions are methods of the object."""
        return own(self.state[self.root])

    def function(self, name: str) -> Any:
        """A function by name: a method of the object, or one of the file."""
        return getattr(self.state[self.root], name) if self.methods else self.namespace[name]

    def offered(self, role: str) -> list[str]:
        """Names of the functions that may have a role, the shallow ones of a class or file in their order."""
        if self.methods:
            kind = type(self.state[self.root])
            names = {n: f for base in reversed(kind.__mro__[:-1]) for n, f in vars(base).items()}
            return [name for name, _ in called(names, role)]
        return [name for name, _ in called(self.namespace, role)]

    def takes_batch(self) -> bool:
        """Whether the update asks for a batch and its labels."""
        wanted = inspect.signature(self.function(self.parts["update"])).parameters
        return {"x", "y"} <= {kind for name in wanted for kind in calling.roles(name)[:1]}

    def _has_rate(self) -> bool:
        """Whether the update asks for the learning rate, which is then no business of the other functions."""
        asked = _wanted(self.function(self.parts["update"])) if "update" in self.parts else []
        return any("lr" in calling.roles(name)[:1] for name in asked)

    def turn(self, x: Array, y: Array, lr: float, upto: str) -> dict[str, Any]:
        """Forward, loss, backward and update as far as `upto`; what they returned, by name and by role."""
        known: dict[str, Any] = {}
        value = self.state[self.root]
        by_role: dict[str, Any] = {
            "x": self.form.data(x), "y": self.form.target(y, self.classes), "lr": lr, "rows": len(x), "zero": 0.0,
            **calling.STRENGTHS, "keep": sizes.kept(), "true": True,
        }  # fmt: skip
        put_aside(self.state, lr, len(x))
        known |= {name: one for name, one in self.state.items() if name != self.root}
        if not self.methods:
            by_role |= {"params": value, "model": value, "layers": value}
            known[self.root] = value
            loose = value if isinstance(value, dict) else {}
            known |= {n: v for n, v in loose.items() if isinstance(n, str)}
        world = World(self.namespace, self.state)
        with world.laid({}):
            for role in ("forward", "loss", "backward", "update"):
                name = self.parts.get(role)
                if name is not None:
                    self._call(role, name, known, by_role)
                if role == upto:
                    break
        return known | {f"{role}()": v for role, v in by_role.items()}

    def _call(self, role: str, name: str, known: dict[str, Any], by_role: dict[str, Any]) -> None:
        call = self.function(name)
        alone = role != "update" and self._has_rate()  # what others call alpha is a penalty or a slope
        arguments = fill(call, known, by_role | {"lr": 0.0} if alone else by_role)
        if arguments is None:
            raise TypeError(name)
        result = call(**arguments)
        known[f"{RETURNED}{role}"] = result
        names = self.returns.get(name, [])
        several = list(result) if isinstance(result, tuple) else [result]
        if len(names) == len(several):
            known |= dict(zip(names, several, strict=True))
            for one, value in zip(names, several, strict=True):
                for kind in calling.roles(one)[:1]:
                    if kind in ("pred", "gradients"):
                        by_role[kind] = value
        if role == "forward":
            rows = [v for v in several if isinstance(v, np.ndarray) and v.ndim and self.classes in v.shape]
            if rows:
                by_role["pred"] = rows[-1] if len(several) > 2 else rows[0]
            rest = [v for v in several if isinstance(v, dict | list | tuple)]
            if rest:
                by_role["cache"] = rest[-1]
        if role == "backward" and result is not None:
            by_role["gradients"] = result
        if role == "backward" and isinstance(result, dict):
            known |= {n: v for n, v in result.items() if isinstance(n, str) and n not in known}

    def rows(self, x: Array, y: Array) -> list[tuple[Array, Array]]:
        """The batches that a batch goes in: itself, or each row alone."""
        return [(x[i : i + 1], y[i : i + 1]) for i in range(len(x))] if self.form.each else [(x, y)]

    def loss(self, x: Array, y: Array) -> float:
        """What the file's loss says of a batch. Leaves the object as it was."""
        return float(np.mean([self._loss(*both) for both in self.rows(x, y)]))

    def _loss(self, x: Array, y: Array) -> float:
        held = self.state
        self.state = copies(held)
        try:
            result = self.turn(x, y, 0.0, "loss").get(f"{RETURNED}loss")
        finally:
            self.state = held
        value = number(result[0] if isinstance(result, tuple) and result else result)
        if value is None:
            raise TypeError("no number")
        return value

    def gradients(self, x: Array, y: Array) -> dict[str, Array]:
        """What the file's backward says, by the names of the parameters."""
        each = [self._gradients(*both) for both in self.rows(x, y)]
        return {name: np.mean([one[name] for one in each], axis=0) for name in each[0]}

    def _gradients(self, x: Array, y: Array) -> dict[str, Array]:
        known = self.turn(x, y, 0.0, "backward")
        result = known.get(f"{RETURNED}backward", known.get(f"{RETURNED}loss"))
        found = matched(result, known, self.state[self.root], self.parameters())
        if found is None:
            raise TypeError("no gradients")
        return found

    def step(self, x: Array, y: Array, lr: float) -> None:
        """One turn with the file's own update, or one for each row from the same point, what they change averaged."""
        start = {name: np.array(value) for name, value in self.parameters().items()}
        ends = []
        for both in self.rows(x, y):
            for name, value in self.parameters().items():
                value[...] = start[name]
            self._step(*both, lr)
            ends.append({name: np.array(value) for name, value in self.parameters().items()})
        if len(ends) > 1:
            for name, value in self.parameters().items():
                value[...] = np.mean([end[name] for end in ends], axis=0)

    def _step(self, x: Array, y: Array, lr: float) -> None:
        known = self.turn(x, y, lr, "update")
        result = known.get(f"{RETURNED}update")
        if result is None or self.methods:
            return
        live = self.parameters()
        if isinstance(result, dict | list) and self._put(result):
            return
        if isinstance(result, dict):
            new = result
        else:
            several = list(result) if isinstance(result, tuple | list) else [result]
            new = {n: v for n, v in zip(live, several, strict=False) if np.shape(v) == live[n].shape}
        for name, value in live.items():
            if name in new:
                value[...] = new[name]

    def _put(self, result: Any) -> bool:
        """Take over parameters out of containers that are built as the file's own; whether they are."""
        try:
            new = [np.array(place.get({place.root: result}), np.float64) for place in self.places]
        except (KeyError, IndexError, TypeError, ValueError):
            return False
        old = list(self.parameters().values())
        if [one.shape for one in new] != [one.shape for one in old]:
            return False
        for one, value in zip(old, new, strict=True):
            one[...] = value
        return True

    def parameters(self) -> dict[str, Array]:
        """Name to live array."""
        return values(self.places, self.state)

    def subject(self) -> Subject:
        """As a subject: with the file's step where there is one that tells its gradients, else with its gradients."""
        step = self.step if "update" in self.parts else None
        gradients = None if step else self.gradients
        found = Subject(self.parameters, self.loss, step, gradients, self.features, self.classes,
                        afresh=self.begin_again)  # fmt: skip
        return found if step is None else beneath(found, self.gradients)

    def reading(self, dialect: str) -> Reading:
        """As a reading."""
        subject = self.subject()
        facts = {"parameters": ", ".join(self.parameters()), "labels": self.form.told}
        facts |= {
            role: f"{type(self.state[self.root]).__name__}.{n}" if self.methods else n for role, n in self.parts.items()
        }
        if self.methods and (names := sizes.put_aside(vars(self.namespace.get(self.root, self.state[self.root])))):
            facts["put_aside"] = ", ".join(names)
        if subject.whole is not None:
            facts["update"] = in_place_of(facts["update"])
        functions = {role: self.function(name) for role, name in self.parts.items()}
        functions.setdefault("backward", functions["loss"])
        return Reading(subject, dialect, facts, functions, open=self.open)


def machines(
    namespace: dict[str, Any], root: str, value: Any, returns: Mapping[str, list[str]], forms: tuple[Form, ...] = BATCH
) -> Iterator[Machine]:
    """Every way to put the functions around an object together that gives a loss and its gradients."""
    state = copies({root: value} | _kept(namespace, root, value))
    places = arrays(state, [root])
    widen(state, places)
    for way, held in enumerate((places, *parted(places, state))):
        shapes = {str(i): np.shape(place.get(state)) for i, place in enumerate(held)}
        found = ends(shapes)[:3] if 0 < len(held) <= 16 else []
        for (features, classes), form in product(found, forms):
            yield from _assembled(namespace, root, state, held, returns, form, features, classes)
        if found and not way:
            break


def _kept(namespace: Mapping[str, Any], root: str, value: Any) -> dict[str, Any]:
    """What stands at top level for the functions around a dictionary, beside it: the memory of an optimizer."""
    if own(value):
        return {}
    functions = [function for kind in CALLED for _, function in called(namespace, kind)]
    wanted = {name for function in functions for name in _wanted(function)}
    return {n: v for n, v in namespace.items() if n in wanted and n != root and isinstance(v, dict | list)}


def _wanted(function: Any) -> list[str]:
    try:
        return list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return []


def _assembled(
    namespace: dict[str, Any], root: str, state: dict[str, Any], places: list[Place],
    returns: Mapping[str, list[str]], form: Form, features: int, classes: int,
) -> Iterator[Machine]:  # fmt: skip
    """Machines of one form: each loss that works, with each gradient function, with the first update that works."""
    plain = Machine(namespace, root, copies(state), returns, form, features, classes, {}, places)
    losses = plain.offered("loss")
    meant = _called_beside(namespace, losses)
    several = len(losses) > 1 and len(meant) != 1

    def new(parts: dict[str, str]) -> Machine:
        return Machine(namespace, root, copies(state), returns, form, features, classes, parts, places, several)

    x, y = batch(features, classes)
    for forward in (None, *plain.offered("forward")):
        for loss in sorted(losses, key=lambda name: name not in meant):
            start = {"loss": loss} | ({"forward": forward} if forward else {})
            if not _works(
                new(start), lambda m: m.loss(x, y) != m.loss(x, np.roll(y, 1)) and bool(m.loss(x[:5], y[:5]))
            ):
                continue
            for update in plain.offered("update"):  # train_step(x, y, lr), which runs both ways itself
                parts = {**start, "update": update}
                if _works(new(parts), lambda m: m.takes_batch() and _moves(m, x, y)):
                    yield _with_gradients(new, parts)
            if _works(new(start), lambda m: bool(m.gradients(x, y))):  # loss(x, y) -> loss, grads
                yield from _updated(new, start, x, y)
            for backward in plain.offered("backward"):
                parts = {**start, "backward": backward}
                if _works(new(parts), lambda m: bool(m.gradients(x, y))):
                    yield from _updated(new, parts, x, y)


def _with_gradients(new: Callable[[dict[str, str]], Machine], parts: dict[str, str]) -> Machine:
    """A machine whose update runs both ways itself, and the function that hands out its gradients, where they count."""
    ways = (new({**parts, "backward": name}) for name in new(parts).offered("backward"))
    return next((machine for machine in ways if _works(machine, lambda m: m.subject().step is None)), new(parts))


def _called_beside(namespace: Mapping[str, Any], names: list[str]) -> set[str]:
    """Which of some functions the file calls elsewhere than in one of them."""
    program = namespace.get(MARK)
    tree = program.tree if isinstance(program, Program) else ast.Module([], [])
    inside = {id(n) for one in ast.walk(tree) if getattr(one, "name", None) in names for n in ast.walk(one)}
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and id(node) not in inside)
    return {getattr(node.func, "attr", getattr(node.func, "id", "")) for node in calls} & set(names)


def _updated(new: Callable[[dict[str, str]], Machine], parts: dict[str, str], x: Array, y: Array) -> Iterator[Machine]:
    """With the first update that moves in proportion to the learning rate; and in any case without one."""
    for update in new(parts).offered("update"):
        if _works(new({**parts, "update": update}), lambda m: _moves(m, x, y)):
            yield new({**parts, "update": update})
            break
    yield new(parts)


def _moves(machine: Machine, x: Array, y: Array) -> bool:
    """Whether its step moves parameters twice as far at twice the rate."""
    moved = []
    start = {name: np.array(value) for name, value in machine.parameters().items()}
    for lr in (2.0**-20, 2.0**-19):
        machine.begin_again()  # for a velocity of the first step would be part of the second
        for name, value in machine.parameters().items():
            value[...] = start[name]
        machine.step(x, y, lr)
        moved.append(np.concatenate([(v - start[n]).ravel() for n, v in machine.parameters().items()]))
    return bool(moved[0].any()) and bool(np.linalg.norm(moved[1] - 2 * moved[0]) < 0.6 * np.linalg.norm(moved[1]))


def _works(machine: Machine, test: Callable[[Machine], bool]) -> bool:
    """Whether a test passes at a random point, without an exception."""
    rng = np.random.default_rng(1)
    for value in machine.parameters().values():
        value[...] = rng.standard_normal(value.shape) * (1.5 / np.sqrt(max(value.shape)))
    try:
        return test(machine)
    except Exception:  # arguments that are not there, shapes that do not fit
        return False


def returned(tree: ast.Module | None) -> dict[str, list[str]]:
    """The names that each function's last return gives back, in their order; a value without a name is ""."""
    found: dict[str, list[str]] = {}
    for node in ast.walk(tree) if tree is not None else ():
        if not isinstance(node, ast.FunctionDef):
            continue
        last = [n.value for n in ast.walk(node) if isinstance(n, ast.Return) and n.value is not None]
        if last:
            parts = last[-1].elts if isinstance(last[-1], ast.Tuple) else [last[-1]]
            found[node.name] = [_name(part) for part in parts]
    return found


def _name(value: ast.expr) -> str:
    """The name of a value that is returned as it is or in the other order: grads, grads[::-1]; "" of any other."""
    turned = isinstance(value, ast.Subscript) and ast.unparse(value.slice) == "::-1"
    whole = value.value if isinstance(value, ast.Subscript) and turned else value
    return whole.id if isinstance(whole, ast.Name) else ""
