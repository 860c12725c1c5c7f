"""Lines that no number tells: of a penalty that a gradient leaves out, and of a batch size written as a number."""

from __future__ import annotations

import ast
from types import SimpleNamespace
from typing import Any

import pytest

from handgrad.audit.findings import Finding
from handgrad.audit.place.fixed_batch import fixed_batch_line
from handgrad.audit.place.penalty_lines import penalty_line

CODE = """
size = 50
def loss(p, t, w):
    return ((p - t) ** 2).sum() / len(t) + 0.1 * (w ** 2).sum() / 2
def backward(x, h, d, W2):
    dW2 = h.T @ d
    db2 = d.sum(axis=0)
    d = d @ W2.T
    dW1 = x.T @ d
    db1 = d.sum(axis=0) / DIVISOR
    return dW1, db1, dW2, db2
"""


def _inspection(text: str) -> Any:
    namespace: dict[str, Any] = {}
    exec(compile(text, "net.py", "exec"), namespace)
    program = SimpleNamespace(tree=ast.parse(text), filename="net.py")
    subject = SimpleNamespace(classes=3)
    functions = {"backward": namespace["backward"]}
    return SimpleNamespace(program=program, reading=SimpleNamespace(functions=functions, subject=subject))


@pytest.mark.parametrize(("where", "line"), [(("W1",), 9), (("params['W2']",), 6), (("W1", "W2"), 9), (("b7",), None)])
def test_a_penalty_is_missing_where_the_gradient_is_made(where: tuple[str, ...], line: int | None) -> None:
    finding = Finding("penalty-missing", "error", where, {}, {})
    assert penalty_line(_inspection(CODE), finding) == line


@pytest.mark.parametrize(
    ("divisor", "line"), [("50", 10), ("size", 10), ("10", 10), ("150", 10), ("len(d)", None), ("51", None)]
)
def test_the_number_tells_the_line(divisor: str, line: int | None) -> None:
    finding = Finding("batch-dependent-factor", "warning", ("b1",), {"factor": 8 / 50, "rows": 8}, {"factor": 1.0})
    assert fixed_batch_line(_inspection(CODE.replace("DIVISOR", divisor)), finding) == line


def test_a_size_that_a_function_fixes_under_a_name_is_wrong_where_it_has_it() -> None:
    text = CODE.replace("    dW2 = h", "    m = 60\n    dW2 = h").replace("DIVISOR", "m")
    finding = Finding("batch-dependent-factor", "warning", ("b1",), {"factor": 8 / 60, "rows": 8}, {"factor": 1.0})
    assert fixed_batch_line(_inspection(text), finding) == 6


def test_how_far_apart_weights_are_drawn_is_no_mean_over_a_batch() -> None:
    text = """
def weights(rng):
    return rng.normal(0, (2.0 / 50) ** 0.5, (50, 4)) * np.sqrt(1 / 50)
""" + CODE.replace("DIVISOR", "50")
    finding = Finding("batch-dependent-factor", "warning", ("b1",), {"factor": 8 / 50, "rows": 8}, {"factor": 1.0})
    assert fixed_batch_line(_inspection(text), finding) == 13


SHARES = """
def backward(x, h, d, W2, W1, b2):
    loss = np.mean(d ** 2) + 0.5 * reg * np.sum(W2 ** 2)
    dW2 = h.T @ d + reg * W2
    db2 = d.sum(axis=0) + reg * b2
    grads = {}
    for key in ("W1", "b1"):
        grads[key] += l2 * params[key]
    for key in ("W3", "b3"):
        grads[key] = grads[key] + 1e-3 * getattr(self, key)
    return dW2, db2, grads
"""


@pytest.mark.parametrize(
    ("code", "where", "line"),
    [
        ("weight-decay", ("b2",), 5),
        ("penalty-scaled", ("W2",), 4),
        ("penalty-scaled", ("layers[0].W2",), 4),
        ("weight-decay-sign", ("W1",), 8),
        ("weight-decay", ("b1",), 8),
        ("weight-decay", ("b3",), 10),
        ("weight-decay", ("b7",), 4),
    ],
)
def test_a_share_of_the_weights_is_told_where_it_is_added(code: str, where: tuple[str, ...], line: int) -> None:
    assert penalty_line(_inspection(SHARES), Finding(code, "error", where, {}, {})) == line
