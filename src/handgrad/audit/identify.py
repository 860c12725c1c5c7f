"""Identification: which network is it? The net of our own layers that gives the same loss from the same weights.

Names in somebody's code prove nothing; numbers do. Every combination of activations, output and loss that people use is
tried on the subject's own parameters, at a random point where no two of them agree, and the one that gives the reported
loss is the network. From then on its true gradients, and those of any known mistake, can be computed beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from handgrad.audit.batch import Batch
from handgrad.audit.penalty import Charges, Penalty
from handgrad.audit.subject import Subject
from handgrad.core.arrays import Array
from handgrad.core.layers import ACTIVATIONS, Layer, Linear, Softmax
from handgrad.core.losses import one_hot
from handgrad.core.net import Sequential

CLOSE = 1e-5  # relative: log(p + 1e-8) for log(p) stays below it, another network does not
LEAST = 1e-6  # relative to the loss: what counts as a penalty at all
HIDDEN = ("relu", "sigmoid", "tanh", "leaky_relu", "elu", "gelu", "silu", "softplus", "none")
OUTPUTS = ("softmax", "none", "sigmoid", "tanh", "relu")


@dataclass(frozen=True)
class Matrix:
    """One layer's parameters by name: a matrix, which way round it lies, and the bias that goes with it."""

    weight: str
    transposed: bool  # (outputs, inputs) in the subject's code
    bias: str | None


@dataclass(frozen=True)
class Identity:
    """What the subject turned out to be.

    Attributes:
        matrices: its layers, from the input up.
        hidden: the activation between them, by name; "none" for none.
        output: what follows the last layer: softmax, sigmoid, none, ...
        loss: "cross-entropy", "squared error" or "binary cross-entropy".
        divisor: what its loss divides the sum over batch and outputs by: "B", "1", "BC" or "2B" ...
        penalty: what its loss charges for the weights; None for nothing.
    """

    matrices: tuple[Matrix, ...]
    hidden: str
    output: str
    loss: str
    divisor: str
    penalty: Penalty | None = None

    def net(self, parameters: Mapping[str, Array]) -> Sequential:
        """The same network of handgrad's layers, in float64, with these parameters. It ends in the output's layer."""
        layers: list[Layer] = []
        for i, matrix in enumerate(self.matrices):
            weight = np.asarray(parameters[matrix.weight], np.float64)
            weight = weight.T if matrix.transposed else weight
            linear = Linear(*weight.shape, bias=matrix.bias is not None, dtype=np.float64, init="zeros")
            linear.W = weight
            if matrix.bias is not None:
                linear.b = np.asarray(parameters[matrix.bias], np.float64).reshape(-1)
            layers.append(linear)
            last = i == len(self.matrices) - 1
            kind = self.output if last else self.hidden
            if kind == "softmax":
                layers.append(Softmax())
            elif kind in ACTIVATIONS:
                layers.append(ACTIVATIONS[kind]())
        return Sequential(*layers)

    def divide_by(self, rows: int, outputs: int) -> float:
        """What the loss divides its sum by, for a batch of so many rows."""
        return _DIVISORS[self.divisor](rows, outputs)


_DIVISORS: dict[str, Callable[[int, int], float]] = {
    "B": lambda b, c: b,
    "1": lambda b, c: 1,
    "BC": lambda b, c: b * c,
    "2B": lambda b, c: 2 * b,
    "2": lambda b, c: 2,
    "2BC": lambda b, c: 2 * b * c,
}


def sums(output: Array, t: Array) -> dict[str, float]:
    """The losses that people use, summed over batch and outputs, for outputs (B, C) and one-hot targets."""
    d = output - t
    found = {"squared error": float((d * d).sum())}
    if output.min() > 0:
        found["cross-entropy"] = -float((t * np.log(output)).sum())
        if output.max() < 1:
            found["binary cross-entropy"] = -float((t * np.log(output) + (1 - t) * np.log1p(-output)).sum())
    return found


def targets(y: Array, outputs: int) -> Array:
    """Whole-number labels as one-hot rows; for a single output they are the targets 0 and 1 themselves."""
    return y.reshape(-1, 1).astype(np.float64) if outputs == 1 else one_hot(y, outputs, np.float64)


def random_point(subject: Subject, rng: np.random.Generator) -> dict[str, Array]:
    """Parameters at which nothing is saturated and no two networks give the same loss."""
    point = {}
    for name, value in subject.parameters().items():
        fan = max(value.shape) if value.ndim > 1 else 10
        point[name] = rng.standard_normal(value.shape) * (1.5 / np.sqrt(fan))
    return point


def identify(subject: Subject, batches: list[Batch], rng: np.random.Generator) -> Identity | None:
    """The network that gives the subject's loss on every batch, or None. The subject's parameters are restored.

    The loss is seen at two points, so that a penalty on the weights can be told from anything else.
    """
    flat = [one.flat for one in batches if one.flat is not None]
    if len(flat) < len(batches):
        return None
    saved = subject.snapshot()
    points, reported = [], []
    try:
        for _ in range(2):
            subject.restore(random_point(subject, rng))
            points.append(subject.snapshot())  # what the subject's own dtype keeps of it
            reported.append([float(subject.loss(one.x, one.y)) for one in batches])
    finally:
        subject.restore(saved)
    charged: Identity | None = None
    for matrices in chains(points[0], flat[0][0].shape[1], subject.classes):
        weights = tuple(m.weight for m in matrices)
        charges = Charges.at(points, weights, tuple(m.bias for m in matrices if m.bias is not None))
        for hidden, output in product(HIDDEN if len(matrices) > 1 else ("none",), OUTPUTS):
            candidate = Identity(matrices, hidden, output, "", "")
            found = _fits(candidate.net(points[0]), flat, reported[0])
            if found:
                return Identity(matrices, hidden, output, *found)
            charged = charged or _charged(candidate, points, flat, reported, charges)
    return charged


def _charged(
    candidate: Identity,
    points: list[dict[str, Array]],
    flat: list[tuple[Array, Array]],
    reported: list[list[float]],
    charges: Charges,
) -> Identity | None:
    """The candidate with the loss, divisor and penalty on its weights that give what was reported."""
    totals = [[_totals(net, x, y) for x, y in flat] for net in map(candidate.net, points)]
    rows = [len(x) for x, _ in flat]
    for loss, (name, divisor) in product(totals[0][0][0], _DIVISORS.items()):
        if not all(loss in found for at in totals for found, _ in at):
            continue
        rest = [
            [values[k] - found[loss] / divisor(rows[k], outputs) for k, (found, outputs) in enumerate(at)]
            for values, at in zip(reported, totals, strict=True)
        ]
        if min(map(min, rest)) > LEAST * max(map(max, reported)):
            charged = charges.explain(rest, rows)
            if charged is not None:
                return replace(candidate, loss=loss, divisor=name, penalty=charged)
    return None


def _totals(net: Any, x: Array, y: Array) -> tuple[dict[str, float], int]:
    """(the losses of a batch, summed; how many outputs there are)."""
    output = net(x)
    outputs = output.shape[1]
    return (sums(output, targets(y, outputs)) if y.max() < max(outputs, 2) else {}), outputs


def chains(parameters: Mapping[str, Array], features: int, classes: int) -> Iterator[tuple[Matrix, ...]]:
    """Each way in which the matrices, in their order, lead from features to classes, with the biases in between.

    An array with one row or column may be either: the weights of a single output, or a bias.
    """
    shapes = {name: v.shape for name, v in parameters.items()}
    either = [name for name, shape in shapes.items() if len(shape) == 2 and min(shape) == 1]
    for picked in sorted(product((False, True), repeat=len(either)), key=sum):
        weights = dict(zip(either, picked, strict=True))
        names = [name for name, shape in shapes.items() if weights.get(name, len(shape) == 2)]
        vectors = [(name, int(np.prod(shape))) for name, shape in shapes.items() if name not in names]
        if names and len(vectors) <= len(names):
            yield from _chains([(name, shapes[name]) for name in names], vectors, features, classes)


def _chains(
    matrices: list[tuple[str, tuple[int, ...]]], vectors: list[tuple[str, int]], features: int, classes: int
) -> Iterator[tuple[Matrix, ...]]:
    square = [(False, True) if shape[0] != shape[1] or max(shape) > 1 else (False,) for _, shape in matrices]
    for flips in product(*square):
        size, chain, biases = features, [], list(vectors)
        for (name, shape), flip in zip(matrices, flips, strict=True):
            inputs, outputs = shape[::-1] if flip else shape
            if inputs != size:
                break
            bias = next((i for i, (_, length) in enumerate(biases) if length == outputs), None)
            chain.append(Matrix(name, flip, biases.pop(bias)[0] if bias is not None else None))
            size = outputs
        else:
            if classes in (0, size) and not biases:
                yield tuple(chain)


def _fits(net: Any, batches: list[tuple[Array, Array]], reported: list[float]) -> tuple[str, str] | None:
    """(loss, divisor) with which the net gives what was reported on every batch; None without one."""
    possible: set[tuple[str, str]] | None = None
    for (x, y), value in zip(batches, reported, strict=True):
        totals, outputs = _totals(net, x, y)
        fitting = {
            (loss, name)
            for loss, total in totals.items()
            for name, divisor in _DIVISORS.items()
            if abs(total / divisor(len(x), outputs) - value) <= CLOSE * abs(value)
        }
        possible = fitting if possible is None else possible & fitting
        if not possible:
            return None
    return min(possible) if possible else None
