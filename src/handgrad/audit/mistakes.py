"""The mistakes that people make in backpropagation, each as the gradient that it would give.

Beside an identified network every known mistake can be made on purpose, in float64, on the same batch. If the subject's
gradients are those numbers, to the last digits, the mistake has its name; if they are none of them, nobody guesses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from handgrad.audit.identify import Identity, targets
from handgrad.core.arrays import Array
from handgrad.core.layers import Layer, Linear, Sigmoid, Tanh

# (layer, dy, its input z, its output y) -> dx
Backward = Callable[[Layer, Array, Array, Array], Array]


@dataclass(frozen=True)
class Case:
    """An identified network with its parameters, and a batch: rows x, whole-number labels y."""

    identity: Identity
    parameters: dict[str, Array]
    x: Array
    y: Array


@dataclass(frozen=True)
class Walk:
    """One forward pass: the layers, what went into and came out of each, and the one-hot targets."""

    layers: tuple[Layer, ...]
    inputs: list[Array]
    outputs: list[Array]
    t: Array
    divisor: float

    @property
    def output(self) -> Array:
        """Of the last layer."""
        return self.outputs[-1]


def walk(case: Case) -> Walk:
    """Forward through the network of our own layers."""
    net = case.identity.net(case.parameters)
    inputs, outputs = [], []
    x = case.x
    for layer in net.layers:
        inputs.append(x)
        x = layer(x)
        outputs.append(x)
    rows, classes = x.shape
    return Walk(net.layers, inputs, outputs, targets(case.y, classes), case.identity.divide_by(rows, classes))


def true_gradient(case: Case) -> dict[str, Array]:
    """The derivative of the reported loss."""
    w = walk(case)
    return _collect(case, w, _by_output(case, w))


def squared_error_gradient(case: Case) -> dict[str, Array]:
    """(y - t) through the output's true derivative, under another loss: the gradient of the squared error."""
    w = walk(case)
    return _collect(case, w, (w.output - w.t) / w.divisor)


def fused_gradient(case: Case) -> dict[str, Array]:
    """(y - t) past the output's derivative, where that loss does not cancel it."""
    w = walk(case)
    return _collect(case, w, (w.output - w.t) / w.divisor, skip_output=True)


def softmax_diagonal(case: Case) -> dict[str, Array]:
    """Only the diagonal p (1 - p) of the softmax Jacobian."""
    w = walk(case)
    return _collect(case, w, _by_output(case, w) * w.output * (1 - w.output), skip_output=True)


def softmax_as_sigmoid(case: Case) -> dict[str, Array]:
    """(p - t) p (1 - p): the way of a squared error behind a sigmoid, applied to a softmax."""
    w = walk(case)
    return _collect(case, w, (w.output - w.t) * w.output * (1 - w.output) / w.divisor, skip_output=True)


def activation_derivative_missing(case: Case) -> dict[str, Array]:
    """The error is handed past the hidden activations as it is."""
    return _hidden(case, lambda layer, dy, z, y: dy)


def derivative_at_output(case: Case) -> dict[str, Array]:
    """f'(f(z)) in place of f'(z): a derivative that expects the input is fed the output."""

    def backward(layer: Layer, dy: Array, z: Array, y: Array) -> Array:
        again = type(layer)()
        again(y)
        return again.backward(dy)

    return _hidden(case, backward)


def derivative_fed_input(case: Case) -> dict[str, Array]:
    """z (1 - z), or 1 - z^2: a derivative that expects the output is fed the input."""

    def backward(layer: Layer, dy: Array, z: Array, y: Array) -> Array:
        if isinstance(layer, (Sigmoid, Tanh)):
            slope: Array = z * (1 - z) if isinstance(layer, Sigmoid) else 1 - z * z
            return dy * slope
        return layer.backward(dy)

    return _hidden(case, backward)


def sigmoid_derivative_everywhere(case: Case) -> dict[str, Array]:
    """y (1 - y) behind another activation than the sigmoid."""
    return _hidden(case, lambda layer, dy, z, y: dy * y * (1 - y))


def weights_not_transposed(case: Case) -> dict[str, Array]:
    """The error is handed down by W where W^T is due, which only square layers let pass."""

    def backward(layer: Layer, dy: Array, z: Array, y: Array) -> Array:
        dx = layer.backward(dy)
        square = isinstance(layer, Linear) and layer.inputs == layer.outputs
        return dy @ layer.W if square else dx  # type: ignore[attr-defined]

    w = walk(case)
    return _collect(case, w, _by_output(case, w), backward)


# Code of the finding -> the gradient that the mistake would give.
MISTAKES: dict[str, Callable[[Case], dict[str, Array]]] = {
    "gradient-of-squared-error": squared_error_gradient,
    "output-derivative-missing": fused_gradient,
    "softmax-diagonal-only": softmax_diagonal,
    "softmax-as-sigmoid": softmax_as_sigmoid,
    "activation-derivative-missing": activation_derivative_missing,
    "derivative-at-output": derivative_at_output,
    "derivative-fed-input": derivative_fed_input,
    "sigmoid-derivative-everywhere": sigmoid_derivative_everywhere,
    "weights-not-transposed": weights_not_transposed,
}


def _by_output(case: Case, w: Walk) -> Array:
    """The derivative of the reported loss by the output."""
    if case.identity.loss == "cross-entropy":
        by_output = -w.t / w.output
    elif case.identity.loss == "binary cross-entropy":
        by_output = (w.output - w.t) / (w.output * (1 - w.output))
    else:
        by_output = 2 * (w.output - w.t)
    return by_output / w.divisor


def _right(layer: Layer, dy: Array, z: Array, y: Array) -> Array:
    return layer.backward(dy)


def _hidden(case: Case, hidden: Backward) -> dict[str, Array]:
    """The true gradient but for the hidden activations, whose backward is replaced."""
    w = walk(case)

    def backward(layer: Layer, dy: Array, z: Array, y: Array) -> Array:
        own = isinstance(layer, Linear) or layer is w.layers[-1]
        return layer.backward(dy) if own else hidden(layer, dy, z, y)

    return _collect(case, w, _by_output(case, w), backward)


def _collect(
    case: Case, w: Walk, dy: Array, backward: Backward = _right, *, skip_output: bool = False
) -> dict[str, Array]:
    """Go back layer by layer from dy, and gather the gradients under the subject's names and in its layout."""
    steps = list(zip(w.layers, w.inputs, w.outputs, strict=True))
    if skip_output and not isinstance(w.layers[-1], Linear):
        steps.pop()
    for layer, z, y in reversed(steps):
        dy = backward(layer, dy, z, y)
    found: dict[str, Array] = {}
    linears = [layer for layer in w.layers if isinstance(layer, Linear)]
    for matrix, linear in zip(case.identity.matrices, linears, strict=True):
        found[matrix.weight] = (linear.dW.T if matrix.transposed else linear.dW).copy()
        if matrix.bias is not None:
            found[matrix.bias] = linear.db.reshape(case.parameters[matrix.bias].shape).copy()
    return found
