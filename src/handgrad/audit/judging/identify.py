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

from handgrad.audit.judging.batch import Batch
from handgrad.audit.judging.penalty import Charges, Penalty
from handgrad.audit.subject import Subject
from handgrad.core.arrays import Array
from handgrad.core.layers import ACTIVATIONS, GELU, Layer, LeakyReLU, Linear, Softmax
from handgrad.core.losses import one_hot
from handgrad.core.net import Sequential

CLOSE = 1e-5  # relative: log(p + 1e-8) for log(p) stays below it, another network does not
LEAST = 1e-6  # relative to the loss: what counts as a penalty at all
_EPSILONS = (1e-7, 1e-8)  # that people add within a logarithm, and that show beside a small penalty
_NEARLY = 1e-2  # relative: two estimates of a penalty that such a number keeps apart
SLOPES = (0.1, 0.2, 0.3, 0.05, 0.001)  # of leaky ReLUs, beside the usual 0.01
SCALINGS = ((1.0, 0.0), (1 / 255, 0.0), (2.0, -1.0), (1 / 0.3081, -0.1307 / 0.3081))  # of pixels, on their way in
MIXED = ("relu", "sigmoid", "tanh", "leaky_relu", "elu", "none")  # what people put side by side in one network
MOST_MIXED = 3  # hidden layers for which every mixture is tried
HIDDEN = ("relu", "sigmoid", "tanh", "leaky_relu", "elu", "gelu", "silu", "softplus", "none")
APPROXIMATE = "gelu(tanh)"  # the form of GELU that is written with a tanh
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
        hidden: the activation between them, by name; "none" for none, "leaky_relu(0.2)" with another slope than usual,
            and the activation of each layer, "relu, tanh", where they differ.
        output: what follows the last layer: softmax, sigmoid, none, ...
        loss: "cross-entropy", "squared error" or "binary cross-entropy".
        divisor: what its loss divides the sum over batch and outputs by: "B", "1", "BC" or "2B" ...
        penalty: what its loss charges for the weights; None for nothing.
        scaling: (factor, shift) that its training applies to each batch before the first layer.
    """

    matrices: tuple[Matrix, ...]
    hidden: str
    output: str
    loss: str
    divisor: str
    penalty: Penalty | None = None
    scaling: tuple[float, float] = (1.0, 0.0)

    def scaled(self, x: Array) -> Array:
        """The batch as the first layer gets it."""
        factor, shift = self.scaling
        return x if self.scaling == (1.0, 0.0) else factor * x + shift

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
            bend = _layer(self.output if last else self.bends[i])
            layers += [bend] if bend is not None else []
        return Sequential(*layers)

    @property
    def bends(self) -> tuple[str, ...]:
        """The activation of each hidden layer."""
        several = tuple(self.hidden.split(", "))
        return several if len(several) > 1 else several * (len(self.matrices) - 1)

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


def sums(output: Array, t: Array, epsilon: float = 0.0) -> dict[str, float]:
    """The losses that people use, summed over batch and outputs, for outputs (B, C) and one-hot targets; cross-entropy
    with what people add within its logarithm.
    """
    d = output - t
    found = {"squared error": float((d * d).sum())}
    if output.min() > 0:
        found["cross-entropy"] = -float((t * np.log(output + epsilon)).sum())
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
        point[name] = rng.standard_normal(value.shape) / np.sqrt(fan)
    return point


def identify(
    subject: Subject, batches: list[Batch], rng: np.random.Generator, *, mixed: bool = True
) -> Identity | None:
    """The network that gives the subject's loss on every batch, or None. The subject's parameters are restored.

    The loss is seen at two points, so that a penalty on the weights can be told from anything else. Penalties, and
    layers whose activations differ, take ten times as long to find, and are only looked for if `mixed`.
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
    for penalties in (False, True) if mixed else (False,):  # what is rare, and takes longer to find, comes last
        for scaling in SCALINGS if not penalties else SCALINGS[:1]:
            seen = _Seen(points, [(scaling[0] * x + scaling[1], y) for x, y in flat], reported)
            for matrices in chains(points[0], flat[0][0].shape[1], subject.classes):
                kinds = _hidden(len(matrices) - 1, mixed=mixed and not penalties and scaling == SCALINGS[0])
                for hidden in kinds:
                    scores = Identity(matrices, hidden, "none", "", "", scaling=scaling)
                    found = seen.explain(scores, penalties=penalties)
                    if found is not None:
                        return seen.finer(found)
    return None


def _hidden(layers: int, *, mixed: bool) -> Iterator[str]:
    """The activations that so many hidden layers may have, the usual ones first."""
    if layers == 0:
        yield "none"
        return
    yield from HIDDEN
    yield from (f"leaky_relu({slope})" for slope in SLOPES)
    if mixed and 1 < layers <= MOST_MIXED:
        kinds = MIXED if layers == 2 else MIXED[:3]
        yield from (", ".join(some) for some in product(kinds, repeat=layers) if len(set(some)) > 1)


class _Seen:
    """The losses that were reported at two points, for several batches, and what explains them."""

    def __init__(
        self, points: list[dict[str, Array]], batches: list[tuple[Array, Array]], reported: list[list[float]]
    ) -> None:
        self.points, self.batches, self.reported = points, batches, reported
        self.rows = [len(x) for x, _ in batches]
        self.known: dict[Any, Array] = {}
        self.charges: dict[tuple[str, ...], Charges] = {}

    def explain(self, scores: Identity, *, penalties: bool) -> Identity | None:
        """The network with these hidden layers whose loss was reported, alone or with a penalty on its weights."""
        points = range(1 + penalties)
        z = [[self._scores(scores.matrices, scores.bends, p, k) for k in range(len(self.rows))] for p in points]
        for output in OUTPUTS:
            layer = _layer(output)
            totals = [[self._totals(z_ if layer is None else layer(z_), k) for k, z_ in enumerate(at)] for at in z]
            for loss, (name, divisor) in product(totals[0][0], _DIVISORS.items()):
                if not all(loss in found for at in totals for found in at):
                    continue
                plain = [
                    [found[loss] / divisor(self.rows[k], z[0][k].shape[1]) for k, found in enumerate(at)]
                    for at in totals
                ]
                if not penalties and self._close(plain[0]):
                    return replace(scores, output=output, loss=loss, divisor=name)
                penalty = self._penalty(scores.matrices, plain) if penalties else None
                if penalties and loss == "cross-entropy" and self._penalty(scores.matrices, plain, _NEARLY):
                    outputs = [[z_ if layer is None else layer(z_) for z_ in at] for at in z]
                    exact = (self._plain(outputs, loss, name, epsilon) for epsilon in _EPSILONS)
                    told = (penalty, *(self._penalty(scores.matrices, one) for one in exact))
                    penalty = next((one for one in told if one is not None), None)
                if penalty is not None:
                    return replace(scores, output=output, loss=loss, divisor=name, penalty=penalty)
        return None

    def _plain(self, outputs: list[list[Array]], loss: str, divisor: str, epsilon: float = 0.0) -> list[list[float]]:
        """A loss of each batch at each point, without any penalty."""
        by = _DIVISORS[divisor]
        return [
            [self._totals(out, k, epsilon)[loss] / by(self.rows[k], out.shape[1]) for k, out in enumerate(at)]
            for at in outputs
        ]

    def finer(self, found: Identity) -> Identity:
        """Of the two forms of GELU, whose losses lie closer together than is told apart, the one that lies closer."""
        if "gelu" not in found.hidden or found.penalty is not None:
            return found
        return min((found, replace(found, hidden=found.hidden.replace("gelu", APPROXIMATE))), key=self._far)

    def _far(self, one: Identity) -> float:
        z, layer = self._scores(one.matrices, one.bends, 0, 0), _layer(one.output)
        total = self._totals(z if layer is None else layer(z), 0)[one.loss]
        return abs(total / one.divide_by(self.rows[0], z.shape[1]) - self.reported[0][0])

    def _scores(self, matrices: tuple[Matrix, ...], bends: tuple[str, ...], p: int, k: int) -> Array:
        """The scores of batch k at point p, each layer computed once for all networks that begin alike."""
        key = matrices[: len(bends) + 1], bends, p, k
        if key not in self.known:
            matrix, point = matrices[len(bends)], self.points[p]
            x = self.batches[k][0]
            if bends:
                below, bend = self._scores(matrices, bends[:-1], p, k), _layer(bends[-1])
                x = below if bend is None else bend(below)
            weight = np.asarray(point[matrix.weight], np.float64)
            z = x @ (weight.T if matrix.transposed else weight)
            self.known[key] = z if matrix.bias is None else z + np.asarray(point[matrix.bias], np.float64).reshape(-1)
        return self.known[key]

    def _close(self, plain: list[float]) -> bool:
        return all(abs(a - b) <= CLOSE * abs(b) for a, b in zip(plain, self.reported[0], strict=True))

    def _totals(self, output: Array, k: int, epsilon: float = 0.0) -> dict[str, float]:
        """The losses of batch k, summed over it."""
        y, outputs = self.batches[k][1], output.shape[1]
        return sums(output, targets(y, outputs), epsilon) if y.max() < max(outputs, 2) else {}

    def _penalty(self, matrices: tuple[Matrix, ...], plain: list[list[float]], close: float = CLOSE) -> Penalty | None:
        """What makes up the rest of the reported losses, if something on the weights does."""
        rest = [[a - b for a, b in zip(*both, strict=True)] for both in zip(self.reported, plain, strict=True)]
        if min(map(min, rest)) <= LEAST * max(map(max, self.reported)):
            return None
        weights = tuple(m.weight for m in matrices)
        biases = tuple(m.bias for m in matrices if m.bias is not None)
        if weights not in self.charges:
            self.charges[weights] = Charges.at(self.points, weights, biases)
        return self.charges[weights].explain(rest, self.rows, close)


def _layer(kind: str) -> Layer | None:
    """The activation of that name; None for "none"."""
    if kind.startswith("leaky_relu("):
        return LeakyReLU(float(kind[len("leaky_relu(") : -1]))
    if kind == APPROXIMATE:
        return GELU("tanh")
    return Softmax() if kind == "softmax" else ACTIVATIONS[kind]() if kind in ACTIVATIONS else None


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
