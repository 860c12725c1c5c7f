"""Losses: a value beside its gradient, in every form of prediction and labels that somebody's loss takes."""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import FunctionType
from typing import Any

import numpy as np

from handgrad.audit.dialects.calling import needed, roles
from handgrad.audit.dialects.cast import losses
from handgrad.audit.dialects.chain import DOWN, attribute
from handgrad.audit.dialects.making import made_with_halves
from handgrad.audit.objects import is_own, own_classes, own_functions, to_float64
from handgrad.audit.pieces.complaint import Complaint
from handgrad.audit.pieces.lists import as_array
from handgrad.audit.pieces.loss_slips import is_multiple, named
from handgrad.audit.pieces.softmaxes import softmax
from handgrad.audit.pieces.trial import like
from handgrad.core.arrays import Array

ROWS, CLASSES = 5, 4
SHORT, LONG = 1e-5, 2e-3  # steps over which a slope is measured, in double and in single precision
ROUNDED = 1e-13  # relative: a change of the value that is none
EXACT, BLURRED = 1e-3, 1e-2  # relative: how well it is known then
_SLOPE = re.compile(r"prime|grad|deriv|backward|delta|diff|dloss", re.IGNORECASE)
FLAG = re.compile(r"deriv|prime|grad|^der$|^d$|diff|back", re.IGNORECASE)
_LABELS = np.array([3, 0, 2, 1, 3])


@dataclass(frozen=True)
class LossUnit:
    """A loss that can be tried.

    Attributes:
        name: for people.
        value: the function of the user's for the value.
        slope: the one for the gradient; None where value gives both.
        thing: the object that both are of.
        which: of several single numbers that come back the place of the value; an accuracy may stand before it.
    """

    name: str
    value: Callable[..., Any]
    slope: Callable[..., Any] | None
    thing: Any = None
    which: int = 0

    @property
    def at_fault(self) -> Callable[..., Any]:
        """The function that its gradient is in; a flag asks the one for the value for it."""
        return self.value if self.slope is None or isinstance(self.slope, partial) else self.slope

    def run(self, prediction: Array, target: Array) -> tuple[float, Array | None]:
        """(value, gradient) of a copy."""
        value, slope, thing = self.value, self.slope, self.thing
        if thing is not None:
            thing = copy.deepcopy(thing)
            to_float64(thing)
            value = getattr(thing, value.__name__)
            slope = None if slope is None else getattr(thing, slope.__name__)
        found = value(**_both(value, prediction.copy(), target.copy()))
        gradient = None
        if isinstance(found, tuple):
            gradient = next((one for one in found if isinstance(one, np.ndarray) and one.ndim), None)
            found = [one for one in found if np.ndim(one) == 0][self.which]
        if np.ndim(found) > 0:
            found = np.sum(found)
        if slope is not None:
            given = slope(**_down(slope, prediction.copy(), target.copy()))
            given = attribute(thing, DOWN) if given is None else given
            given = as_array(given[0] if isinstance(given, tuple) else given)
            gradient = given if isinstance(given, np.ndarray) else None
        return float(found), gradient


def _both(function: Callable[..., Any], prediction: Array, target: Array) -> dict[str, Any]:
    """Prediction and target by name; in this order where the names do not tell."""
    asked = needed(function) or []
    if len(asked) != 2:
        raise TypeError(function)
    first, second = (_is_target(name) for name in asked)
    turned = first and (not second or (_may_be_output(asked[1]) and not _may_be_output(asked[0])))
    return dict(zip(asked, (target, prediction) if turned else (prediction, target), strict=True))


def _is_target(name: str) -> bool:
    found = roles(name)
    return name in ("t", "y_true", "target") or (bool(found) and found[0] == "y")


def _prediction_and_labels(asked: list[str]) -> bool:
    """Whether two names are those of a prediction and of labels, in either order: `outputs` beside `targets` too."""
    said = sum(map(_is_target, asked))
    return len(asked) == 2 and (said == 1 or (said == 2 and sum(map(_may_be_output, asked)) == 1))


def _may_be_output(name: str) -> bool:
    """Whether a name of labels is one of predictions as well, beside labels with a clearer name."""
    return name == "y" or "pred" in roles(name)


def _down(function: Callable[..., Any], prediction: Array, target: Array) -> dict[str, Any]:
    asked = needed(function) or []
    if len(asked) == 2:
        return _both(function, prediction, target)
    if len(asked) == 1:
        return {asked[0]: 1.0}
    if asked:
        raise TypeError(function)
    return {}


def loss_units(namespace: Mapping[str, Any], things: list[Any]) -> Iterator[LossUnit]:
    """The losses of a file that have a gradient: with a derivative beside them, or given together with it."""
    seen: set[Any] = set()
    named = dict(namespace) | {f"part {i}": thing for i, thing in enumerate(things)}
    have = {type(thing) for thing in things}
    named |= {
        f"new {name}": made_with_halves(kind) for name, kind in own_classes(namespace).items() if kind not in have
    }
    for loss in losses(named, None):
        slope = loss.slope
        if loss.thing is not None and slope is None:
            continue
        both = slope is None and isinstance(loss.value, FunctionType) and "return" in _source(loss.value)
        key = (_plain(loss.value), _plain(slope))
        if key in seen or (slope is None and not both):
            continue
        seen.add(key)
        thing = loss.thing
        if thing is None and inspect.ismethod(loss.value):
            continue
        yield LossUnit(type(thing).__name__ if thing is not None else loss.name, loss.value, slope, thing)
    for unit in (*_by_arguments(named), *_by_flag(namespace)):
        if (key := (_plain(unit.value), _plain(unit.slope))) not in seen:
            seen.add(key)
            yield unit


def _by_arguments(named: Mapping[str, Any]) -> Iterator[LossUnit]:
    """Objects of which two methods take a prediction and labels, and the name of one says that it is a derivative."""
    for thing in named.values():
        if not is_own(thing):
            continue
        both = {name: f for name in dir(type(thing)) if (f := _of_labels(thing, name)) is not None}
        slope = next((f for name, f in both.items() if _SLOPE.search(name)), None)
        value = next((f for name, f in both.items() if f is not slope and not _SLOPE.search(name)), None)
        if slope is not None and value is not None:
            yield LossUnit(type(thing).__name__, value, slope, thing)


def _of_labels(thing: Any, name: str) -> Callable[..., Any] | None:
    """A method that needs two things, of which one is called as labels are."""
    if name.startswith("_") and name != "__call__":
        return None
    found = getattr(thing, name, None)
    asked = (needed(found) or []) if inspect.ismethod(found) or isinstance(found, FunctionType) else []
    return found if _prediction_and_labels(asked) else None


def _by_flag(namespace: Mapping[str, Any]) -> Iterator[LossUnit]:
    """Functions of a prediction and labels that give their derivative where a flag says so."""
    for name, function in own_functions(namespace).items():
        asked = needed(function) or []
        flags = [
            one.name
            for one in inspect.signature(function).parameters.values()
            if one.default is False and FLAG.search(one.name)
        ]
        if _prediction_and_labels(asked) and len(flags) == 1:
            yield LossUnit(name, function, partial(function, **{flags[0]: True}))


def _source(function: Any) -> str:
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        return ""


def _plain(function: Any) -> Any:
    return getattr(function, "__func__", function)


@dataclass(frozen=True)
class Form:
    """One form of a batch: what the prediction is, and how labels lie."""

    scores: bool
    prediction: Array
    target: Array
    hot: Array  # labels in the shape of the prediction
    axis: int = -1  # along which the classes lie


def forms() -> Iterator[Form]:
    """Probabilities first, then scores; one-hot, whole numbers, columns, single outputs."""
    rng = np.random.default_rng(21)
    z = rng.standard_normal((ROWS, CLASSES))
    hot = np.eye(CLASSES)[_LABELS]
    one = rng.standard_normal((ROWS, 1))
    bit = (_LABELS % 2).reshape(-1, 1).astype(np.float64)
    for scores in (False, True):
        p = z if scores else softmax(z, 1)
        q = one if scores else 1 / (1 + np.exp(-one))
        yield Form(scores, p, hot, hot)
        yield Form(scores, p, _LABELS, hot)
        yield Form(scores, np.ascontiguousarray(p.T), np.ascontiguousarray(hot.T), np.ascontiguousarray(hot.T), 0)
        yield Form(scores, q, bit, bit)
        yield Form(scores, q.reshape(-1), bit.reshape(-1), bit.reshape(-1))
        yield Form(scores, p[0], hot[0], hot[0])


@dataclass(frozen=True)
class LossVerdict:
    """What became of one loss.

    Attributes:
        right: it is its value's gradient, but for a factor.
        fused: it is prediction minus labels, which another piece may make right.
        factor: the factor, where it is right but for one.
        rows: of the batch that it was tried on.
        complaint: what it is instead.
    """

    right: bool
    fused: bool = False
    factor: float = 1.0
    rows: int = ROWS
    complaint: Complaint | None = None


def judge(unit: LossUnit) -> LossVerdict | None:
    """The loss in the form in which it is least wrong; None where it runs in none."""
    return _in_some_form(unit) or _in_some_form(replace(unit, which=1))


def _in_some_form(unit: LossUnit) -> LossVerdict | None:
    wrong: list[LossVerdict] = []
    for form in forms():
        try:
            found = _judged(unit, form)
        except Exception:  # it takes another form
            continue
        if found is not None and found.right:
            return found
        wrong += [found] if found is not None else []
    fused = any(one.fused for one in wrong)
    named = [one for one in wrong if one.complaint is not None and one.complaint.code != "loss-gradient-wrong"]
    return replace((named or wrong)[0], fused=fused) if wrong else None


def averages(unit: LossUnit) -> bool | None:
    """Whether a loss whose gradient is its value's averages over the batch; None where that cannot be told."""
    for form in forms():
        if form.axis == 0 or form.prediction.ndim != 2:
            continue
        try:
            found = _judged(unit, form)
            if found is None or not found.right or not np.isclose(found.factor, 1.0, rtol=1e-3):
                continue
            once = unit.run(form.prediction, form.target)[1]
            twice = unit.run(np.repeat(form.prediction, 2, axis=0), np.repeat(form.target, 2, axis=0))[1]
        except Exception:  # it takes another form
            continue
        if once is not None and twice is not None and twice.shape[0] == 2 * once.shape[0]:
            return like(twice[::2], once / 2)
    return None


def _judged(unit: LossUnit, form: Form) -> LossVerdict | None:
    value, gradient = unit.run(form.prediction, form.target)
    if gradient is None or gradient.shape != form.prediction.shape or not np.isfinite(value):
        return None
    if not np.isfinite(gradient).all():
        return None
    true, exact = _numeric(unit, form)
    size = float(np.vdot(true, true))
    if not np.isfinite(size) or np.sqrt(size) * SHORT <= ROUNDED * max(abs(value), 1.0):  # of one class, for instance
        return None
    k = float(np.vdot(gradient, true)) / size
    if k > 0 and like(gradient, k * true, exact):
        return LossVerdict(True, factor=k, rows=len(form.prediction))
    p = form.prediction
    shifts = bool(np.isclose(unit.run(p + 0.75, form.target)[0], value, rtol=1e-9))  # only differences count
    handed = unit.slope is not None and len(needed(unit.slope) or []) == 2  # it may be handed the probabilities
    difference = p - form.hot
    fused = [difference] if not form.scores and (handed or not shifts) else []
    fused += [difference * p * (1 - p), difference * (1 - p * p)]
    complaint = named(p, form.hot, form.axis, gradient, true, unit.at_fault, scores=shifts)
    if shifts and not handed:
        complaint = replace(complaint, convention=complaint.convention.removeprefix("pairing"))
    return LossVerdict(False, any(is_multiple(gradient, one) for one in fused), rows=len(p), complaint=complaint)


def _numeric(unit: LossUnit, form: Form) -> tuple[Array, float]:
    """(slopes of the value, how well they are known). Where short steps of two lengths give other slopes, the value is
    rounded, as in single precision, and longer ones are taken.
    """

    def over(length: float) -> Array:
        found = np.zeros(form.prediction.shape)
        for i in np.ndindex(found.shape):
            step = np.zeros(found.shape)
            step[i] = length
            up, down = (unit.run(form.prediction + one, form.target)[0] for one in (step, -step))
            found[i] = (up - down) / (2 * length)
        return found

    short = over(SHORT)
    return (short, EXACT) if like(over(2 * SHORT), short, EXACT / 100) else (over(LONG), BLURRED)
