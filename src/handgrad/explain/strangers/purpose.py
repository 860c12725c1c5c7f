"""What a statement of somebody's code is for, where its numbers tell: a sum, the loss, a gradient, an update."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from handgrad.audit.place.right_numbers import factor_of
from handgrad.core.arrays import Array
from handgrad.explain.story import Sentence
from handgrad.explain.strangers.statements import Done

_BACK = re.compile(r"back|grad|bprop|delta", re.IGNORECASE)
_EXACT = 1e-6  # relative: gradients may be known only from what a step did


@dataclass(eq=False)
class Known:
    """What is known of a step.

    Attributes:
        parameters: by the file's names, before the step.
        gradients: theirs.
        loss: what the code reports.
        back: whether the way back has begun.
    """

    parameters: Mapping[str, Array]
    gradients: Mapping[str, Array]
    loss: float | None = None
    back: bool = field(default=False)

    def purpose(self, done: Done) -> Sentence | None:
        """In a sentence, or None. To be asked for one statement after the other."""
        if _BACK.search(done.function):
            self.back = True
        name = self.updated(done)
        if name:
            return Sentence("explain_file.for_update", {"name": name})
        result = np.asarray(done.result)
        if result.dtype.kind != "f":
            return None
        name = next((n for n, g in self.gradients.items() if _is(result, g)), "")
        if name:
            self.back = True
            return Sentence("explain_file.for_gradient", {"name": name})
        if self.loss and result.ndim == 0 and abs(float(result) - self.loss) <= 1e-9 * abs(self.loss):
            return Sentence("explain_file.for_loss")
        name = self._multiplied(done)
        if name:
            return Sentence("explain_file.for_back" if self.back else "explain_file.for_sums", {"name": name})
        return _reduced(done.node.value)

    def updated(self, done: Done) -> str:
        """The parameter that a statement gives its new value; empty for none."""
        node = done.node
        target = (
            node.target
            if isinstance(node, ast.AugAssign)
            else node.targets[0]
            if isinstance(node, ast.Assign)
            else None
        )
        held = done.operands.get(ast.unparse(target)) if target is not None else None
        return self._called(held) if held is not None else ""

    def _multiplied(self, done: Done) -> str:
        """The parameter that a matrix product of the statement is with."""
        for node in ast.walk(done.node):
            sides: list[ast.expr] = []
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
                sides = [node.left, node.right]
            elif (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in ("dot", "matmul")
            ):
                sides = [node.func.value, *node.args]
            for side in sides:
                plain = side.value if isinstance(side, ast.Attribute) and side.attr == "T" else side
                held = done.operands.get(ast.unparse(plain))
                if isinstance(held, np.ndarray) and held.ndim == 2 and (name := self._called(held)):
                    return name
        return ""

    def _called(self, held: Any) -> str:
        if not isinstance(held, np.ndarray) or (held == held.flat[0]).all():  # zeros may be anything
            return ""
        return next((n for n, p in self.parameters.items() if p.shape == held.shape and np.array_equal(p, held)), "")


def _is(result: Array, gradient: Array) -> bool:
    """Whether a result is a gradient, in whatever layout; one of zeros is none."""
    if result.size != gradient.size or result.size < 2 or not gradient.any():
        return False
    times = factor_of(result, np.asarray(gradient, np.float64), _EXACT)
    return times is not None and abs(times - 1) < _EXACT


def _reduced(value: ast.expr | None) -> Sentence | None:
    """What a mean or a variance runs over."""
    match value:
        case ast.Call(func=ast.Attribute(attr=("mean" | "var" | "std") as kind), keywords=keywords):
            axis = next(
                (k.value.value for k in keywords if k.arg == "axis" and isinstance(k.value, ast.Constant)), None
            )
            if axis in (0, 1, -1):
                return Sentence(f"explain_file.for_{'mean' if kind == 'mean' else 'spread'}_{0 if axis == 0 else 1}")
    return None
