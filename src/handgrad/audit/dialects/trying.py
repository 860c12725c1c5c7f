"""Trying: which loops of a file can be run, on which form of batch, and which of their arrays are the parameters.

Parameters are not told by their names: they are what the loss of a turn depends on.
"""

from __future__ import annotations

import ast
import time
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from handgrad.audit.dialects import silent
from handgrad.audit.dialects.edits import base, read_at_all, reads, resolver
from handgrad.audit.dialects.flow import free_names, stores
from handgrad.audit.dialects.forms import BATCH, EACH, Form
from handgrad.audit.dialects.places import Place, arrays, parted, widen
from handgrad.audit.dialects.reading import Reading
from handgrad.audit.dialects.roles import CALLED, is_loss
from handgrad.audit.dialects.sizes import CLASSES, FEATURES, ends, make
from handgrad.audit.dialects.slices import Scope, Slice
from handgrad.audit.dialects.turns import ROWS, Loop, batch
from handgrad.audit.dialects.world import copies, reachable
from handgrad.audit.subject import Subject
from handgrad.core.arrays import Array

_MANY = 40  # readings of one loop
_SLOPES = 2  # that are worked out after the output
SECONDS = 4.0  # of processor time, for all loops of a file


def loops(
    namespace: dict[str, Any],
    cuts: list[Slice],
    started: Mapping[str, Any],
    dialect: Callable[[list[Place]], str],
    wraps: Sequence[Mapping[str, type]] = ({},),
) -> Iterator[Reading]:
    """Every loop that can be run and that changes what its loss depends on, as readings.

    Args:
        namespace: the file's names.
        cuts: the loops.
        started: what functions that start parameters return, by the names under which they return it.
        dialect: names the way in which the parameters are kept.
        wraps: classes of which data and labels may have to be, by "x" and "y".
    """
    until = time.process_time() + SECONDS
    for cut in cuts:
        found: dict[Form, int] = {}
        for form, rows, wrapped in product((*BATCH, *EACH), (True, False), wraps):
            if sum(found.values()) >= _MANY or time.process_time() > until:
                break
            if form in found or (form.across and not _turns_its_data(cut)):
                continue
            for owner in _owners(namespace, cut.scope, form):
                given = owner | {n: v for n, v in started.items() if n in cut.scope.arguments and n not in cut.inputs}
                try:
                    ready = list(_ready(namespace, cut, form, rows, given, wrapped))
                except TimeoutError:  # a whole training runs in one turn of it
                    found[form] = _MANY
                    break
                except Exception:  # somebody else's code may raise anything
                    continue
                for loop, name in ready:
                    yield from _readings(loop, name, dialect)
                    found[form] = found.get(form, 0) + 1
                if ready:
                    break


def _turns_its_data(cut: Slice) -> bool:
    """Whether a loop turns the rows that it is given into columns: forward(x.T, params)."""
    turned = [n.value for one in cut.body for n in ast.walk(one) if isinstance(n, ast.Attribute) and n.attr == "T"]
    return any(isinstance(one, ast.Name) and cut.inputs.get(one.id) == "x" for one in turned)


def _owners(namespace: Mapping[str, Any], scope: Scope, form: Form) -> Iterator[dict[str, Any]]:
    """`self` for a method: an instance of its class in the file, or each that can be made at small sizes, for what a
    size is meant to be may only show where the method makes its parameters.
    """
    if not scope.owner or not scope.arguments:
        yield {}
        return
    kind = namespace.get(scope.owner)
    if not isinstance(kind, type):
        return
    made = next((v for v in namespace.values() if type(v) is kind), None)
    if made is not None:
        yield {scope.arguments[0]: made}
        return
    x, y = batch(FEATURES, CLASSES)
    for one in make(kind, {"x": form.data(x), "y": form.target(y, CLASSES), "rows": ROWS}):
        yield {scope.arguments[0]: one}


def _ready(
    namespace: dict[str, Any],
    cut: Slice,
    form: Form,
    rows: bool,
    given: Mapping[str, Any],
    wrapped: Mapping[str, type],
) -> Iterator[tuple[Loop, str]]:
    """Loops with the name of a loss, where a turn runs, changes parameters in proportion to lr, and tells its loss."""
    first = Loop(namespace, cut, form, rows, given)
    first.wrapped = wrapped
    first.prepare(FEATURES, CLASSES, literal=False)
    roots = [n for n in first.state if n not in cut.inputs]
    first.places = _candidates(first, roots)
    for way, features, classes in _sizes(first):
        for literal in (False, True):
            loop = Loop(namespace, cut, form, rows, given)
            loop.places, loop.wrapped = first.places, wrapped
            try:
                loop.prepare(features, classes, literal=literal)
                loop.places = _candidates(loop, roots)
                if way:
                    widen(loop.state, loop.places)
                    loop.places = list(parted(loop.places, loop.state))[way - 1]
                names = _tried(loop)
            except TimeoutError:
                raise
            except Exception:  # labels in another form, other sizes: somebody else's code says it in many ways
                break
            if names:
                yield from ((loop, name) for name in names)
                break


def _sizes(loop: Loop) -> list[tuple[int, int, int]]:
    """(way, features, classes) that the arrays may lead between; those of zeros, maybe buffers, left out last.

    The way is 0 where the arrays lead there as they are, else which of `parted` it is, from 1.
    """
    found: list[tuple[int, int, int]] = []
    for way, places in enumerate((loop.places, *parted(loop.places, loop.state))):
        values = [np.asarray(place.get(loop.state)) for place in places]
        bare = [v for v in values if v.ndim < 2 or min(v.shape) == 1 or v.any()]
        for kept in (values, bare, [v for v in bare if v.any()]):
            shapes = {str(i): v.shape for i, v in enumerate(kept)}
            found += [(way, *one) for one in ends(shapes)[:4]] if len(shapes) <= 16 else []
        if found and not way:
            break
    if not found:  # a pass ahead of the loop may have left the values of its batch behind, or a plot the plane's points
        values = [np.asarray(place.get(loop.state)) for place in loop.places]
        held = [v for place, v in zip(loop.places, values, strict=True) if place.path]
        for kept in ([v for v in values if ROWS not in v.shape], held):
            shapes = {str(i): v.shape for i, v in enumerate(kept)}
            found += [(0, *one) for one in ends(shapes)[:4]] if len(shapes) <= 16 and not found else []
    return list(dict.fromkeys(found))


def _candidates(loop: Loop, roots: list[str]) -> list[Place]:
    """Arrays that a turn can reach, in the order in which the file makes them."""
    near = set(reachable(loop.namespace, free_names(loop.kept))) | set(free_names(loop.kept)) | {"self"}
    noted = set(free_names(loop.kept)) - read_at_all(loop.kept) - {n for one in loop.kept for n in stores(one)}
    updated = {base(n.target) for one in loop.kept for n in ast.walk(one) if isinstance(n, ast.AugAssign)}
    found = arrays(loop.state, [n for n in roots if n in loop.state and n in near - (noted - updated)])
    nodes = [n for one in loop.cut.before if not isinstance(one, ast.FunctionDef | ast.ClassDef) for n in ast.walk(one)]
    names = [n for n in nodes if isinstance(n, ast.Name | ast.Attribute) and isinstance(n.ctx, ast.Store)]
    names.sort(key=lambda n: (n.end_lineno or 0, n.end_col_offset or 0))
    made = [n.id if isinstance(n, ast.Name) else n.attr for n in names]

    def when(place: Place) -> int:
        kind, key = place.path[0] if place.path else ("", "")
        name = key if kind == "attr" and place.root not in made else place.root
        return made.index(name) if name in made else -1

    return sorted(found, key=when)


def _tried(loop: Loop) -> list[str]:
    """Names of losses that depend on labels and parameters, after trying; keeps those parameters. Empty if it fails."""
    widen(loop.state, loop.places)
    numbers = {n for n, v in loop.state.items() if type(v) in (int, float)}
    gone = {n for n in numbers - loop.begun.keys() if n in loop.namespace}  # which earlier turns have counted on
    loop.fresh = copies(
        {n: loop.begun.get(n, v) if n in numbers else v for n, v in loop.state.items() if n not in gone}
    )
    rng = np.random.default_rng(5)
    x, y = batch(loop.features, loop.classes)
    start = {place: np.array(place.get(loop.state)) for place in loop.places}
    for place, value in start.items():
        place.get(loop.state)[...] = rng.standard_normal(value.shape) * (1.5 / np.sqrt(max(value.shape, default=1)))
    point = {place: np.array(place.get(loop.state)) for place in loop.places}
    names = _labelled(loop, x, y)
    loop.output = _output(loop, x, y)
    if not names and not loop.output:
        return []

    def told() -> Any:
        return [loop.losses_at(x, y).get(name) for name in names] if names else loop.outputs(x, y).tolist()

    here, alive = told(), []
    every = [*loop.places]
    for place, value in point.items():
        place.get(loop.state)[...] = value + 0.1 * rng.standard_normal(value.shape)
        if told() != here:
            alive.append(place)
        place.get(loop.state)[...] = value
    for place in set(every) - set(alive):  # the memory of an optimizer begins as the file lets it begin
        place.get(loop.state)[...] = start[place]
    loop.places = alive
    if not alive or not _proportional(loop, x, y):
        return []
    if loop.adapted:
        loop.gradients(x, y)
    if loop.output and _moves_more(loop, every, x, y):
        loop.output = ""  # it is a layer's, not the network's
    loop.state = copies(loop.fresh)
    return [*names, *([""] if loop.output else [])]


def _labelled(loop: Loop, x: Array, y: Array) -> list[str]:
    """Names of losses that depend on the labels, for any number of rows."""
    here, other = loop.losses_at(x, y), loop.losses_at(x, np.roll(y, 1))
    fewer = loop.losses_at(x[:5], y[:5])
    return [name for name in here if name in other and name in fewer and here[name] != other[name]]


def _output(loop: Loop, x: Array, y: Array) -> str:
    """The last name that a turn binds to one number for each row and class which the labels do not change; the names
    before it are noted as well, for it may be a slope.
    """
    if loop.form.each:
        whole, other = loop.still(x[:1], y[:1]), loop.still(x[:1], y[1:2])
    else:
        whole, other = loop.still(x, y), loop.still(x, np.roll(y, 1))
    rows = 1 if loop.form.each else len(x)
    found: list[str] = []
    for name, value in whole.items():
        if (
            name in loop.cut.inputs
            or name in loop.fresh
            or not isinstance(value, np.ndarray)
            or value.dtype.kind != "f"
        ):
            continue
        if value.size == rows * loop.classes and name in other and np.array_equal(value, other[name]):
            found += [name] if value.size == 1 or np.ptp(value) else []
    stored = [n for one in loop.kept for n in ast.walk(one) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
    order = {n.id: (n.lineno, n.col_offset) for n in sorted(stored, key=lambda n: (n.lineno, n.col_offset))}
    found.sort(key=lambda name: order.get(name.split("[")[0], (0, 0)))  # the file may have had a name before the loop
    loop.others = found[-2::-1]
    return found[-1] if found else ""


def _proportional(loop: Loop, x: Array, y: Array) -> bool:
    """Whether a step changes parameters, twice as much at twice a small learning rate, and not at all at 0."""
    moves = []
    for lr in (0.0, 2.0**-20, 2.0**-19):
        state = loop.state
        loop.state = copies(state)
        before = {place: np.array(place.get(loop.state)) for place in loop.places}
        loop.step(x, y, lr)
        moves.append(np.concatenate([(place.get(loop.state) - v).ravel() for place, v in before.items()]))
        loop.state = state
    still, once, twice = moves
    loop.adapted = _same_size(once) or _departs(loop, x, y, once)
    size = np.linalg.norm(twice)  # of a rate that is multiplied in twice, four times as large
    return (
        not still.any()
        and bool(once.any())
        and bool(np.linalg.norm(twice - 2 * once) < 1e-2 * size or np.linalg.norm(twice - 4 * once) < 1e-2 * size)
    )


def _departs(loop: Loop, x: Array, y: Array, move: Array) -> bool:
    """Whether a loop that says it has such an optimizer moves no parameter along the gradient that has its name."""
    if not loop.claim():
        return False
    state = loop.state
    loop.state = copies(state)
    try:
        gradients = list(loop.gradients(x, y).values())
    except Exception:  # none have names, or they are those of one sample
        return False
    finally:
        loop.state = state
    ends = np.cumsum([one.size for one in gradients])
    both = zip(np.split(move, ends[:-1]), gradients, strict=True)
    return not any(_along(step, gradient.ravel()) for step, gradient in both if step.size > 1)  # a number is along any


def _along(step: Array, gradient: Array) -> bool:
    size = float(np.linalg.norm(step) * np.linalg.norm(gradient))
    return size == 0 or abs(float(np.vdot(step, gradient))) > (1 - 1e-6) * size


def _moves_more(loop: Loop, every: list[Place], x: Array, y: Array) -> bool:
    """Whether a step moves weights on which what was taken for the output, or the loss, does not depend. What a pass
    leaves behind without any step is no weight.
    """
    few = 1 if loop.form.each else len(x)
    state, left = loop.state, loop.still(x[:few], y[:few])
    loop.state = copies(state)
    loop.step(x, y, 0.125)
    others = [place for place in every if place not in loop.places and np.ndim(place.get(loop.fresh)) == 2]
    moved = any(
        np.any(place.get(loop.fresh))
        and not np.array_equal(place.get(loop.state), place.get(state))
        and np.array_equal(place.get(left), place.get(loop.fresh))
        for place in others
    )
    loop.state = state
    return moved


def _same_size(move: Array) -> bool:
    """Whether all numbers moved equally far, as only an optimizer makes them that scales them: Adam, RMSprop."""
    far = np.abs(move[move != 0])
    return far.size > 3 and bool(np.quantile(far, 0.9) < 1.02 * np.quantile(far, 0.2))


def _readings(loop: Loop, name: str, dialect: Callable[[list[Place]], str]) -> Iterator[Reading]:
    """A loop as a reading with the loss of that name; without a name, with the loss that its gradients belong to."""
    if not name:
        sure = loop.form.labels == "one-hot" or loop.classes == 1
        known, best = loop.output, (-1.0, "", list[Reading]())
        for output in (known, *loop.others[:_SLOPES]):
            loop.output = output
            rank, found = silent.ranked(lambda loss: _reading(loop, loss, "", dialect), loop.outputs, sure=sure)
            if found and rank > best[0]:
                best = rank, output, found
            if rank == silent.EVERY:
                break
        _, loop.output, found = best
        yield from (one if loop.output == known else replace(one, doubtful=True) for one in found)
    else:
        yield _reading(loop, lambda x, y: loop.losses_at(x, y)[name], name, dialect)


def _reading(
    loop: Loop, value: Callable[[Array, Array], float], loss: str, dialect: Callable[[list[Place]], str]
) -> Reading:
    """A loop as a reading."""
    step, gradients = (None, loop.gradients) if loop.adapted else (loop.step, None)
    whole = loop.step if loop.adapted else None
    subject = Subject(loop.parameters, value, step, gradients, loop.features, loop.classes, None, whole,
                      loop.begin_again)  # fmt: skip
    first, last = loop.cut.lines
    where = f"loop in {loop.cut.scope.name}" if loop.cut.scope.name else "loop"
    facts = {
        "parameters": ", ".join(loop.parameters()),
        "loss": loss if not loss.startswith("_loss_") else "the value that the loop shows",
        "update": f"{where}, lines {first}-{last}",
        "labels": loop.form.told,
    }
    if loop.adapted:
        facts["backward"] = "the gradients by their names, for an optimizer scales them before the update"
    if names := loop.put_aside():
        facts["put_aside"] = ", ".join(names)
    return Reading(subject, dialect(loop.places), facts, _functions(loop))


def _functions(loop: Loop) -> dict[str, Any]:
    """What takes part, by role: functions of the file that the loop calls, else the lines of the loop themselves."""
    found: dict[str, Any] = {}
    for kind, pattern in CALLED.items():
        for n in (n for one in loop.kept for n in ast.walk(one)):
            if not isinstance(n, ast.Call):
                continue
            called = resolver(loop.namespace | loop.state)(n.func)
            if isinstance(called, types.FunctionType | types.MethodType) and pattern.search(called.__name__.lower()):
                found.setdefault(kind, called)
    roots = {place.root for place in loop.places}
    for one in (n for s in loop.kept for n in ast.walk(s)):
        if isinstance(one, ast.AugAssign | ast.Assign):
            names = stores(one) | reads(one.target if isinstance(one, ast.AugAssign) else one.targets[0])
            if names & roots:
                found.setdefault("update", _lines(loop, one))
            elif any((n[:1] == "d" and len(n) > 1) or "delta" in n or "grad" in n for n in names):
                found.setdefault("backward", _lines(loop, one))
            elif any(is_loss(n) for n in names):
                found.setdefault("loss", _lines(loop, one))
    found.setdefault("step", _lines(loop, None))
    return found


def _lines(loop: Loop, one: ast.stmt | None) -> Any:
    """Something with a `__code__` that points at a line of the loop, as a function's does."""
    line = loop.cut.lines[0] if one is None else one.lineno
    code = loop.code.replace(
        co_firstlineno=line, co_filename=str(loop.namespace.get("__file__", "<audit>")), co_name="training loop"
    )
    return types.FunctionType(code, {})
