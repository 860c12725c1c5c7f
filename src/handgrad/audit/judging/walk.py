"""A walk: one forward pass through our own twin of somebody's network, with every number on the way.

What the true gradients are, and what any known mistake would make of them, is computed from these numbers.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import cached_property

from handgrad.audit.judging.identify import Identity, Matrix, targets
from handgrad.core.arrays import Array
from handgrad.core.layers import Layer, Linear


@dataclass(frozen=True)
class Case:
    """An identified network with its parameters, and a batch.

    Attributes:
        identity: the network.
        parameters: under the subject's names.
        x: rows (B, features).
        y: whole-number labels (B,).
        masks: what a dropout multiplies the input of each layer by (B, inputs), None where there is none; () for no
            dropout at all.
    """

    identity: Identity
    parameters: dict[str, Array]
    x: Array
    y: Array
    masks: tuple[Array | None, ...] = ()

    @cached_property
    def walk(self) -> Walk:
        """The forward pass of this batch."""
        net = self.identity.net(self.parameters)
        stages: list[Stage] = []
        x = self.identity.scaled(self.x)
        layers = [*net.layers, None]
        for layer, after in zip(layers, [*layers[1:], None], strict=True):
            if isinstance(layer, Linear):
                bend = None if after is None or isinstance(after, Linear) else after
                mask = self.masks[len(stages)] if self.masks else None
                x = x if mask is None else x * mask
                z = layer(x)
                y = z if bend is None else bend(z)
                stages.append(Stage(self.identity.matrices[len(stages)], layer.W, x, z, y, bend, mask))
                x = y
        rows, classes = x.shape
        return Walk(self.identity, tuple(stages), targets(self.y, classes), self.identity.divide_by(rows, classes))


@dataclass(frozen=True)
class Stage:
    """A linear layer and the activation behind it.

    Attributes:
        matrix: the names of its parameters.
        W: its weights (inputs, outputs).
        x: what goes in (B, inputs), behind the dropout.
        z: x @ W + b (B, outputs).
        y: what comes out of the activation.
        bend: the activation; None for none.
        mask: what a dropout multiplied the input by (B, inputs); None for none.
    """

    matrix: Matrix
    W: Array
    x: Array
    z: Array
    y: Array
    bend: Layer | None
    mask: Array | None = None

    def down(self, delta: Array) -> Array:
        """dL/dy of the layer below, from dL/dz of this one."""
        dx = delta @ self.W.T
        return dx if self.mask is None else dx * self.mask

    def back(self, dy: Array, at: Array | None = None) -> Array:
        """dy through the activation's derivative at z, or somewhere else."""
        if self.bend is None:
            return dy
        layer = copy.copy(self.bend)
        layer(self.z if at is None else at)
        return layer.backward(dy)


@dataclass(frozen=True)
class Walk:
    """One forward pass.

    Attributes:
        identity: the network.
        stages: its layers, from the input up.
        t: one-hot targets (B, C).
        divisor: what the loss divides its sum by.
    """

    identity: Identity
    stages: tuple[Stage, ...]
    t: Array
    divisor: float

    @property
    def output(self) -> Array:
        """Of the last layer (B, C)."""
        return self.stages[-1].y

    @property
    def by_output(self) -> Array:
        """The derivative of the reported loss by the output."""
        if self.identity.loss == "cross-entropy":
            by_output = -self.t / self.output
        elif self.identity.loss == "binary cross-entropy":
            by_output = (self.output - self.t) / (self.output * (1 - self.output))
        else:
            by_output = 2 * (self.output - self.t)
        return by_output / self.divisor

    def deltas(self) -> list[Array]:
        """dL/dz of every layer, from the input up: the true ones."""
        last = self.stages[-1]
        found = [last.back(self.by_output)]
        for stage, above in zip(self.stages[-2::-1], self.stages[:0:-1], strict=True):
            found.append(stage.back(above.down(found[-1])))
        return found[::-1]


def true_gradient(case: Case) -> dict[str, Array]:
    """The derivative of the reported loss, under the names of the subject's parameters and in their layout."""
    found: dict[str, Array] = {}
    for stage, delta in zip(case.walk.stages, case.walk.deltas(), strict=True):
        dW = stage.x.T @ delta
        found[stage.matrix.weight] = dW.T if stage.matrix.transposed else dW
        if stage.matrix.bias is not None:
            found[stage.matrix.bias] = delta.sum(axis=0).reshape(case.parameters[stage.matrix.bias].shape)
    penalty = case.identity.penalty
    if penalty is not None:
        found = {name: dW + penalty.slope(name, case.parameters, len(case.x)) for name, dW in found.items()}
    return found
