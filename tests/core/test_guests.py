"""Layers, losses and optimizers that somebody else wrote, in their own way, inside and beside handgrad's own."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from handgrad import MLP, SGD, Adam, BatchNorm, Layer, Linear, ReLU, Sequential, SoftmaxCrossEntropy, Tanh, clip_by_norm
from handgrad.audit.promises.layers import (
    Trial,
    alive,
    derivative_by_input,
    derivative_by_parameters,
    linear_in_dy,
    pure,
    repeatable,
    rows_alone,
    sums_over_batch,
)
from handgrad.audit.promises.verdict import examine
from handgrad.errors import InputError

X = np.random.default_rng(0).standard_normal((6, 5))
Y = np.array([0, 1, 2, 2, 1, 0])


class MyLinear:
    """As many write it: no base class, and a new array for the gradient at each backward, None before the first."""

    def __init__(self, n: int, m: int) -> None:
        self.W = np.random.default_rng(n).standard_normal((n, m))
        self.b = np.zeros((1, m))
        self.dW: Any = None
        self.db: Any = None

    def forward(self, x: Any) -> Any:
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout: Any) -> Any:
        self.dW = self.x.T @ dout
        self.db = dout.sum(axis=0, keepdims=True)
        return dout @ self.W.T

    def parameters(self) -> Any:
        return [(self.W, self.dW), (self.b, self.db)]


class MyScale:
    """One number, learned: an array without axes."""

    def __init__(self) -> None:
        self.a, self.da = np.array(1.5), np.array(0.0)

    def forward(self, x: Any) -> Any:
        self.x = x
        return self.a * x

    def backward(self, dout: Any) -> Any:
        self.da = np.array((dout * self.x).sum())
        return self.a * dout

    def parameters(self) -> Any:
        yield self.a, self.da


class MySquash:
    """No parameters, no modes."""

    def forward(self, x: Any) -> Any:
        self.y = np.tanh(x)
        return self.y

    def backward(self, dout: Any) -> Any:
        return dout * (1 - self.y**2)


class MyFlag(MySquash):
    """`train` and `eval` are no methods here, but somebody's own attributes."""

    train = True
    eval = None


class MyNoise:
    """Has a mode of its own."""

    def __init__(self) -> None:
        self.on = True

    def forward(self, x: Any) -> Any:
        return x + 1 if self.on else x

    def backward(self, dout: Any) -> Any:
        return dout

    def train(self) -> None:
        self.on = True

    def eval(self) -> None:
        self.on = False


def mixed() -> Sequential:
    return Sequential(
        Linear(5, 4, rng=0, dtype="f8"), MySquash(), MyLinear(4, 4), MyScale(), Tanh(), Linear(4, 3, rng=1, dtype="f8")
    )


def twin() -> Sequential:
    """The same net of handgrad's layers only, MyScale left out."""
    net = Sequential(
        Linear(5, 4, rng=0, dtype="f8"), Tanh(), Linear(4, 4, dtype="f8"), Tanh(), Linear(4, 3, rng=1, dtype="f8")
    )
    net.layers[2].W = MyLinear(4, 4).W
    return net


def test_the_whole_keeps_its_promises() -> None:
    promises = [
        derivative_by_input, derivative_by_parameters, linear_in_dy, pure, repeatable, alive, sums_over_batch,
        rows_alone,
    ]  # fmt: skip
    net = mixed()
    net.backward(np.ones_like(net(X)))
    verdicts = examine(Trial(net, X), promises)
    assert [v for v in verdicts if v.ok is not True] == []
    assert {v.where for v in verdicts} >= {"fc1.weight", "mylinear1.0", "mylinear1.1", "myscale1.0", "fc2.bias"}


@pytest.mark.parametrize(
    ("kind", "options"), [(SGD, {"momentum": 0.9}), (Adam, {}), (SGD, {"weight_decay": 0.1, "decay": "weights"})]
)
def test_training_with_guests_is_training_without(kind: Any, options: dict[str, Any]) -> None:
    """Re-bound gradients, None at the start: an optimizer made before the first backward sees each new array."""
    guests = Sequential(*[layer for layer in mixed().layers if not isinstance(layer, MyScale)])
    losses = []
    for net in (guests, twin()):
        criterion, optimizer = SoftmaxCrossEntropy(), kind(net.parameters(), lr=0.1, **options)
        for _ in range(10):
            optimizer.zero_grad()
            losses.append(criterion(net(X), Y))
            net.backward(criterion.backward())
            if not options.get("decay"):
                clip_by_norm(net.parameters(), 0.5)
            optimizer.step()
    if not options.get("decay"):  # there the guest's bias, a row of a matrix, counts as weights
        np.testing.assert_allclose(losses[:10], losses[10:], rtol=1e-10)
    assert losses[9] < losses[0]


def test_a_number_without_axes_learns() -> None:
    net = mixed()
    scale, before = net.layers[3], float(net.layers[3].a)
    optimizer = Adam(net.parameters(), lr=0.01)
    net.backward(np.ones_like(net(X)))
    optimizer.step()
    assert float(scale.a) == pytest.approx(before - 0.01 * np.sign(float(scale.da)), abs=1e-6)


def test_hand_written_update_of_guests() -> None:
    net = mixed()
    net.backward(np.ones_like(net(X)))
    before = [w.copy() for w, _ in net.parameters()]
    for w, dw in net.parameters():
        w -= 0.1 * dw
    for (w, dw), old in zip(net.parameters(), before, strict=True):
        np.testing.assert_allclose(w, old - 0.1 * dw)


def test_accumulating_with_guests() -> None:
    net = mixed()
    net.backward(np.ones_like(net(X)))
    whole = [dw.copy() for _, dw in net.parameters()]
    for i, rows in enumerate((X[:2], X[2:])):
        net.backward(np.ones_like(net(rows)), accumulate=i > 0)
    for (_, dw), right in zip(net.parameters(), whole, strict=True):
        np.testing.assert_allclose(dw, right, rtol=1e-10)


def test_accumulating_before_the_first_backward() -> None:
    net = mixed()
    net.backward(np.ones_like(net(X)), accumulate=True)
    assert all(dw.any() for _, dw in net.parameters())


def test_only_our_own_weights_are_in_the_flat_array() -> None:
    net = mixed()
    assert net.theta.size == 24 + 15
    assert sum(parameter.size for parameter in net.parameters()) == 24 + 15 + 20 + 1
    assert "60 parameters" in repr(net)


def test_state_of_guests() -> None:
    net, other = mixed(), mixed()
    net.backward(np.ones_like(net(X)))
    SGD(net.parameters(), lr=1.0).step()
    other.load_state(net.state())
    np.testing.assert_array_equal(other(X), net(X))
    np.testing.assert_array_equal(copy.deepcopy(net)(X), net(X))


def test_modes_of_guests() -> None:
    net = Sequential(MySquash(), MyNoise(), MyFlag())
    trained = net(X)
    assert not np.array_equal(net.eval()(X), trained)
    np.testing.assert_array_equal(net.train()(X), trained)


def test_a_net_of_guests_alone() -> None:
    net = Sequential(MyLinear(5, 4), MySquash(), MyLinear(4, 3))
    assert net.theta.size == 0
    assert net.dtype == np.float64
    criterion, optimizer = SoftmaxCrossEntropy(), SGD(net.parameters(), lr=0.5)
    losses = []
    for _ in range(200):
        losses.append(criterion(net(X), Y))
        net.backward(criterion.backward())
        optimizer.step()
    assert losses[-1] < losses[0] / 10


def test_a_layer_of_ones_own_on_our_base() -> None:
    """A subclass of Layer that is built from layers needs no parameters() of its own."""

    class Residual(Layer):
        def __init__(self, n: int) -> None:
            self.inner = Linear(n, n, rng=0, dtype=np.float64)
            self.act = [ReLU(), BatchNorm(n, dtype=np.float64)]

        def forward(self, x: Any) -> Any:
            y = self.inner.forward(x)
            for layer in self.act:
                y = layer.forward(y)
            self.keep(y)
            return x + y

        def backward(self, dy: Any) -> Any:
            self.kept(dy)
            dx = dy
            for layer in reversed(self.act):
                dx = layer.backward(dx)
            return dy + self.inner.backward(dx)

    net = Sequential(Linear(5, 4, rng=1, dtype=np.float64), Residual(4), Linear(4, 3, rng=2, dtype=np.float64))
    assert [name for name, _ in net.named_parameters()][2:6] == [
        "residual1.inner.weight", "residual1.inner.bias", "residual1.act1.scale", "residual1.act1.shift",
    ]  # fmt: skip
    assert net.theta.size == 24 + 20 + 8 + 15
    verdicts = examine(Trial(net, X, coupled=True), [derivative_by_input, derivative_by_parameters, alive, repeatable])
    assert [v for v in verdicts if v.ok is not True] == []
    net.eval()
    np.testing.assert_allclose(net(X[:1]), net(X)[:1], rtol=1e-12)


def test_layers_in_lists_and_dictionaries_count_once() -> None:
    """An attribute that stands in a list as well is one layer, not two: it would be updated twice."""

    class Model(Layer):
        def __init__(self) -> None:
            self.fc1, self.act = Linear(5, 4, rng=0, dtype=np.float64), Tanh()
            self.layers = [self.fc1, self.act]
            self.heads = {"digit": Linear(4, 3, rng=1, dtype=np.float64)}

        def forward(self, x: Any) -> Any:
            for layer in self.layers:
                x = layer.forward(x)
            return self.heads["digit"].forward(x)

        def backward(self, dy: Any) -> Any:
            dy = self.heads["digit"].backward(dy)
            for layer in reversed(self.layers):
                dy = layer.backward(dy)
            return dy

    model = Model()
    names = [name for name, _ in model.named_parameters()]
    assert names == ["fc1.weight", "fc1.bias", "heads.digit.weight", "heads.digit.bias"]
    net = Sequential(model)
    assert net.theta.size == 24 + 15
    net.backward(np.ones_like(net(X)))
    before = net.theta.copy()
    SGD(model, lr=0.1).step()
    np.testing.assert_allclose(net.theta, before - 0.1 * net.grad)
    assert not model.eval().heads["digit"].training


def test_an_optimizer_of_a_strangers_whole_model_sees_new_arrays() -> None:
    """`SGD(model)`, where the model hands out tuples and re-binds its gradients at each backward."""

    class Model(MyLinear):
        pass

    model = Model(5, 3)
    optimizer, before = SGD(model, lr=0.1), model.W.copy()
    model.forward(X)
    model.backward(np.ones((6, 3)))
    optimizer.step()
    np.testing.assert_allclose(model.W, before - 0.1 * model.dW)


def test_running_statistics_within_a_layer_of_ones_own_are_saved() -> None:
    class Wrapped(Layer):
        def __init__(self) -> None:
            self.norm = BatchNorm(5, dtype=np.float64)

        def forward(self, x: Any) -> Any:
            return self.norm.forward(x)

        def backward(self, dy: Any) -> Any:
            return self.norm.backward(dy)

    net, other = Sequential(Wrapped()), Sequential(Wrapped())
    net(X)
    other.load_state(net.state())
    np.testing.assert_array_equal(other.eval()(X), net.eval()(X))


def test_a_loss_of_ones_own() -> None:
    class AbsoluteError:
        def __call__(self, prediction: Any, target: Any) -> Any:
            self.sign = np.sign(prediction - target)
            return np.abs(prediction - target).mean()

        def backward(self) -> Any:
            return self.sign / self.sign.size

    net, loss = MLP(5, 8, 1, rng=0), AbsoluteError()
    target = X[:, :1]
    optimizer = SGD(net.parameters(), lr=0.05)
    values = []
    for _ in range(100):
        values.append(loss(net(X), target))
        net.backward(loss.backward())
        optimizer.step()
    assert values[-1] < values[0] / 3


def test_an_optimizer_of_ones_own() -> None:
    class SignSGD:
        def __init__(self, params: Any, lr: float) -> None:
            self.params, self.lr = list(params), lr

        def step(self) -> None:
            for w, dw in self.params:
                w -= self.lr * np.sign(dw)

    net, criterion = mixed(), SoftmaxCrossEntropy()
    optimizer = SignSGD(net.parameters(), 0.01)
    values = []
    for _ in range(100):
        values.append(criterion(net(X), Y))
        net.backward(criterion.backward())
        optimizer.step()
    assert values[-1] < values[0] / 3


@pytest.mark.parametrize("axis", [None, 1])
def test_a_gradient_of_another_shape_is_refused(axis: Any) -> None:
    """NumPy would spread the sum over all numbers, or over the wrong axis, without a word."""

    class Wrong(MyLinear):
        def backward(self, dout: Any) -> Any:
            super().backward(dout)
            self.db = dout.sum(axis=axis)
            return dout @ self.W.T

    net = Sequential(Wrong(5, 4))
    criterion, optimizer = SoftmaxCrossEntropy(), SGD(net, lr=0.1)
    criterion(net(X), Y)
    net.backward(criterion.backward())
    with pytest.raises(InputError, match=r"Wrong: the gradient of its parameter 1 .*\(1, 4\).*axis=0"):
        optimizer.step()
    with pytest.raises(InputError, match="axis=0"):
        clip_by_norm(net, 1.0)


def test_parameters_that_are_slices_of_one_array() -> None:
    """New view objects at every look: an id that is given a second time is no parameter that is there twice."""

    class Flat:
        def __init__(self, n: int) -> None:
            self.theta, self.grad = np.zeros(2 * n), np.ones(2 * n)

        def parameters(self) -> Any:
            return [(self.theta[i : i + 2], self.grad[i : i + 2]) for i in range(0, len(self.theta), 2)]

    for n in range(1, 40):
        model = Flat(n)
        SGD(model, lr=0.5).step()
        np.testing.assert_array_equal(model.theta, -0.5)


def test_a_parameter_that_is_there_twice_is_refused() -> None:
    w, dw = np.zeros(3), np.zeros(3)
    with pytest.raises(InputError, match="number 2 is there twice"):
        SGD([(w, dw), (w, dw)])


def test_what_is_no_layer_is_refused() -> None:
    class NoBackward:
        def forward(self, x: Any) -> Any:
            return x

    for wrong in (NoBackward(), 3, None, lambda x: x):
        with pytest.raises(InputError, match="forward and backward"):
            Sequential(Linear(5, 4), wrong)
    for kind in (MySquash, ReLU):
        with pytest.raises(InputError, match=rf"Write {kind.__name__}\(\)"):
            Sequential(Linear(5, 4), kind)
    with pytest.raises(InputError, match="called after the net"):
        Sequential(Linear(5, 4), SoftmaxCrossEntropy())
