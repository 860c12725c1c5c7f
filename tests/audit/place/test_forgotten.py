"""What is missing leaves no number: the line of a list that is too short, and of a backward without a reset."""

from __future__ import annotations

import ast
from types import SimpleNamespace
from typing import Any

import pytest

from handgrad.audit.findings import Finding
from handgrad.audit.place.forgotten import forgotten
from handgrad.audit.place.handing import passing_over

MATRICES = (SimpleNamespace(weight="W1", bias="b1"), SimpleNamespace(weight="W2", bias="b2"))


def looked_at(text: str, dialect: str = "modules") -> Any:
    return SimpleNamespace(
        program=SimpleNamespace(tree=ast.parse(text)),
        reading=SimpleNamespace(dialect=dialect, subject=SimpleNamespace(parameters=dict)),
        diagnosis=SimpleNamespace(identity=SimpleNamespace(matrices=MATRICES)),
    )


NEVER = [
    ("def parameters(self):\n    return [self.W]\n", ("b1", "b2"), 2),
    ("def parameters(self):\n    return [(self.W, self.dW), (self.b, self.db)]\n", ("b1", "b2"), None),
    ("def get_params(self):\n    for one in self.layers[1:]:\n        yield from one.get_params()\n", ("W1", "b1"), 2),
    ("def parameters(self):\n    return [p for k, p in self.all.items() if k == 'W']\n", ("b1", "b2"), 2),
    ("x = 1\nmodel.params = [p for one in layers[:-1] for p in one.params]\n", ("W2", "b2"), 2),
    ("x = 1\nmodel.params = [p for one in layers for p in one.params]\n", ("W2", "b2"), None),
    ("def __init__(self, layers):\n    self.pairs = [(l.w, l.dw) for l in layers]\n", ("b1", "b2"), 2),
    ("def __init__(self):\n    self.v = [np.zeros(w.shape) for w in self.weights[1:]]\n", ("b1", "b2"), None),
    ("np.add(w, -lr * dw)\n", ("W1", "b1"), 1),
    ("np.add(w, -lr * dw, out=w)\n", ("W1", "b1"), None),
    ("self.weights = [make(n, m) for n, m in zip(sizes[:-1], sizes[1:])]\n", ("W2", "b2"), None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "where", "line"), NEVER)
def test_a_list_that_leaves_parameters_out_has_the_line(text: str, where: tuple[str, ...], line: int | None) -> None:
    assert forgotten(looked_at(text), Finding("never-updated", "error", where)) == line


def test_a_backward_without_a_reset_has_the_line_among_scalars_only() -> None:
    text = "for k in range(9):\n    loss = total(model)\n    loss.backward()\n"
    finding = Finding("never-reset", "error", ("W1",))
    assert forgotten(looked_at(text, "scalars"), finding) == 3
    assert forgotten(looked_at(text), finding) is None


LOOPS = [
    ("for p, g in zip(weights[::2], grads[::2]):\n    p -= lr * g\n", 2, [1]),
    ("for name, p in params.items():\n    if name.startswith('b'):\n        continue\n    p -= lr * g[name]\n", 4, [2]),
    ("for layer in layers:\n    if not hasattr(layer, 'W'):\n        continue\n    layer.W -= lr * layer.dW\n", 4, []),
    ("for layer in layers[::-1]:\n    layer.W -= lr * layer.dW\n", 2, []),
    ("for k in (k for k in params if k != 'b'):\n    params[k] -= lr * g[k]\n", 2, [1]),
    ("w -= lr * dw\n", 1, []),
]  # fmt: skip


@pytest.mark.parametrize(("text", "update", "lines"), LOOPS)
def test_a_loop_that_passes_some_over_has_the_line(text: str, update: int, lines: list[int]) -> None:
    assert list(passing_over(ast.parse(text), update)) == lines
