"""Small examples of each layer, worked by hand: every expected number below was found with pencil and paper."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from handgrad import (
    ELU,
    GELU,
    BatchNorm,
    Dropout,
    Flatten,
    LayerNorm,
    LeakyReLU,
    Linear,
    ReLU,
    Sequential,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)


def close(found: Any, expected: Any, tolerance: float = 1e-12) -> None:
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def test_linear() -> None:
    layer = Linear(2, 3, dtype=np.float64)
    layer.W[...] = [[1, 2, 3], [4, 5, 6]]
    layer.b[...] = [10, 20, 30]
    close(layer([[1, 2], [0, -1]]), [[1 + 8 + 10, 2 + 10 + 20, 3 + 12 + 30], [-4 + 10, -5 + 20, -6 + 30]])
    dx = layer.backward(np.array([[1.0, 0, 2], [0, 3, 1]]))
    close(layer.dW, [[1, 0, 2], [2 + 0, 0 - 3, 4 - 1]])  # column sums of x_i dy_j over two samples, not their mean
    close(layer.db, [1, 3, 3])
    close(dx, [[1 + 6, 4 + 12], [6 + 3, 15 + 6]])


def test_linear_without_bias() -> None:
    layer = Linear(2, 1, bias=False, dtype=np.float64)
    layer.W[...] = [[2], [3]]
    close(layer([[1, 1]]), [[5]])
    close(layer.backward(np.array([[4.0]])), [[8, 12]])
    close(layer.dW, [[4], [4]])
    assert len(layer.parameters()) == 1


def test_linear_leaves_the_input_gradient_out() -> None:
    layer = Linear(2, 1, dtype=np.float64)
    layer([[1, 5]])
    assert layer.backward(np.array([[2.0]]), input_gradient=False) is None
    close(layer.dW, [[2], [10]])


LN2, LN3 = math.log(2), math.log(3)
# (layer, x, y, dy/dx), x chosen so that the exponentials are whole numbers.
ACTIVATIONS: dict[str, tuple[Any, float, float, float]] = {
    "sigmoid at 0": (Sigmoid(), 0.0, 1 / 2, 1 / 4),
    "sigmoid at ln 3": (Sigmoid(), LN3, 3 / 4, 3 / 16),
    "sigmoid at -ln 3": (Sigmoid(), -LN3, 1 / 4, 3 / 16),
    "tanh at 0": (Tanh(), 0.0, 0.0, 1.0),
    "tanh at ln 2": (Tanh(), LN2, (2 - 1 / 2) / (2 + 1 / 2), 1 - 0.6**2),
    "relu right": (ReLU(), 2.0, 2.0, 1.0),
    "relu left": (ReLU(), -2.0, 0.0, 0.0),
    "relu at 0": (ReLU(), 0.0, 0.0, 0.0),
    "leaky right": (LeakyReLU(), 2.0, 2.0, 1.0),
    "leaky left": (LeakyReLU(0.25), -2.0, -0.5, 0.25),
    "elu right": (ELU(), 2.0, 2.0, 1.0),
    "elu left": (ELU(), -LN2, -1 / 2, 1 / 2),
    "elu left, alpha 3": (ELU(3), -LN2, -3 / 2, 3 / 2),
    "gelu at 0": (GELU(), 0.0, 0.0, 1 / 2),
    # Phi(1) = 0.8413447460685429 and the density there exp(-1/2)/sqrt(2 pi) = 0.24197072451914337, from tables.
    "gelu at 1": (GELU(), 1.0, 0.8413447460685429, 0.8413447460685429 + 0.24197072451914337),
    "gelu at -1": (GELU(), -1.0, -0.1586552539314571, 0.1586552539314571 - 0.24197072451914337),
    "gelu tanh at 0": (GELU("tanh"), 0.0, 0.0, 1 / 2),
    # u = 0.7978845608028654 * 1.044715 = 0.8335614..., tanh u = 0.6823839..., hence 0.5 (1 + tanh u).
    "silu at 0": (SiLU(), 0.0, 0.0, 1 / 2),
    "silu at ln 3": (SiLU(), LN3, LN3 * 3 / 4, 3 / 4 + LN3 * 3 / 16),
    "softplus at 0": (Softplus(), 0.0, LN2, 1 / 2),
    "softplus at ln 3": (Softplus(), LN3, math.log(4), 3 / 4),
}


@pytest.mark.parametrize(("layer", "x", "y", "slope"), ACTIVATIONS.values(), ids=ACTIVATIONS)
def test_activations(layer: Any, x: float, y: float, slope: float) -> None:
    close(layer([[x, x]]), [[y, y]])
    close(layer.backward(np.array([[1.0, -2.0]])), [[slope, -2 * slope]])


def test_gelu_tanh_by_the_paper() -> None:
    u = math.sqrt(2 / math.pi) * (1 + 0.044715)
    close(GELU("tanh")([[1.0]]), [[0.5 * (1 + math.tanh(u))]])
    assert GELU("tanh")([[1.0]])[0, 0] == pytest.approx(0.8411920, abs=5e-8)


def test_softmax() -> None:
    layer = Softmax()
    close(layer([[0, LN2, math.log(5)]]), [[1 / 8, 2 / 8, 5 / 8]])
    # dy . p = (8 + 0 + 0)/8 = 1; dx = p (dy - 1)
    close(layer.backward(np.array([[8.0, 0, 0]])), [[7 / 8, -2 / 8, -5 / 8]])
    close(layer.backward(np.ones((1, 3))), [[0, 0, 0]])  # all probabilities cannot rise at once


def test_flatten() -> None:
    layer = Flatten()
    x = np.arange(8.0).reshape(2, 2, 2)
    close(layer(x), [[0, 1, 2, 3], [4, 5, 6, 7]])
    close(layer.backward(np.arange(8.0).reshape(2, 4) + 1), x + 1)


class _Dice:
    """Throws what it is told to throw."""

    def __init__(self, *throws: float) -> None:
        self.throws = throws

    def random(self, size: Any) -> Any:
        return np.array(self.throws).reshape(size)


def test_dropout() -> None:
    layer = Dropout(0.6, rng=_Dice(0.1, 0.59, 0.6, 0.9))  # type: ignore[arg-type]
    close(layer([[1, 2], [3, 4]]), [[0, 0], [3 / 0.4, 4 / 0.4]])
    close(layer.backward(np.array([[10.0, 10], [10, 10]])), [[0, 0], [25, 25]])


def test_dropout_in_eval_is_nothing() -> None:
    layer = Dropout(0.9, rng=0).eval()
    x = np.random.default_rng(0).standard_normal((5, 5))
    np.testing.assert_array_equal(layer(x), x)


def test_dropout_keeps_the_mean() -> None:
    """400,000 numbers, each kept with probability 0.7 and divided by it: the mean is 1 within 5 standard errors."""
    y = Dropout(0.3, rng=1)(np.ones((400, 1000)))
    assert abs(y.mean() - 1) < 5 * math.sqrt(0.3 / 0.7 / y.size)
    assert abs((y == 0).mean() - 0.3) < 5 * math.sqrt(0.21 / y.size)


def test_batch_norm() -> None:
    layer = BatchNorm(2, eps=0.0, dtype=np.float64)
    layer.scale[...], layer.shift[...] = [2, 1], [10, 0]
    # Column 1: 1, 3: mean 2, variance 1. Column 2: -4, 4: mean 0, variance 16.
    close(layer([[1, -4], [3, 4]]), [[-2 + 10, -1], [2 + 10, 1]])
    dx = layer.backward(np.array([[1.0, 5], [0, 5]]))
    close(layer.dscale, [-1, 0])  # sum of dy * xhat
    close(layer.dshift, [1, 10])
    # Two samples are always normalised to -1 and 1, so no small change of x moves them: dx is 0.
    close(dx, np.zeros((2, 2)))
    # Running statistics, momentum 0.1: 0.9 * 0 + 0.1 * 2, and 0.9 * 1 + 0.1 * (the unbiased variance, 2).
    close(layer.running_mean, [0.2, 0])
    close(layer.running_var, [0.9 + 0.1 * 2, 0.9 + 0.1 * 32])


def test_batch_norm_backward_of_three() -> None:
    layer = BatchNorm(1, eps=0.0, dtype=np.float64)
    layer([[0], [1], [2]])  # mean 1, variance 2/3, 1/std = sqrt(3/2)
    s = math.sqrt(1.5)
    # xhat = (-s, 0, s), dy = (1, 0, 0): mean of dy 1/3, mean of dy xhat -s/3; dx = s (dy - 1/3 + xhat s/3)
    close(layer.backward(np.array([[1.0], [0], [0]])), [[s / 6], [-s / 3], [s / 6]])


def test_batch_norm_in_eval_uses_the_running_statistics() -> None:
    layer = BatchNorm(2, eps=0.0, momentum=1.0, dtype=np.float64)
    layer([[1, -4], [3, 4]])
    close(layer.running_var, [2, 32])
    layer.eval()
    close(layer([[2, 8]]), [[0, 8 / math.sqrt(32)]])
    close(layer.running_mean, [2, 0])  # untouched by evaluation


def test_layer_norm() -> None:
    layer = LayerNorm(2, eps=0.0, dtype=np.float64)
    layer.scale[...], layer.shift[...] = [2, 1], [10, 0]
    close(layer([[1, 3], [-4, 4]]), [[-2 + 10, 1], [-2 + 10, 1]])
    dx = layer.backward(np.array([[1.0, 5], [0, 5]]))
    close(layer.dscale, [-1 + 0, 5 + 5])
    close(layer.dshift, [1, 10])
    close(dx, np.zeros((2, 2)))


def test_layer_norm_backward_of_three() -> None:
    layer = LayerNorm(3, eps=0.0, dtype=np.float64)
    layer([[0, 1, 2]])
    s = math.sqrt(1.5)
    close(layer.backward(np.array([[1.0, 0, 0]])), [[s / 6, -s / 3, s / 6]])


def test_a_net_of_two_layers() -> None:
    """x = (1, 2); h = relu(x W1) = relu(1 - 2, 1 + 2) = (0, 3); y = 3 * 2 + 1 = 7; dy = 1."""
    first, last = Linear(2, 2, bias=False, dtype=np.float64), Linear(2, 1, dtype=np.float64)
    first.W[...], last.W[...], last.b[...] = [[1, 1], [-1, 1]], [[5], [2]], 1
    net = Sequential(first, ReLU(), last)
    close(net([[1, 2]]), [[7]])
    dx = net.backward([[1]])
    close(last.dW, [[0], [3]])
    close(last.db, [1])
    close(first.dW, [[0, 2], [0, 4]])  # nothing through the first unit, which is off
    close(dx, [[2, 2]])
    close(net.grad, [0, 2, 0, 4, 0, 3, 1])
    close(net.theta, [1, 1, -1, 1, 5, 2, 1])
