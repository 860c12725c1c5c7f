"""Whole step: whom a program's own update moves, and which way, where its gradients are right."""

from __future__ import annotations

import ast
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from handgrad.audit.dialects import Reading
from handgrad.audit.inspection import Inspection
from handgrad.audit.judging.diagnose import Diagnosis
from handgrad.audit.optimizing.downhill import goes_down
from handgrad.audit.optimizing.whole_step import check_whole_step
from handgrad.audit.subject import Subject
from handgrad.core.arrays import Array

TEXT = "def update(net, lr):\n    for p, g in net.pairs():\n        p -= lr * g\n"


def inspected(rates: dict[str, float]) -> Inspection:
    """Weights and bias of a line, moved by signs of their gradients, each with a rate of its own."""
    held = {"W": np.ones((4, 1)), "b": np.zeros(1)}

    def gradients(x: Array, y: Array) -> dict[str, Array]:
        off = x @ held["W"] + held["b"] - np.reshape(y, (-1, 1))
        return {"W": x.T @ off / len(x), "b": off.mean(axis=0)}

    def whole(x: Array, y: Array, lr: float) -> None:
        for name, slope in gradients(x, y).items():
            held[name] -= lr * rates[name] * np.sign(slope)

    def loss(x: Array, y: Array) -> float:
        return float(0.5 * np.mean((x @ held["W"] + held["b"] - np.reshape(y, (-1, 1))) ** 2))

    subject = Subject(lambda: held, loss, None, gradients, 4, 1, None, whole)
    program: Any = SimpleNamespace(tree=ast.parse(TEXT), filename="net.py")
    diagnosis = Diagnosis(None, 2, (), 0.0, frozenset({"W", "b"}))
    return Inspection(program, {}, Reading(subject, "modules", {}, {}), diagnosis)


@pytest.mark.parametrize(
    ("rates", "said"),
    [
        ({"W": 1.0, "b": 0.5}, []),
        ({"W": 1.0, "b": 0.0}, [("never-updated", ("b",), 3)]),
        ({"W": -1.0, "b": -1.0}, [("sign-flipped", ("W", "b"), 3)]),
        ({"W": 0.0, "b": 0.0}, []),  # what ran was no update
    ],
)
def test_what_an_update_does_with_right_gradients(rates: dict[str, float], said: list[Any]) -> None:
    inspection = inspected(rates)
    before = inspection.reading.subject.snapshot()
    assert [(one.code, one.where, one.line) for one in check_whole_step(inspection)] == said
    after = inspection.reading.subject.snapshot()
    assert all(np.array_equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize(("w", "b", "down"), [(1.0, 1.0, True), (-1.0, -1.0, False), (1.0, -0.1, False)])
def test_whether_a_step_goes_down(w: float, b: float, *, down: bool) -> None:
    inspection = inspected({"W": w, "b": b})
    before = inspection.reading.subject.snapshot()
    assert goes_down(inspection, ("W", "b")) is down
    after = inspection.reading.subject.snapshot()
    assert all(np.array_equal(before[name], after[name]) for name in before)
