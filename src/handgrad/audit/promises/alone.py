"""A layer alone: an object with forward and backward, held against the numeric derivative and the promises of a layer.

An average over the batch within a layer is a convention, if the loss does not average again; it is noted, not blamed.
"""

from __future__ import annotations

import contextlib
import copy
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from handgrad.audit.dialects.calling import BACKWARD, FORWARD, method, needed
from handgrad.audit.dialects.chain import DOWN, attribute
from handgrad.audit.findings import Finding, worst_first
from handgrad.audit.judging.numeric import compare
from handgrad.audit.memory.live import file_of
from handgrad.audit.memory.named_gradients import gradients_by_name
from handgrad.audit.memory.restoring import untouched
from handgrad.audit.objects import slots, to_float64
from handgrad.audit.promises.layers import Trial, fresh, pure
from handgrad.audit.promises.verdict import TOLERANCE, broken, examine
from handgrad.audit.report import Report
from handgrad.core.arrays import Array
from handgrad.core.layers.base import Layer, named_parameters_of
from handgrad.core.params import Buffer, Parameter
from handgrad.errors import InputError
from handgrad.words import say

_ROWS, _DIRECTIONS = 5, 4


class LayerFinding(Finding):
    """A finding about a layer that no loss stands behind; its sentences are among the words of `testing`."""

    def cause(self, lang: str | None = None) -> str:
        """What is wrong, as a sentence."""
        return say(f"testing.{self.code}", lang, **self._values())

    def remedy(self, lang: str | None = None) -> str:
        """What to do about it."""
        return say(f"testing.{self.code}_remedy", lang, **self._values())


def is_layer(thing: Any) -> bool:
    """Whether a thing has a forward of one input and a backward of one gradient."""
    calls = method(thing, FORWARD), method(thing, BACKWARD)
    return not isinstance(thing, type) and all(call is not None and len(needed(call) or ()) == 1 for call in calls)


def audit_layer(layer: Any, x: Any = None) -> Report:
    """Hold a layer's gradients, by its input and by each of its parameters, against their numeric derivatives.

    Args:
        layer: with forward and backward. It stays as it is.
        x: a batch in the form that it takes; random numbers of a shape that its weights suggest where it is None.

    Raises: InputError where it cannot be run.
    """
    with untouched():  # random numbers to come
        return _audited(layer, x)


def _audited(layer: Any, x: Any) -> Report:
    began = time.perf_counter()
    subject = copy.deepcopy(layer)
    _widen(subject)
    plain, batch = _ready(subject, x, type(layer).__name__)
    trial = Trial(plain, batch)
    if not np.array_equal(*(trial.copy.forward(batch.copy()) for _ in range(2))):
        raise InputError("testing.layer_random", name=type(layer).__name__)
    found = list(_gradients(trial))
    verdicts = examine(trial, (pure,))
    if not found:  # right for the batch that it saw first; now for another one
        verdicts += examine(replace(trial, x=0.7 * batch[::-1] + 0.1), (fresh,))
    for code in broken(verdicts):
        spoilt = tuple(dict.fromkeys(verdict.where for verdict in verdicts if verdict.code == code and not verdict.ok))
        found.append(LayerFinding(f"layer_{code}", "error", spoilt))
    back = method(layer, BACKWARD)
    home, written = file_of(back), getattr(getattr(back, "__func__", back), "__code__", None)
    if home and written is not None:
        found = [replace(one, file=home, line=written.co_firstlineno) for one in found]
    checks = (len(plain.named_parameters()) + 1) * _DIRECTIONS + len(verdicts)
    ok = not any(finding.severity == "error" for finding in found)
    names = ", ".join(name for name, _ in plain.named_parameters())
    subject_facts = {"parameters": names} if names else {}
    facts = {"file": home or type(layer).__name__, "dialect": type(layer).__name__, "found": subject_facts}
    return Report(ok, facts, checks, worst_first(found), round(time.perf_counter() - began, 3))


class _Plain:
    """A layer of anybody's with what the promises ask for: forward, backward, named_parameters."""

    def __init__(self, layer: Any) -> None:
        self.layer = layer
        self.constant: set[str] = set()  # arrays that have a gradient, and on which the output does not depend

    def forward(self, x: Array) -> Any:
        """Its output, returned or left behind."""
        forward = method(self.layer, FORWARD)
        assert forward is not None
        np.random.seed(0)  # a dropout draws the same mask each time
        random.seed(0)
        found = forward(x)
        return found[0] if isinstance(found, tuple) else self.layer.output if found is None else found

    def backward(self, dy: Array) -> Any:
        """Its gradient by the input, returned or left behind."""
        back = method(self.layer, BACKWARD)
        assert back is not None
        found = back(dy)
        found = found[0] if isinstance(found, tuple) else found
        return attribute(self.layer, DOWN) if found is None else found

    def named_parameters(self) -> list[tuple[str, Any]]:
        """(name, (value, gradient)) of all that it learns, as far as it lists it or names tell."""
        return [(name, pair) for name, pair in self._pairs() if name not in self.constant]

    def _pairs(self) -> Iterator[tuple[str, Any]]:
        if hasattr(self.layer, "parameters"):
            with contextlib.suppress(Exception):  # parameters() may give something else than pairs
                listed = [(name, (pair[0], pair[1])) for name, pair in named_parameters_of(self.layer)]
                yield from listed
                return
        yield from gradients_by_name(self.layer)


def _widen(layer: Any) -> None:
    """Bring its arrays to float64."""
    if not isinstance(layer, Layer):
        to_float64(layer)
        return
    for _, parameter in layer.named_parameters():
        if isinstance(parameter, Parameter) and parameter.value.dtype != np.float64:
            parameter.move(Buffer(parameter.size, np.float64), 0)
    layer.train()


def _ready(layer: Any, x: Any, name: str) -> tuple[_Plain, Array]:
    """The layer, run once both ways and at a random point, and a batch for it."""
    plain, rng, reason = _Plain(layer), np.random.default_rng(0), ""
    for batch in _batches(layer, x, rng):
        try:
            y = np.asarray(plain.forward(batch.copy()))
            dx = plain.backward(np.asarray(rng.standard_normal(y.shape)))  # some gradients are only there afterwards
            if x is None and 1 in batch.shape and np.size(dx) > batch.size:
                raise ValueError(f"{batch.shape} is made wider")  # one number a row, that a layer of six repeats
        except Exception as error:  # it takes another form
            reason = reason or f"{type(error).__name__}: {error}"[:200]
            continue
        for _, (_, gradient) in plain.named_parameters():
            if isinstance(gradient, np.ndarray):
                gradient[...] = 0  # some add what comes, until a training loop sets them back
        for key, (value, _) in plain.named_parameters():
            before = copy.deepcopy(plain).forward(batch.copy())
            value += 0.3 * rng.standard_normal(value.shape)  # weights of zeros hide what depends on what
            if np.array_equal(copy.deepcopy(plain).forward(batch.copy()), before):
                plain.constant.add(key)  # x beside dx: kept for the way back, not learned
        return plain, batch
    raise InputError("testing.layer_fails", name=name, reason=reason)


def _batches(layer: Any, x: Any, rng: np.random.Generator) -> Iterator[Array]:
    if x is not None:
        yield np.array(x, np.float64)
        return
    values = [slot.get() for slot in slots(layer)]
    values += [pair[0] for _, pair in named_parameters_of(layer)] if isinstance(layer, Layer) else []
    sizes = [size for value in values if value.ndim == 2 for size in value.shape]
    sizes += [value.size for value in values if value.ndim == 1]
    for size in dict.fromkeys([*sizes, 6]):
        yield rng.standard_normal((_ROWS, size))
        yield rng.standard_normal((size, _ROWS))


class _Off(NamedTuple):
    """One gradient that is not the derivative: by what, of which kind, how many times the derivative, what is left."""

    name: str
    code: str
    factor: float
    residual: float


def _gradients(trial: Trial) -> Iterator[Finding]:
    """Of the gradients by the input and by each parameter those that are not the derivative; alike ones together."""
    dy, rows = trial.dy, len(trial.x)
    run = trial.copy
    run.forward(trial.x.copy())
    dx = run.backward(dy.copy())

    def by_input(x: Array) -> float:
        return float(np.vdot(trial.copy.forward(x), dy))

    found = [_judged("x", by_input, trial.x, dx, rows, trial.rng)]
    for i, (name, (value, gradient)) in enumerate(run.named_parameters()):

        def by_parameter(w: Array, i: int = i) -> float:
            layer = trial.copy
            layer.named_parameters()[i][1][0][...] = w
            return float(np.vdot(layer.forward(trial.x.copy()), dy))

        found.append(_judged(name, by_parameter, np.array(value), gradient, rows, trial.rng))
    alike: dict[tuple[str, float], list[_Off]] = {}
    for one in found:
        if one is not None:
            alike.setdefault((one.code, round(one.factor, 5) if one.code != "layer_wrong" else 0.0), []).append(one)
    for (code, _), off in alike.items():
        where = tuple(one.name for one in off)
        measured: dict[str, Any] = {"factor": off[0].factor, "rows": rows}
        if code == "layer_wrong":
            measured = {key: {one.name: getattr(one, key) for one in off} for key in ("factor", "residual")}
        severity = "note" if code == "layer_averaged" else "error"
        yield LayerFinding(code, severity, where, measured, {"factor": 1.0, "residual": 0.0})


def _judged(
    name: str, f: Callable[[Array], float], at: Array, gradient: Any, rows: int, rng: np.random.Generator
) -> _Off | None:
    if np.size(gradient) != at.size:
        return _Off(name, "layer_shape", 0.0, 1.0)
    gradient = np.reshape(gradient, at.shape)
    found = [compare(f, at, gradient, rng) for _ in range(_DIRECTIONS)]
    sure = [one for one in found if not one.kink and one.resolution < TOLERANCE]
    if not sure or max(one.relative for one in sure) <= TOLERANCE:
        return None
    analytic, numeric = (np.array([getattr(one, side) for one in sure]) for side in ("analytic", "numeric"))
    factor = float(analytic @ numeric / (numeric @ numeric)) if numeric.any() else 0.0
    size = float(np.linalg.norm(analytic))
    residual = float(np.linalg.norm(analytic - factor * numeric)) / size if size else 0.0
    if residual > 1e-5 or len(sure) == 1:
        return _Off(name, "layer_wrong", factor, residual)
    return _Off(name, "layer_averaged" if abs(factor * rows - 1) < 1e-5 else "layer_scaled", factor, residual)
