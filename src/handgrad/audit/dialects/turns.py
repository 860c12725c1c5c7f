"""Turns: one turn of somebody's training loop as a step of a `Subject`, with the parameters that it is found to change.

Which arrays are parameters is not read off their names: those are, on which the loss of a turn depends.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from handgrad.audit.dialects import sizes
from handgrad.audit.dialects.claimed import by_form, by_name
from handgrad.audit.dialects.counting import counts, whole
from handgrad.audit.dialects.edits import RATE, Losses, callee, counted, forgiven, resolver
from handgrad.audit.dialects.flow import free_names, needed, runnable, stores, stores_all, without_missing
from handgrad.audit.dialects.forms import Form, mean_of_rows
from handgrad.audit.dialects.given import arguments, called_with
from handgrad.audit.dialects.handed import NameHanded
from handgrad.audit.dialects.kept_settings import dropped_in_cells, put_aside
from handgrad.audit.dialects.loops import shortened
from handgrad.audit.dialects.naming import matched
from handgrad.audit.dialects.places import Place, gradient_of, memories, values
from handgrad.audit.dialects.rated import with_rate
from handgrad.audit.dialects.roles import is_one_hot, own, role
from handgrad.audit.dialects.sizes import ALL_BUT_NONE, CLASSES, FEATURES, aside, dropping, kept, seed_of_draws
from handgrad.audit.dialects.slices import Slice
from handgrad.audit.dialects.world import STILL, World, copies, holdings, opened, refused, unset
from handgrad.audit.reading.pruning import MARK
from handgrad.core.arrays import Array

ROWS = 8


class Text:
    """The statements of a turn, which every form of a batch asks for; nothing changes them.

    Attributes:
        body: they, with a name for each loss and each gradient that has none.
        losses: those names, and the ones that the file itself has for a loss.
        shares: dropout that a turn sets itself, dropout_rate = 0.2: it is set ahead of the turn instead.
        counted: names that are counted up, so that a step among them is no size of one.
        free: names that a turn reads before it binds them.
    """

    def __init__(self, body: list[ast.stmt]) -> None:
        losses = Losses()
        self.shares = {name: one.value.value for one in body for name in _share(one)}  # type: ignore[attr-defined]
        rest = [one for one in body if not _share(one)]
        self.body = losses.give([NameHanded().visit(one) for one in shortened(rest)])
        self.losses = losses.names()
        self.counted = {n for one in self.body for n in counted(one)}
        self.free = set(free_names(self.body))


class Loop:
    """A loop of a file, ready to run a turn of it on any batch.

    Args:
        namespace: the file's names.
        cut: the loop.
        form: the form in which it gets its batch.
        given: arguments of the function that it stands in, as far as they are known.
    """

    def __init__(self, namespace: dict[str, Any], cut: Slice, form: Form, rows: bool, given: Mapping[str, Any]) -> None:
        self.namespace, self.cut, self.form, self.count = namespace, cut, form, rows
        self.given = dict(given)
        self.features, self.classes = FEATURES, CLASSES
        self.text = cut.text = cut.text or Text(cut.body)
        self.state: dict[str, Any] = {}
        self.fresh: dict[str, Any] = {}
        self.begun: dict[str, int | float] = {}  # the numbers among what stands before the loop
        self.turned: dict[str, int] = {}  # names that the loop counts by, where it is not its first turn
        self.code: Any = None
        self.places: list[Place] = []
        self.adapted = False  # whether an optimizer such as Adam stands between gradient and step
        self.barely = False  # whether it does not run without its dropout
        self.output = ""  # the name of the network's output, where the loop tells no loss
        self.others: list[str] = []  # names that may hold it as well
        self.wrapped: Mapping[str, type] = {}  # the class of which data or labels are to be, by "x" and "y"

    def prepare(self, features: int, classes: int, *, literal: bool) -> None:
        """Run what stands before the loop with a batch of these sizes, and compile a turn."""
        self.features, self.classes = features, classes
        cut, scope = self.cut, self.cut.scope
        rows = batch(features, classes)
        inputs = self.inputs(*rows)
        known = set(self.namespace) | set(inputs) | set(cut.targets)
        free = self.text.free
        local = set() if scope.node is None else {n for one in cut.before for n in stores(one)} | set(scope.arguments)
        wanted = {name for name in free if name not in inputs and (name not in known or name in local)}
        before = needed(cut.before, wanted, inputs)
        names = set(free_names(before)) | free | {"self"}
        if scope.node is not None:
            sides = ROWS, features, classes
            found = arguments(
                self.namespace, scope, inputs, lambda names: self.filled(names, *batch(*sides[1:])), sides
            )
            self.given |= {n: v for n, v in found.items() if n not in self.given}
        self.state = holdings(self.namespace, (n for n in names if n not in self.given)) | copies(
            {n: v for n, v in self.given.items() if n not in inputs}
        )
        loops = {n: 1 for n in _targets_of(cut.before) if n not in known}
        self.state |= {n: v for n, v in loops.items() if n not in inputs} | self.text.shares
        data = {n: role(n) for n in free_names(before) if role(n) in ("x", "y") and n not in inputs and n not in known}
        stand_ins = self.filled(data, *rows) | inputs
        for one in before:
            self._try(one, stand_ins)
        there = set(self.namespace) | set(self.state) | set(inputs) | set(cut.targets) | {RATE}
        sizes_of = {n: ROWS for n in [*free, *unset(self.namespace, free)] if n not in there and role(n) == "rows"}
        self.state |= sizes_of
        counting = [whole(one) if self.count else one for one in counts(cut.before, set(inputs))]
        body = without_missing(copy.deepcopy([*counting, *self.text.body]), there | set(sizes_of))
        if literal:
            known_values = self.namespace | self.state
            body = with_rate(body, {place.root for place in self.places}, resolver(known_values))
        self.begun = {n: v for n, v in self.state.items() if type(v) in (int, float)}
        self.kept = body
        self.code = runnable(forgiven(body), once=True)
        made = self._made_first(set(free_names(body)) & stores_all(body) - there, inputs)
        self.state |= {n: np.zeros_like(v) if isinstance(v, np.ndarray) else v for n, v in made.items()}

    def _made_first(self, names: set[str], inputs: Mapping[str, Any]) -> dict[str, Any]:
        """What a turn may read that only the first one has made: velocities that begin in `if epoch == 0:`."""
        if not names:
            return {}
        start = {**self.settings(0.0, ROWS), **dict.fromkeys(self.cut.targets, 0), **inputs}
        try:
            after = World(self.namespace, copies(self.state)).run(self.code, start)
        except TimeoutError:
            raise
        except Exception:  # somebody else's code may raise anything
            return {}
        return {name: after[name] for name in names if name in after}

    def _try(self, one: ast.stmt, inputs: Mapping[str, Any]) -> None:
        """One statement before the loop; what fails leaves its names unset."""
        world = World(self.namespace, self.state)
        try:
            after = world.run(runnable([one], once=False), {**inputs, **self.settings(0.125, ROWS)})
        except TimeoutError:
            raise
        except Exception:  # somebody else's code may raise anything
            return
        made = stores(one) | set(self.state)
        self.state = {n: v for n, v in after.items() if n in made and n not in inputs}

    def inputs(self, x: Array, y: Array) -> dict[str, Any]:
        """The names that get the batch, with the batch in this loop's form."""
        return self.filled(self.cut.inputs, x, y)

    def filled(self, names: Mapping[str, str], x: Array, y: Array) -> dict[str, Any]:
        """Names of data and labels, with a batch in this loop's form."""
        found: dict[str, Any] = {}
        for name, kind in names.items():
            if kind == "x":
                found[name] = self.form.data(x)
            else:
                hot = is_one_hot(name) and self.form.labels == "numbers" and self.classes > 1
                found[name] = self.form.target(y, self.classes, "one-hot" if hot else "")
            if kind in self.wrapped:
                found[name] = self.wrapped[kind](found[name])
        return found

    def settings(self, lr: float, rows: int) -> dict[str, Any]:
        """Learning rate, number of rows, and regularisation and dropout put aside, by the names of this file."""
        found: dict[str, Any] = {RATE: lr}
        for name in [*self.namespace, *self.state, *self.given]:
            value = self.state.get(name, self.namespace.get(name))
            if kept := sizes.with_rate_of(value, lr) if isinstance(value, dict) else {}:
                found[name] = kept
            if not isinstance(value, int | float) or isinstance(value, bool):
                continue
            if role(name) == "lr" and name not in self.text.counted:
                found[name] = lr
            elif role(name) == "rows" and isinstance(value, int) and self.count and name not in ("n", "N"):
                found[name] = rows
            elif aside(name) is not None and isinstance(value, float):
                found[name] = aside(name)
        targets = {n: v for n, v in self.cut.targets.items() if n not in self.cut.inputs}
        return found | targets | self.turned

    def put_aside(self) -> list[str]:
        """Names of the regularisation and dropout that are set so that they take no part."""
        found = sizes.put_aside(self.namespace | self.fresh | self.given | self.text.shares)
        for value in self.fresh.values():
            found += sizes.put_aside(getattr(value, "__dict__", {})) if own(value) else dropped_in_cells(value)
        if self.cut.scope.node is not None:
            defaults = {n: getattr(v, "value", None) for n, v in self.cut.scope.defaults().items()}
            found += sizes.put_aside(defaults | called_with(self.namespace, self.cut.scope))
        return list(dict.fromkeys(found))

    def begin_again(self) -> None:
        """Make everything that turns change what it was before the first."""
        self.state = copies(self.fresh)

    def turn(self, state: dict[str, Any], x: Array, y: Array, lr: float) -> dict[str, Any]:
        """One turn over a state; all names as they are afterwards."""
        rows = 1 if self.form.each else len(x)
        put_aside(state, lr, rows)
        try:
            with self._dropping():
                after = World(self.namespace, state).run(self.code, {**self.settings(lr, rows), **self.inputs(x, y)})
        except (ValueError, AssertionError) as error:
            if lr != 0 or not refused(error):
                raise
            return self.turn(state, x, y, STILL)
        except (LookupError, AttributeError, NameError, TypeError):
            if self.barely or kept() < 1 or not self.put_aside():
                raise
            self.barely = True
            return self.turn(state, x, y, lr)
        for place in self.places:
            if not isinstance(value := place.get(after), np.ndarray):
                place.put(after, np.array([value], np.float64))
        return after

    def _dropping(self) -> AbstractContextManager[None]:
        """The share that is dropped: none, or so little that no unit is, where the way back wants its mask."""
        return dropping(ALL_BUT_NONE, seed_of_draws()) if self.barely and kept() == 1 else nullcontext()

    def step(self, x: Array, y: Array, lr: float) -> None:
        """A training step: one turn, or one turn for each row from the same point, what they change averaged.

        What an optimizer remembers is such a change, too.
        """
        if not self.form.each:
            after = self.turn(self.state, x, y, lr)
            self.state = {n: v for n, v in after.items() if n not in self.cut.inputs}
            return
        start = {place: np.array(place.get(self.state)) for place in self.places}
        start |= {place: np.array(place.get(self.state)) for place in memories(self.state) if place not in start}
        moved = {place: np.zeros_like(value) for place, value in start.items()}
        for i in range(len(x)):
            for place, value in start.items():
                place.get(self.state)[...] = value
            after = self.turn(self.state, x[i : i + 1], y[i : i + 1], lr)
            self.state = {n: v for n, v in after.items() if n not in self.cut.inputs}
            for place, value in start.items():
                moved[place] += place.get(self.state) - value
        for place, value in start.items():
            place.get(self.state)[...] = value + moved[place] / len(x)

    def gradients(self, x: Array, y: Array) -> dict[str, Array]:
        """The gradients that a turn computes, where they have names that say whose they are.

        Raises: TypeError where they have none.
        """
        if self.form.each:
            raise TypeError("one sample at a time")
        after = self.turn(self.state, x, y, 0.0)
        self.state = {n: v for n, v in after.items() if n not in self.cut.inputs}
        found = self._named(after)
        if found is None:
            raise TypeError("no gradients")
        return found if any(one.any() for one in found.values()) else self._ahead_of_reset(x, y) or found

    def _named(self, after: Mapping[str, Any]) -> dict[str, Array] | None:
        """The gradients among all that a turn has left behind, by the names of the parameters."""
        beside = [gradient_of(place, after) for place in self.places]
        if all(isinstance(one, np.ndarray) for one in beside):
            return {name: np.array(one, np.float64) for name, one in zip(self.parameters(), beside, strict=True)}
        return matched(None, after, after.get("self"), self.parameters())

    def _ahead_of_reset(self, x: Array, y: Array) -> dict[str, Array] | None:
        """The gradients after as much of a turn as it takes: an optimizer may set them back to zero at its end."""
        given = {**self.settings(0.0, len(x)), **self.inputs(x, y)}
        for last in range(len(self.kept) - 1, 0, -1):
            code = runnable(forgiven(self.kept[:last]), once=True)
            found = self._named(World(self.namespace, copies(self.state)).run(code, given))
            if found is not None and any(one.any() for one in found.values()):
                return found
        return None

    def claim(self) -> str:
        """The optimizer that the names in the loop are of: adam, rmsprop, adagrad; "" for none."""
        text = "\n".join(ast.unparse(one) for one in self.cut.body).lower()
        return (
            by_name(text)
            or by_form(text)
            or next(filter(None, (by_form(ast.unparse(one).lower()) for one in self.called())), "")
        )

    def called(self) -> Iterator[ast.FunctionDef]:
        """The file's functions that the loop calls, and those that they call."""
        program = self.namespace.get(MARK)
        functions = {n.name: n for n in ast.walk(program.tree) if isinstance(n, ast.FunctionDef)} if program else {}
        waiting: list[ast.AST] = [*self.cut.body]
        while waiting:
            names = {callee(n) for one in waiting for n in ast.walk(one) if isinstance(n, ast.Call)}
            names |= {getattr(self.namespace.get(name), "__name__", "") for name in names}  # update_rule = adam
            called = [functions.pop(name) for name in sorted(names & functions.keys())]
            yield from called
            waiting = [*called]

    def losses_at(self, x: Array, y: Array) -> dict[str, float]:
        """What each name that may be the loss holds after a turn that moves nothing; the mean over rows one by one."""
        if self.form.each:
            each = [self._losses(x[i : i + 1], y[i : i + 1]) for i in range(len(x))]
            return {
                name: float(np.mean([one[name] for one in each]))
                for name in each[0]
                if all(name in one for one in each)
            }
        return self._losses(x, y)

    def still(self, x: Array, y: Array) -> dict[str, Any]:
        """All names after a turn that moves nothing and leaves nothing behind, and what lists and dictionaries hold."""
        state = copies(self.fresh)
        for place in self.places:
            place.get(state)[...] = place.get(self.state)
        return opened(self.turn(state, x, y, 0.0), self.fresh)

    def outputs(self, x: Array, y: Array) -> Array:
        """The network's output as rows (B, C), where the loop has a name for it."""
        if self.form.each:
            each = [self.still(x[i : i + 1], y[i : i + 1])[self.output] for i in range(len(x))]
            return np.array([np.asarray(one, np.float64).reshape(-1) for one in each])
        found = np.array(self.still(x, y)[self.output], np.float64)
        turned = self.form.columns or found.shape == (self.classes, len(x)) != (len(x), self.classes)
        return found.T if turned else found.reshape(len(x), self.classes)

    def _losses(self, x: Array, y: Array) -> dict[str, float]:
        after = self.still(x, y)
        told = {name: number(after.get(name)) for name in self.text.losses}
        told |= {name: mean_of_rows(after.get(name), len(x)) for name, value in told.items() if value is None}
        return {name: value for name, value in told.items() if value is not None}

    def parameters(self) -> dict[str, Array]:
        """Name to live array."""
        return values(self.places, self.state)


def _share(one: ast.stmt) -> set[str]:
    """The name of a dropout whose share a turn sets itself, dropout_rate = 0.2; it is set ahead of the turn instead."""
    match one:
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=float())) if aside(name) is not None:
            return {name}
    return set()


def _targets_of(before: list[ast.stmt]) -> set[str]:
    """Names that loops around or before a loop set."""
    return {name for one in before for n in ast.walk(one) if isinstance(n, ast.For) for name in stores(n.target)}


def number(value: Any) -> float | None:
    """A float out of a number, an array of one number, or a tensor of one; None of anything else."""
    if own(value) and hasattr(value, "backward"):
        value = getattr(value, "data", None)
    if isinstance(value, bool | int | np.bool_ | np.integer):
        return None
    if isinstance(value, float | np.floating) or (
        isinstance(value, np.ndarray) and value.size == 1 and value.dtype.kind == "f"
    ):
        number = float(np.asarray(value).reshape(-1)[0])
        return number if np.isfinite(number) else None
    return None


def batch(features: int, classes: int) -> tuple[Array, Array]:
    """Rows and labels, every class among them as far as they go."""
    rng = np.random.default_rng(3)
    x = rng.random((ROWS, features))
    many = max(classes, 2)
    return x, (many - 1 - np.arange(ROWS)) % many
