"""A way back that is a function within a function, and writes into what it is given, is read."""

from __future__ import annotations

import ast
from textwrap import dedent
from types import SimpleNamespace
from typing import Any

import pytest

from handgrad.audit.properties.callbacks import edited_in_place

RELU = """
def relu():
    def forward(X):
        keep = X > 0
        def back(dY):
            {line}
            return dY
        return X * keep, back
    return forward
"""


def inspected(text: str) -> Any:
    return SimpleNamespace(program=SimpleNamespace(tree=ast.parse(dedent(text).lstrip("\n")), filename="net.py"))


@pytest.mark.parametrize(("line", "said"), [
    ("dY *= keep", True),
    ("dY[~keep] = 0", True),
    ("np.multiply(dY, keep, out=dY)", True),
    ("dY = dY * keep", False),
    ("dY = dY.copy(); dY *= keep", False),
    ("total[0] += dY.sum()", False),
])  # fmt: skip
def test_a_gradient_that_is_written_into(line: str, said: bool) -> None:
    found = [(one.code, one.severity, one.line) for one in edited_in_place(inspected(RELU.format(line=line)))]
    assert found == ([("gradient-edited-in-place", "note", 5)] if said else [])
