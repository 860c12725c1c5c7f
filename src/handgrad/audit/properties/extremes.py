"""Extremes: what the file's loss gives where a network is very sure, and whether two predictions of a row agree."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np

from handgrad.audit.dialects.calling import FORWARD
from handgrad.audit.dialects.cast import models
from handgrad.audit.findings import Finding
from handgrad.audit.inspection import Inspection
from handgrad.audit.judging.identify import random_point
from handgrad.audit.objects import matrices, slots
from handgrad.audit.pieces.places import place
from handgrad.audit.place.dropped import masks
from handgrad.audit.properties.forward import batch, flat, scores
from handgrad.audit.properties.naming import last_name
from handgrad.audit.properties.places import found, line_in, line_of

_SCORES = (20, 50, 100, 300, 1000)
_ROWS, _CALLS = 64, 3  # of a prediction, which may be a class: a few units less seldom make it another one
_PREDICTS = re.compile(r"^(predict|infer|inference|classify|test|evaluate)(_proba|_batch|ion|_label|_labels|_class)?$")
_FLAG = re.compile(r"^(is_?)?train(ing|able)?(_?(flg|flag|mode|phase))?$")


def overflow(inspection: Inspection) -> list[Finding]:
    """The least score at which the reported loss is no number any more."""
    identity, subject = inspection.diagnosis.identity, inspection.reading.subject
    if identity is None or not flat(subject) or identity.loss == "squared error":
        return []
    x, y = batch(subject, 8, 6)
    saved = subject.snapshot()
    try:
        subject.restore(random_point(subject, np.random.default_rng(9)))
        top = float(np.abs(scores(identity).net(subject.snapshot())(x)).max())
        last = identity.matrices[-1]
        point = subject.snapshot()
        for score in _SCORES:
            scaled = {k: v * (score / top) if k in (last.weight, last.bias) else v for k, v in point.items()}
            subject.restore(scaled)
            loss = float(subject.loss(x, y))
            if not np.isfinite(loss):
                measured = {"score": score, "loss": str(loss)}
                return [found(inspection, "loss-overflows", "note", line_of(inspection, "loss", "step"), measured)]
    finally:
        subject.restore(saved)
    return []


def predicts_alike(inspection: Inspection) -> list[Finding]:
    """A prediction that differs from call to call for the same rows: dropout that is left on."""
    for model in islice(models(inspection.namespace), 2):
        for name, function, flag in _predictors(model):
            for x in _rows_for(model):
                try:
                    _to_test(model)
                    first, *more = (np.array(function(x.copy(), **flag), np.float64) for _ in range(_CALLS))
                except Exception:  # it takes another form
                    continue
                if not first.size or any(first.shape != one.shape for one in more) or not np.isfinite(first).all():
                    continue
                second = next((one for one in more if not np.allclose(first, one, rtol=1e-5, atol=1e-8)), first)
                if second is first:
                    break
                apart = float(np.abs(first - second).mean() / (np.abs(first).mean() or 1.0))
                measured = {"function": name, "apart": 100 * apart}
                file, line = inspection.program.filename, line_in(inspection, function.__func__)
                if line is None:  # it stands in a module of the user's own
                    file, line = place(inspection.program, function, "", call="|".join(FORWARD))
                else:
                    line = _runs_forward(inspection, line)
                told = found(inspection, "predicts-at-random", "warning", line, measured, {"apart": 0.0})
                return [replace(told, file=file)]
    return []


def _runs_forward(inspection: Inspection, line: int | None) -> int | None:
    """The line of a function that draws a mask, or else runs the network forward; its own where it says neither."""
    drawn, _ = masks(inspection.program.tree)
    for node in ast.walk(inspection.program.tree):
        if isinstance(node, ast.FunctionDef) and node.lineno == line:
            if inside := [one for one in drawn if node.lineno < one <= (node.end_lineno or 0)]:
                return inside[0]
            calls = (one for one in ast.walk(node) if isinstance(one, ast.Call) and last_name(one.func) in FORWARD)
            return min((one.lineno for one in calls), default=line)
    return line


def _predictors(model: Any) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Methods that take rows alone and say by their name, or by a flag, that they do not train."""
    for name in dir(type(model)):
        function = getattr(model, name, None)
        if not inspect.ismethod(function) or not (_PREDICTS.match(name) or name in ("forward", "__call__")):
            continue
        parameters = list(inspect.signature(function).parameters.values())
        needed = [p.name for p in parameters if p.default is p.empty]
        flags = [p.name for p in parameters if _FLAG.match(p.name.lower())]
        evaluating = bool(flags) or hasattr(model, "eval")
        if len([one for one in needed if one not in flags]) == 1 and (_PREDICTS.match(name) or evaluating):
            yield name, function, dict.fromkeys(flags, False)


def _to_test(model: Any) -> None:
    """What people call to leave training."""
    switch = getattr(model, "eval", None)
    if inspect.ismethod(switch) and not inspect.signature(switch).parameters:
        switch()


def _rows_for(model: Any) -> Iterator[Any]:
    """Samples as rows and as columns, of each size that the first matrix may take."""
    weights = matrices(list(slots(model)))
    rng = np.random.default_rng(4)
    for size in dict.fromkeys(weights[0].shape if weights else ()):
        x = rng.random((_ROWS, size))
        yield x
        yield np.ascontiguousarray(x.T)
