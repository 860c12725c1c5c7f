"""Updates that bind a name anew, or put a new array into a dictionary, are found by reading."""

from __future__ import annotations

import ast
from types import SimpleNamespace
from typing import Any

import pytest

from handgrad.audit.findings import Finding
from handgrad.audit.place.forgotten import forgotten

CODE = """
def update(params, grads, lr):
    for p, g in zip(params, grads):
        STEP
"""


@pytest.mark.parametrize(
    ("step", "line"),
    [
        ("p = p - lr * g", 4),
        ("p -= lr * g", None),
        ("params[p] = params[p] - lr * g", 4),
        ("p = p - lr * g; params[0] = p", None),
        ("p = p - lr * g; keep(p)", None),
    ],
)
def test_the_line_that_binds_anew(step: str, line: int | None) -> None:
    inspection: Any = SimpleNamespace(
        program=SimpleNamespace(tree=ast.parse(CODE.replace("STEP", step))),
        diagnosis=SimpleNamespace(identity=None),
        reading=SimpleNamespace(subject=SimpleNamespace(parameters=dict)),
    )
    assert forgotten(inspection, Finding("never-updated", "error", ("W1",), {}, {})) == line
