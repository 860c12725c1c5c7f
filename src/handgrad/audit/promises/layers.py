"""The promises of a layer, each as one plain function that checks it on any object with `forward` and `backward`.

`parameters` and `eval` are used where they exist. Every run happens on a deep copy, with copies of x and dy, so the
object itself is left as it was, and a Dropout draws the same mask each time.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from handgrad.audit.judging.numeric import worst
from handgrad.audit.promises.verdict import Promise, Verdict, close, distance, equal, near, raises, unchanged
from handgrad.core.arrays import Array
from handgrad.errors import StateError


@dataclass(frozen=True)
class Trial:
    """A layer, and a batch to try it on.

    Attributes:
        layer: in training mode; in float64 for the numeric derivatives.
        x: a batch of three rows or more.
        coupled: the rows of a batch see each other, as in BatchNorm.
        seed: of everything random.
    """

    layer: Any
    x: Array
    coupled: bool = False
    seed: int = 0

    @property
    def rng(self) -> np.random.Generator:
        """A new generator: each promise draws from the start."""
        return np.random.default_rng(self.seed)

    @property
    def dy(self) -> Array:
        """A random gradient by the layer's output."""
        y: Array = self.copy.forward(self.x.copy())
        return np.asarray(self.rng.standard_normal(y.shape), y.dtype)

    @property
    def copy(self) -> Any:
        """The layer again, with its own arrays and its own random numbers to come."""
        return copy.deepcopy(self.layer)

    @property
    def stochastic(self) -> bool:
        """Two calls with the same x give different outputs."""
        layer = self.copy
        return not np.array_equal(layer.forward(self.x.copy()), layer.forward(self.x.copy()))


def shape_and_dtype(trial: Trial) -> Iterator[Verdict]:
    """y has a row for each row of x, dx the shape of x, a gradient that of its parameter; nothing is upcast."""
    y, dx, grads = run(trial.layer, trial.x, trial.dy)
    yield equal("shape_and_dtype", "y", (len(y), y.dtype), (len(trial.x), trial.x.dtype))
    yield equal("shape_and_dtype", "dx", (dx.shape, dx.dtype), (trial.x.shape, trial.x.dtype))
    for (name, value, _), grad in zip(parameters_of(trial.layer), grads, strict=True):
        yield equal("shape_and_dtype", name, (grad.shape, grad.dtype), (value.shape, value.dtype))


def derivative_by_input(trial: Trial) -> Iterator[Verdict]:
    """<dx, v> is the slope of <y, dy> as x moves along a random v."""
    dy = trial.dy
    _, dx, _ = run(trial.layer, trial.x, dy)

    def f(x: Array) -> float:
        return float(np.vdot(trial.copy.forward(x), dy))

    yield close("derivative_by_input", "dx", worst(f, trial.x, dx, trial.rng))


def derivative_by_parameters(trial: Trial) -> Iterator[Verdict]:
    """<dw, v> is the slope of <y, dy> as the parameter w moves along a random v."""
    dy = trial.dy
    _, _, grads = run(trial.layer, trial.x, dy)
    for i, (name, value, _) in enumerate(parameters_of(trial.layer)):

        def f(w: Array, i: int = i) -> float:
            return float(np.vdot(moved(trial.layer, i, w).forward(trial.x.copy()), dy))

        yield close("derivative_by_parameters", name, worst(f, value.copy(), grads[i], trial.rng))


def linear_in_dy(trial: Trial) -> Iterator[Verdict]:
    """backward(2 a - 3 b) = 2 backward(a) - 3 backward(b): a derivative is linear, whatever the layer is."""
    dy = trial.dy
    a, b = np.asarray(trial.rng.standard_normal((2, *dy.shape)), dy.dtype)
    both, of_a, of_b = (run(trial.layer, trial.x, d)[1:] for d in (2 * a - 3 * b, a, b))
    yield near("linear_in_dy", "dx", both[0], 2 * of_a[0] - 3 * of_b[0], norm(b))
    for (name, _, _), whole, p, q in zip(parameters_of(trial.layer), both[1], of_a[1], of_b[1], strict=True):
        yield near("linear_in_dy", name, whole, 2 * p - 3 * q, norm(b))


def pure(trial: Trial) -> Iterator[Verdict]:
    """Forward and backward leave x, dy, y and the weights as they were."""
    layer, x, dy = trial.copy, trial.x.copy(), trial.dy
    weights = [(name, value) for name, value, _ in parameters_of(layer)]
    old_weights = [value.copy() for _, value in weights]
    y = layer.forward(x)
    old_y, old_dy = y.copy(), dy.copy()
    layer.backward(dy)
    for (name, now), before in zip(
        [("x", x), ("dy", dy), ("y", y), *weights], [trial.x, old_dy, old_y, *old_weights], strict=True
    ):
        yield unchanged("pure", name, now, before)


def repeatable(trial: Trial) -> Iterator[Verdict]:
    """From the same state come the same numbers, and a second backward assigns: it does not add to the first."""
    layer, dy = trial.copy, trial.dy
    yield unchanged("repeatable", "y", layer.forward(trial.x.copy()), trial.copy.forward(trial.x.copy()))
    dx = np.array(layer.backward(dy.copy()))
    grads = [(name, np.array(grad)) for name, _, grad in parameters_of(layer)]
    yield near("repeatable", "dx", layer.backward(dy.copy()), dx)
    for (name, once), (_, _, twice) in zip(grads, parameters_of(layer), strict=True):
        yield near("repeatable", name, twice, once)


def fresh(trial: Trial) -> Iterator[Verdict]:
    """Backward belongs to the last forward: one before it, of another batch and size, leaves no trace."""
    used = trial.copy
    used.forward(np.asarray(trial.rng.standard_normal((len(trial.x) + 2, *trial.x.shape[1:])), trial.x.dtype))
    for check in (derivative_by_input, derivative_by_parameters):
        yield from (replace(verdict, code="fresh") for verdict in check(replace(trial, layer=used)))


def alive(trial: Trial) -> Iterator[Verdict]:
    """When a parameter moves, the output moves: in training, or else in evaluation (a bias before BatchNorm)."""
    for i, (name, value, _) in enumerate(parameters_of(trial.layer)):
        bumped = value + 0.1 * trial.rng.standard_normal(value.shape)
        before, after = trial.copy, moved(trial.layer, i, bumped)
        way = distance(after.forward(trial.x.copy()), before.forward(trial.x.copy()))
        least = 10 * float(np.finfo(value.dtype).eps)
        if way <= least and hasattr(before, "eval"):
            before.eval()
            after.eval()
            way = distance(after.forward(trial.x.copy()), before.forward(trial.x.copy()))
        yield Verdict("alive", name, way > least, way, least)


def eval_keeps_nothing(trial: Trial) -> Iterator[Verdict]:
    """In eval mode backward raises StateError, and what a forward in training had kept is gone."""
    layer, dy = trial.copy, trial.dy
    if not hasattr(layer, "eval"):
        return
    layer.forward(trial.x.copy())
    layer.eval()
    yield raises("eval_keeps_nothing", "forward, eval, backward", lambda: layer.backward(dy), StateError)
    layer.forward(trial.x.copy())
    yield raises("eval_keeps_nothing", "eval, forward, backward", lambda: layer.backward(dy), StateError)


def sums_over_batch(trial: Trial) -> Iterator[Verdict]:
    """A batch with every row twice has the same y and dx twice, and twice the weight gradients: 1/B is not in here."""
    if trial.stochastic:
        return
    x, dy = trial.x, trial.dy
    y, dx, grads = run(trial.layer, x, dy)
    yy, dxx, doubled = run(trial.layer, np.concatenate([x, x]), np.concatenate([dy, dy]))
    yield near("sums_over_batch", "y", yy, np.concatenate([y, y]))
    yield near("sums_over_batch", "dx", dxx, np.concatenate([dx, dx]), norm(dy))
    for (name, _, _), once, twice in zip(parameters_of(trial.layer), grads, doubled, strict=True):
        yield near("sums_over_batch", name, twice, 2 * once, norm(dy))


def rows_alone(trial: Trial) -> Iterator[Verdict]:
    """Each row comes out as if it were the whole batch, forward and backward, and the gradients add up over rows."""
    if trial.coupled or trial.stochastic:
        return
    x, dy = trial.x, trial.dy
    y, dx, grads = run(trial.layer, x, dy)
    rows = [run(trial.layer, x[i : i + 1], dy[i : i + 1]) for i in range(len(x))]
    yield near("rows_alone", "y", np.concatenate([row[0] for row in rows]), y)
    yield near("rows_alone", "dx", np.concatenate([row[1] for row in rows]), dx, norm(dy))
    for i, (name, _, _) in enumerate(parameters_of(trial.layer)):
        yield near("rows_alone", name, sum(row[2][i] for row in rows), grads[i], norm(dy))


PROMISES: tuple[Promise, ...] = (
    shape_and_dtype, derivative_by_input, derivative_by_parameters, linear_in_dy, pure, repeatable, fresh, alive,
    eval_keeps_nothing, sums_over_batch, rows_alone,
)  # fmt: skip


def parameters_of(layer: Any) -> list[tuple[str, Array, Array]]:
    """(name, live value, gradient) of everything that the layer says it learns."""
    if hasattr(layer, "named_parameters"):
        return [(name, pair[0], pair[1]) for name, pair in layer.named_parameters()]
    pairs = layer.parameters() if hasattr(layer, "parameters") else []
    return [(str(i), value, grad) for i, (value, grad) in enumerate(pairs)]


def run(layer: Any, x: Array, dy: Array) -> tuple[Array, Array, list[Array]]:
    """(y, dx, parameter gradients) of one forward and one backward, on a copy."""
    layer = copy.deepcopy(layer)
    y = layer.forward(x.copy())
    dx = layer.backward(dy.copy())
    return y, dx, [np.array(grad) for _, _, grad in parameters_of(layer)]


def norm(array: Array) -> float:
    """The root of the sum of squares."""
    return float(np.linalg.norm(array))


def moved(layer: Any, index: int, value: Array) -> Any:
    """A copy whose parameter of that index has another value, written in place as an optimizer would."""
    layer = copy.deepcopy(layer)
    parameters_of(layer)[index][1][...] = value
    return layer
