"""Rows and labels of one archive, by their keys: only rows can be on a scale."""

from __future__ import annotations

import ast
from types import SimpleNamespace
from typing import Any

import pytest

from handgrad.audit.properties.feeding import fed_differently

CODE = """
def fit(x, y):
    pass

def accuracy(x, y):
    pass

d = np.load("mnist.npz")
fit(d["TRAIN"].reshape(-1, 784) / 255.0, d["LABELS"])
accuracy(d["TEST"].reshape(-1, 784)SCALE, d["LABELS_TEST"])
"""


@pytest.mark.parametrize(("scale", "codes"), [(" / 255.0", []), ("", ["test-scaled-differently"])])
@pytest.mark.parametrize(
    "keys", [("x_train", "y_train", "x_test", "y_test"), ("X", "y", "X_test", "y_test"), ("x", "t", "x_val", "t_val")]
)
def test_only_rows_are_on_a_scale(scale: str, codes: list[str], keys: tuple[str, ...]) -> None:
    text = CODE.replace("SCALE", scale)
    for name, key in zip(("TRAIN", "LABELS_TEST", "TEST", "LABELS"), (keys[0], keys[3], keys[2], keys[1]), strict=True):
        text = text.replace(f'"{name}"', f'"{key}"')
    inspection: Any = SimpleNamespace(program=SimpleNamespace(tree=ast.parse(text), filename="net.py"))
    assert [finding.code for finding in fed_differently(inspection)] == codes
