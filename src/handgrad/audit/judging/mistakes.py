"""The mistakes that people make in backpropagation, each as the numbers that it would give, link by link.

Beside an identified network every known mistake can be made on purpose, in float64, on the same batch: at the loss, on
the way from one layer down to the next, and where weights and biases get their gradients. If somebody's numbers are
those, to the last digits, the mistake has its name; if they are none of them, nobody guesses.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from handgrad.audit.judging.measure import fit_beside
from handgrad.audit.judging.walk import Stage, Walk
from handgrad.core.arrays import Array
from handgrad.core.layers import ReLU, Sigmoid, Softmax, Tanh
from handgrad.core.layers.activations import sigmoid

Rows: TypeAlias = Array | slice
ALL: Rows = slice(None)
IGNORED = "error-ignored"
_FASTEST = 1e3  # learning rate: of more, nothing of the old weights is left
_NOTHING = 1e-9  # a slope that is no larger is 0


@dataclass(frozen=True)
class Guess:
    """What some link of the chain may have computed.

    Attributes:
        codes: the mistakes that it makes; () for what is right.
        variant: tells two guesses with the same codes apart.
        value: the numbers.
        above: for an error dL/dz, the error dL/dy that it was made from.
    """

    codes: tuple[str, ...]
    variant: str
    value: Array
    above: Array | None = None

    @property
    def key(self) -> tuple[tuple[str, ...], str]:
        """The guess without its numbers."""
        return self.codes, self.variant


def at_loss(w: Walk) -> Iterator[Guess]:
    """dL/dz of the last layer, as it is and as people mistake it."""
    last, t = w.stages[-1], w.t
    p, by_output, plain = w.output, w.by_output, (w.output - t) / w.divisor
    yield Guess((), "", last.back(by_output), by_output)
    if last.bend is not None:
        if w.identity.loss != "squared error":
            yield Guess(("gradient-of-squared-error",), "", last.back(plain), plain)
        yield Guess(("output-derivative-missing",), "error", plain, plain)
        yield Guess(("output-derivative-missing",), "loss", by_output, by_output)
    if isinstance(last.bend, Softmax):
        yield Guess(("softmax-diagonal-only",), "", by_output * p * (1 - p), by_output)
        yield Guess(("softmax-as-sigmoid",), "", plain * p * (1 - p), plain)
        yield Guess(("derivative-applied-twice",), "", last.back(last.back(by_output)), by_output)
    elif last.bend is not None:
        for error, tag in ((by_output, "loss"), (plain, "error")):
            for code, variant, slope in wrong_slopes(last, error):
                if code != "activation-derivative-missing":
                    yield Guess((code,), f"{variant} {tag}", error * slope, error)
    yield from _ignored(last)
    yield Guess(("error-before-activation",), "", (last.z - t) / w.divisor, plain)
    every = 1.0 * t.any(axis=0) / w.divisor  # p[:, y] -= 1 takes 1 from the columns of all labels in every row
    yield Guess(("every-row-indexed",), "", p / w.divisor - every, plain)
    yield Guess(("error-of-another-class",), "up", (p - np.roll(t, 1, axis=1)) / w.divisor, plain)
    yield Guess(("error-of-another-class",), "down", (p - np.roll(t, -1, axis=1)) / w.divisor, plain)
    yield Guess(("gradient-of-absolute-error",), "sign", np.sign(plain) / w.divisor, plain)
    yield Guess(("gradient-of-absolute-error",), "size", np.abs(plain), plain)
    if last.bend is not None:  # the error's sign is lost before it is taken through the activation
        for error, tag in ((plain, "error"), (by_output, "loss")):
            yield Guess(("gradient-of-absolute-error",), f"size of {tag}", last.back(np.abs(error)), np.abs(error))
            yield Guess(("gradient-of-absolute-error",), f"sign of {tag}", last.back(np.sign(error)), np.sign(error))


def handed_down(w: Walk, i: int, known: list[Guess]) -> Iterator[Guess]:
    """dL/dz of layer i, from what is `known` of somebody's errors of the layers above, the top first."""
    stage, above, delta = w.stages[i], w.stages[i + 1], known[-1].value
    errors = list(_errors(w, i, known))
    for codes, variant, dy in errors:
        yield Guess(codes, variant, stage.back(dy), dy)
    for codes, variant, dy in errors if stage.bend is not None else ():
        for code, kind, slope in wrong_slopes(stage, dy):
            yield Guess((*codes, code), f"{variant} {kind}".strip(), dy * slope, dy)
        for other in (*w.stages[:i], *w.stages[i + 1 : -1]):
            if other.z.shape == stage.z.shape:
                yield Guess((*codes, "derivative-of-another-layer"), f"{variant} {other.matrix.weight}",
                            stage.back(dy, other.z), dy)  # fmt: skip
        if stage.x.shape == stage.z.shape:
            yield Guess((*codes, "derivative-of-another-layer"), f"{variant} x", stage.back(dy, stage.x), dy)
        last = w.stages[-1]
        if last.z.shape[1] in (1, dy.shape[1]) and isinstance(last.bend, Sigmoid | Tanh):  # one output goes with all
            yield Guess((*codes, "derivative-of-another-layer"), f"{variant} output",
                        dy * last.back(np.ones_like(last.z)), dy)  # fmt: skip
    if above.W.shape[0] == stage.W.shape[1] == above.W.shape[1]:
        yield Guess(("weights-left-out",), "", stage.back(delta), delta)
    yield from _ignored(stage)


def _ignored(stage: Stage) -> Iterator[Guess]:
    """The activation's slope alone, whatever came from above; a softmax has none."""
    slope = stage.back(np.ones_like(stage.z))
    if stage.bend is not None and np.abs(slope).max() > _NOTHING:
        yield Guess((IGNORED,), "", slope, np.ones_like(slope))


def handed_down_late(w: Walk, i: int, delta: Array, own: Array, above_it: Array, exact: float) -> Guess | None:
    """dL/dz of layer i from weights above it that are updated already, if the gradient of its `own` weights says so.

    By which rate is read off that gradient, to which the old weights and what was taken from them, a multiple of the
    gradient `above_it`, give one part each.
    """
    stage, above = w.stages[i], w.stages[i + 1]
    early, late = (stage.back(delta @ weights.T) for weights in (above.W, -above_it))
    found = fit_beside(own, stage.x.T @ early, stage.x.T @ late, exact) if late.any() else None
    if found is None or not found.exact or not found.factor or not 0 < found.decay / found.factor < _FASTEST:
        return None
    dy = replace(above, W=above.W - found.decay / found.factor * above_it).down(delta)
    return Guess(("updated-too-early",), "", stage.back(dy), dy)


def _errors(w: Walk, i: int, known: list[Guess]) -> Iterator[tuple[tuple[str, ...], str, Array]]:
    """(codes, variant, dL/dy) of layer i, from its error behind a dropout, if there is one, and what people mistake."""
    mask = w.stages[i + 1].mask
    for codes, variant, dx in _behind(w, i, known):
        if mask is None:
            yield codes, variant, dx
            continue
        yield codes, variant, dx * mask
        yield (*codes, "dropout-mask-not-applied"), variant, dx
        if mask.max() != 1:
            yield (*codes, "dropout-scale-differs"), f"{variant} none", dx * (mask != 0)
            yield (*codes, "dropout-scale-differs"), f"{variant} twice", dx * mask * mask


def _behind(w: Walk, i: int, known: list[Guess]) -> Iterator[tuple[tuple[str, ...], str, Array]]:
    """The same before any dropout: the error above times the weights above, and what people take for it."""
    above, delta, before = w.stages[i + 1], known[-1].value, known[-1].above
    yield (), "", delta @ above.W.T
    if before is not None and above.bend is not None:
        yield ("derivative-not-handed-down",), "", before @ above.W.T
    if above.W.shape[0] == above.W.shape[1]:
        yield ("weights-not-transposed",), "", delta @ above.W
    for j, stage in enumerate(w.stages):
        if j != i + 1 and stage.W.shape == above.W.shape:
            yield ("weights-of-another-layer",), str(j), delta @ stage.W.T
    for j, other in enumerate(known[:-1]):
        if other.value.shape == delta.shape:
            yield ("error-of-another-layer",), str(j), other.value @ above.W.T


def wrong_slopes(stage: Stage, dy: Array) -> Iterator[tuple[str, str, Array]]:
    """(code, variant, slope) of each mistaken derivative of an elementwise activation."""
    z, y = stage.z, stage.y
    right = stage.back(np.ones_like(z))
    yield "activation-derivative-missing", "", np.ones_like(z)
    yield "derivative-at-output", "", stage.back(np.ones_like(z), y)
    yield "derivative-applied-twice", "", right * right
    if isinstance(stage.bend, Sigmoid):
        yield "derivative-fed-input", "", z * (1 - z)
        yield "derivative-incomplete", "y", y
        yield "derivative-incomplete", "1 - y", 1 - y
    elif isinstance(stage.bend, Tanh):
        yield "derivative-fed-input", "", 1 - z * z
        yield "derivative-incomplete", "1 - y", 1 - y
        yield "derivative-incomplete", "y^2", y * y
    else:
        yield "mask-inverted", "", 1.0 * (z <= 0)
    if not isinstance(stage.bend, Sigmoid):
        s = sigmoid(z)
        yield "sigmoid-derivative-everywhere", "y", y * (1 - y)
        yield "sigmoid-derivative-everywhere", "z", s * (1 - s)
        yield "sigmoid-derivative-everywhere", "raw z", z * (1 - z)
    if not isinstance(stage.bend, Tanh):
        yield "derivative-of-another-activation", "tanh y", 1 - y * y
        yield "derivative-of-another-activation", "tanh z", 1 - np.tanh(z) ** 2
    if not isinstance(stage.bend, ReLU):
        yield "derivative-of-another-activation", "relu", 1.0 * (z > 0)
    yield "mask-from-error", "", 1.0 * (dy > 0)


def of_weights(w: Walk, i: int, delta: Array, above: Array | None, rows: Rows = ALL) -> Iterator[Guess]:
    """dL/dW of layer i in (inputs, outputs), or some of its rows, from what somebody has for dL/dz, and dL/dy above."""
    stage = w.stages[i]
    x = stage.x[:, rows]
    right = x.T @ delta
    yield Guess((), "", right)
    if above is not None and stage.bend is not None:
        missing = "output-derivative-missing" if stage is w.stages[-1] else "activation-derivative-missing"
        yield Guess((missing,), "", x.T @ above)
    if i and w.stages[i - 1].bend is not None:
        yield Guess(("weights-from-preactivation",), "", w.stages[i - 1].z[:, rows].T @ delta)
    inputs = [(other.matrix.weight, other.x) for other in w.stages if other is not stage] + [("own output", stage.y)]
    for name, other in inputs:
        if other.shape == stage.x.shape:
            yield Guess(("weights-from-another-layer",), name, other[:, rows].T @ delta)
    if stage.x.shape == delta.shape:
        yield Guess(("gradient-transposed",), "", delta[:, rows].T @ stage.x)
    yield from _of_any(right)
    yield Guess(("averaged-before-product",), "", np.outer(x.mean(axis=0), delta.sum(axis=0)))
    for row in (0, -1):
        yield Guess(("one-row-only",), str(row), np.outer(x[row], delta[row]))


def of_bias(w: Walk, i: int, delta: Array, above: Array | None) -> Iterator[Guess]:
    """dL/db of layer i (outputs,), from what somebody has for dL/dz, and dL/dy above it."""
    right = delta.sum(axis=0)
    yield Guess((), "", right)
    if above is not None and w.stages[i].bend is not None:
        yield Guess(("bias-skips-derivative",), "", above.sum(axis=0))
    yield Guess(("bias-summed-over-everything",), "", np.full_like(right, delta.sum()))
    yield from _of_any(right)
    for row in (0, -1):
        yield Guess(("one-row-only",), str(row), delta[row])


def _of_any(right: Array) -> Iterator[Guess]:
    """What may be done to any gradient."""
    yield Guess(("gradient-sign-only",), "", np.sign(right))
    yield Guess(("gradient-absolute",), "", np.abs(right))
