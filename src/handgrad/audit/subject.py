"""Subject: a network that somebody else wrote, seen through the few calls that every such network has.

Some float arrays are its parameters, there is a way to a loss, and a step changes the parameters. That is enough to
hold its gradients against the derivative of the very loss that it reports.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from handgrad.core.arrays import Array
from handgrad.errors import StateError


@dataclass(frozen=True)
class Subject:
    """The calls through which a network is audited.

    Attributes:
        parameters: name to live array, in the order of the layers; looked up afresh after each step.
        loss: the loss that the code reports for a batch.
        step: one training step on a batch with a learning rate, changing the parameters.
        gradients: the gradients that the code computes for a batch, by the names of the parameters.
        features: numbers a row.
        classes: how many classes there are; 1 for a single output.
        data: n rows and their labels for a seed, in the form that the code wants. Without it, batches are rows
            (B, features) in 0..1 and whole-number labels (B,).
        whole: the file's own step with its optimizer, where `gradients` stand in for it.
        afresh: puts the file's objects back as the file builds them: first weights, an optimizer that has seen nothing.

    One of `step` and `gradients` is needed.
    """

    parameters: Callable[[], Mapping[str, Array]]
    loss: Callable[[Any, Any], float]
    step: Callable[[Any, Any, float], None] | None = None
    gradients: Callable[[Any, Any], Mapping[str, Array]] | None = None
    features: int = 0
    classes: int = 0
    data: Callable[[int, int], tuple[Any, Any]] | None = None
    whole: Callable[[Any, Any, float], None] | None = None
    afresh: Callable[[], None] | None = None

    def snapshot(self) -> dict[str, Array]:
        """Copies of all parameters."""
        return {name: np.array(value) for name, value in self.parameters().items()}

    def restore(self, saved: Mapping[str, Array]) -> None:
        """Write saved values into the live arrays, which may be other ones than at the time of saving."""
        for name, value in self.parameters().items():
            value[...] = saved[name]

    def effective_gradient(self, x: Any, y: Any, lr: float) -> dict[str, Array]:
        """(theta before - theta after) / lr: what a step really does, whatever stands in the code. Restores theta."""
        if self.step is None:
            raise StateError("audit.no_step")
        before = self.snapshot()
        self.step(x, y, lr)
        after = self.snapshot()
        self.restore(before)
        return {name: (before[name] - after[name]) / lr for name in before}

    def gradient(self, x: Any, y: Any, lr: float = 0.125) -> dict[str, Array]:
        """The gradient that the code gives for a batch: its own, or else that of its step with this learning rate."""
        if self.gradients is None:
            return self.effective_gradient(x, y, lr)
        before = self.snapshot()
        found = {name: np.array(value) for name, value in self.gradients(x, y).items()}
        self.restore(before)  # some update their layers on the way back
        return found
