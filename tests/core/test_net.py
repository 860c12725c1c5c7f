"""Nets: names, nesting, sharing, modes, state and architecture, and what they say to a wrong assembly."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from handgrad import (
    ELU,
    GELU,
    MLP,
    MSE,
    SGD,
    BatchNorm,
    Dropout,
    Flatten,
    Huber,
    LayerNorm,
    LeakyReLU,
    Linear,
    ReLU,
    Sequential,
    Softmax,
    SoftmaxCrossEntropy,
    Tanh,
)
from handgrad.errors import InputError, StateError


def batch(rows: int = 6, columns: int = 5, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal((rows, columns))


def double(*sizes: int, **options: Any) -> MLP:
    return MLP(*sizes, rng=0, dtype=np.float64, **options)


# -- names


def test_state_names() -> None:
    net = MLP(3, 4, 4, 2, batch_norm=True, dropout=0.1, output="softmax")
    assert list(net.state()) == [
        "fc1.weight", "fc1.bias", "batchnorm1.scale", "batchnorm1.shift", "fc2.weight", "fc2.bias", "batchnorm2.scale",
        "batchnorm2.shift", "fc3.weight", "fc3.bias", "batchnorm1.running_mean", "batchnorm1.running_var",
        "batchnorm2.running_mean", "batchnorm2.running_var",
    ]  # fmt: skip
    assert net.names == [
        "fc1", "batchnorm1", "relu1", "dropout1", "fc2", "batchnorm2", "relu2", "dropout2", "fc3", "softmax1",
    ]  # fmt: skip
    assert [parameter.name for parameter in net.parameters()][:2] == ["fc1.weight", "fc1.bias"]


def test_names_of_nested_nets_and_of_ones_own() -> None:
    net = Sequential(Linear(3, 3, name="in"), Sequential(Linear(3, 3), Tanh()), Linear(3, 2, name="out"))
    assert [name for name, _ in net.named_parameters()] == [
        "in.weight", "in.bias", "block1.fc1.weight", "block1.fc1.bias", "out.weight", "out.bias",
    ]  # fmt: skip
    assert [name for name, _ in net.named_layers()] == ["in", "block1.fc1", "block1.tanh1", "out"]


def test_a_name_that_is_taken_is_not_given_twice() -> None:
    net = Sequential(Linear(3, 3, name="fc2"), Linear(3, 3), Linear(3, 3), Linear(3, 3, name="fc2"))
    assert len(set(net.names)) == 4
    assert net.names[0] == "fc2"


def test_state_is_live() -> None:
    net = MLP(3, 2)
    net.state()["fc1.bias"][...] = 3
    np.testing.assert_array_equal(net.layers[0].b, 3)


# -- sharing


def test_a_nested_net_shares_its_arrays_with_the_whole() -> None:
    inner = double(5, 4, 3)
    net = Sequential(inner, Linear(3, 2, rng=1, dtype=np.float64))
    assert np.shares_memory(inner.theta, net.theta)
    inner.theta[...] = 2
    np.testing.assert_array_equal(net.theta[: inner.theta.size], 2)
    net.backward(np.ones_like(net(batch())))
    np.testing.assert_array_equal(inner.grad, net.grad[: inner.grad.size])
    assert inner.grad.any()


def test_a_part_of_a_net_as_a_net_of_its_own() -> None:
    """The first layers of a trained net, as a feature extractor: the same arrays, no copy."""
    net = double(5, 4, 3, 2)
    part = Sequential(*net.layers[:3])
    assert np.shares_memory(part.theta, net.theta)
    x = batch()
    np.testing.assert_array_equal(part(x), net.layers[2](net.layers[1](net.layers[0](x))))
    part.theta[...] += 1
    np.testing.assert_array_equal(net.theta[: part.theta.size], part.theta)
    assert [name for name, _ in net.named_parameters()][:2] == ["fc1.weight", "fc1.bias"]


def test_layers_taken_out_of_order_are_refused() -> None:
    net = double(5, 4, 4, 2)
    before = net.theta.copy()
    with pytest.raises(InputError, match="deepcopy"):
        Sequential(net.layers[4], Sequential(net.layers[0]))
    np.testing.assert_array_equal(net.theta, before)
    net.backward(np.ones_like(net(batch())))


def test_all_layers_in_another_order_tear_the_first_net() -> None:
    first, second = Linear(3, 3, rng=0), Linear(3, 3, rng=1)
    net = Sequential(first, second)
    turned = Sequential(second, first)
    assert turned.theta.size == 24
    with pytest.raises(StateError, match="deepcopy"):
        _ = net.theta
    assert len(net.parameters()) == 4  # these still are the arrays
    SGD(net.parameters(), lr=0.1).step()


# -- forward and backward


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("parts", [1, 2, 3, 6])
def test_accumulating_a_batch_in_parts_is_the_whole_batch(parts: int, nested: bool) -> None:
    """A mean of equal parts: each part's gradient counts 1/parts."""
    net = Sequential(double(5, 4), Tanh(), double(4, 3)) if nested else double(5, 4, 3, activation="tanh")
    loss, x, y = SoftmaxCrossEntropy(), batch(), np.array([0, 1, 2, 2, 1, 0])
    loss(net(x), y)
    net.backward(loss.backward())
    whole = net.grad.copy()
    net.grad[...] = 99  # the first part assigns
    for i, rows in enumerate(np.split(np.arange(6), parts)):
        loss(net(x[rows]), y[rows])
        net.backward(loss.backward() / parts, accumulate=i > 0)
    np.testing.assert_allclose(net.grad, whole, rtol=1e-12)


def test_backward_assigns() -> None:
    net = double(5, 4, 3)
    dy = np.ones_like(net(batch()))
    net.grad[...] = 7
    net.backward(dy)
    once = net.grad.copy()
    net.backward(dy)
    np.testing.assert_array_equal(net.grad, once)


def test_the_first_layer_is_spared_a_product_that_nobody_wants() -> None:
    asked = []

    class Spy(Linear):
        def backward(self, dy: Any, *, input_gradient: bool = True) -> Any:
            asked.append(input_gradient)
            return super().backward(dy, input_gradient=input_gradient)

    net = Sequential(Sequential(Spy(5, 4), Tanh(), Spy(4, 4)), Spy(4, 3))
    dy = np.ones_like(net(batch()))
    net.backward(dy)
    net.backward(dy, input_gradient=False)
    assert asked == [True, True, True, True, True, False]


@pytest.mark.parametrize(
    "net", [double(5, 4, 3), Sequential(double(5, 4), Tanh()), Sequential(Tanh(), double(5, 3)), Sequential(Tanh())]
)
def test_the_input_gradient_may_be_left_out(net: Sequential) -> None:
    dy = np.ones_like(net(batch()))
    assert net.backward(dy) is not None
    full = net.grad.copy()
    net.grad[...] = 0
    assert net.backward(dy, input_gradient=False) is None
    np.testing.assert_array_equal(net.grad, full)


def test_integers_and_lists_come_in_and_the_dtype_of_the_net_goes_out() -> None:
    net = MLP(2, 3, 2, rng=0)
    numbers = np.array([[0, 255], [7, 8]])
    assert net(numbers).dtype == net([[0, 255], [7, 8]]).dtype == np.float32
    np.testing.assert_array_equal(net(numbers), net(numbers.astype(np.float64)))
    assert net.backward(np.ones((2, 2))).dtype == np.float32  # type: ignore[union-attr]


def test_modes_reach_every_layer() -> None:
    net = Sequential(double(5, 4, batch_norm=True, dropout=0.5), Sequential(Dropout(0.5, rng=0)))
    assert net.eval() is net
    assert not any(layer.training for _, layer in net.named_layers())
    np.testing.assert_array_equal(net(batch()), net(batch()))
    assert net.train() is net
    assert all(layer.training for _, layer in net.named_layers())


def test_backward_out_of_turn() -> None:
    net = double(5, 4, 3)
    with pytest.raises(StateError, match=r"Linear 'fc2': backward was called before forward"):
        net.backward(np.ones((6, 3)))
    net(batch())
    net.eval()
    with pytest.raises(StateError, match=r"eval mode.*net\.train\(\)"):
        net.backward(np.ones((6, 3)))
    net.train()
    with pytest.raises(StateError, match="before forward"):
        net.backward(np.ones((6, 3)))


def test_a_dy_of_another_shape() -> None:
    net = double(5, 4, 3)
    net(batch())
    for wrong in (np.ones((5, 3)), np.ones((6, 1)), np.ones(3), 1.0):
        with pytest.raises(InputError, match=r"\(6, 3\)"):
            net.backward(wrong)


@pytest.mark.parametrize(
    ("shape", "advice"),
    [
        ((4, 1, 5), r"Flatten\(\)"),
        ((5,), r"x\[None\]"),
        ((4, 6), "transpose"),
        ((5, 4), "transpose"),
        ((), "transpose"),
    ],
)
def test_an_x_of_another_shape(shape: tuple[int, ...], advice: str) -> None:
    for layer in (double(5, 3), BatchNorm(5), LayerNorm(5)):
        with pytest.raises(InputError, match=advice):
            layer(np.ones(shape))


def test_batch_norm_cannot_train_on_one() -> None:
    layer = BatchNorm(5)
    with pytest.raises(InputError, match=r"net\.eval"):
        layer(batch(1))
    np.testing.assert_array_equal(layer.running_mean, 0)  # nothing was changed before the refusal
    assert layer.eval()(batch(1)).shape == (1, 5)


# -- what cannot be built


@pytest.mark.parametrize(
    "build",
    [
        MLP, lambda: MLP(784), lambda: MLP(784, 0, 10), lambda: MLP(784, 1_000_000, 10),
        lambda: MLP(784, 2.5, 10),  # type: ignore[arg-type]
        lambda: MLP(784, "256", 10),  # type: ignore[arg-type]
        lambda: MLP(784, True, 10), lambda: MLP(3, 4, 2, activation="rely"),
        lambda: MLP(3, 2, output="max"), lambda: MLP(3, 4, 2, dropout=1.0), lambda: MLP(3, 4, 2, dropout=float("nan")),
        Sequential, lambda: Sequential(ReLU), lambda: Sequential(5), lambda: Linear(0, 3), lambda: BatchNorm(-1),
        lambda: LeakyReLU(2), lambda: ELU(-1), lambda: GELU("erf"), lambda: Huber(0), lambda: LayerNorm(5, eps=-1),
    ],
)  # fmt: skip
def test_what_cannot_be_built_says_why(build: Any) -> None:
    with pytest.raises(InputError) as caught:
        build()
    assert len(str(caught.value)) > 20
    assert "{" not in str(caught.value) + caught.value.text("ko")


def test_one_layer_in_two_places_is_refused() -> None:
    layer = Linear(3, 3)
    for build in ((layer, ReLU(), layer), (layer, Sequential(ReLU(), layer))):
        with pytest.raises(InputError, match="twice"):
            Sequential(*build)


def test_a_list_of_layers_will_do() -> None:
    assert len(Sequential([Linear(3, 2), ReLU()]).layers) == 2


# -- state and architecture


def test_load_state() -> None:
    net, other = double(5, 4, 3, batch_norm=True), MLP(5, 4, 3, batch_norm=True, rng=1, dtype=np.float64)
    net(batch())
    theta = other.theta
    other.load_state({name: array.copy() for name, array in net.state().items()})
    assert np.shares_memory(other.theta, theta)
    np.testing.assert_array_equal(other.eval()(batch()), net.eval()(batch()))


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda state: state.pop("fc1.bias"), "fc1.bias"),
        (lambda state: state.update(extra=np.zeros(3)), "extra"),
        (lambda state: state.update({"fc2.weight": np.zeros((4, 7))}), "fc2.weight"),
        (lambda state: state.update({"fc2.bias": np.zeros((1, 3))}), "fc2.bias"),
    ],
)
def test_load_state_of_another_net_changes_nothing(change: Any, name: str) -> None:
    net = double(5, 4, 3)
    before = net.theta.copy()
    state = {key: np.full_like(array, 9) for key, array in net.state().items()}
    change(state)
    with pytest.raises(InputError, match=name):
        net.load_state(state)
    np.testing.assert_array_equal(net.theta, before)


def test_config_builds_the_same_net_again() -> None:
    net = Sequential(
        Flatten(), Linear(6, 5, bias=False, rng=0, dtype="f8"), BatchNorm(5, momentum=0.3, eps=1e-3, dtype="f8"),
        LeakyReLU(0.2), Dropout(0.25, rng=0), Sequential(Linear(5, 4, rng=1, dtype="f8"), ELU(0.5), name="middle"),
        LayerNorm(4, eps=1e-4, dtype="f8"), GELU("tanh"), MLP(4, 3, 2, activation="silu", rng=2, dtype="f8"),
        GELU(), Softmax(),
    )  # fmt: skip
    heir = Sequential.from_config(json.loads(json.dumps(net.config())))
    assert heir.names == net.names
    assert heir.config() == net.config()
    assert [parameter.shape for parameter in heir.parameters()] == [parameter.shape for parameter in net.parameters()]
    assert heir.dtype == np.float64
    heir.load_state(net.state())
    x = np.random.default_rng(0).standard_normal((4, 2, 3))
    np.testing.assert_array_equal(heir.eval()(x), net.eval()(x))


def test_config_of_a_strangers_layer_is_refused() -> None:
    class Twice:
        def forward(self, x: Any) -> Any:
            return 2 * x

        def backward(self, dy: Any) -> Any:
            return 2 * dy

    with pytest.raises(InputError, match="Twice"):
        Sequential(Twice()).config()
    with pytest.raises(InputError, match="Wonder"):
        Sequential.from_config({"dtype": "float32", "layers": [{"name": "w", "kind": "Wonder"}]})


def test_repr_and_html() -> None:
    net = MLP(784, 256, 10, dropout=0.2)
    assert repr(net).splitlines() == [
        "MLP: 203,530 parameters, float32",
        "  fc1       Linear(inputs=784, outputs=256)  200,960",
        "  relu1     ReLU()",
        "  dropout1  Dropout(p=0.2)",
        "  fc2       Linear(inputs=256, outputs=10)     2,570",
    ]
    assert "203,530" in net._repr_html_()
    assert net._repr_html_().count("<tr>") == 4


def test_a_net_learns() -> None:
    """The loop of the README, on numbers: the loss falls by more than a hundred times."""
    x = batch(64, 2)
    y = (x[:, 0] * x[:, 1] > 0).astype(int)  # no line parts these
    net = MLP(2, 32, 2, activation="tanh", rng=0)
    criterion, optimizer = SoftmaxCrossEntropy(), SGD(net.parameters(), lr=0.5, momentum=0.9)
    first = criterion(net(x), y)
    for _ in range(400):
        loss = criterion(net(x), y)
        net.backward(criterion.backward())
        optimizer.step()
        optimizer.zero_grad()
    assert loss < first / 20
    assert (net(x).argmax(axis=1) == y).all()


def test_regression_learns_too() -> None:
    x = batch(40, 3)
    t = x @ [[1.0], [-2.0], [0.5]] + 3
    net, criterion = double(3, 1), MSE()
    optimizer = SGD(net, lr=0.1)
    for _ in range(300):
        criterion(net(x), t)
        net.backward(criterion.backward(), input_gradient=False)
        optimizer.step()
    np.testing.assert_allclose(net.theta, [1, -2, 0.5, 3], atol=1e-6)


def test_predict_is_evaluation_mode_in_blocks() -> None:
    """More rows than a block has, and not a whole number of blocks; the modes are those from before."""
    rng = np.random.default_rng(0)
    frozen = BatchNorm(8).eval()
    net = Sequential(Linear(6, 8, rng=0), frozen, ReLU(), Dropout(0.5, rng=1), Linear(8, 3, rng=2))
    x = rng.standard_normal((5030, 6)).astype(np.float32)
    assert net.training
    y = net.predict(x)
    assert [layer.training for layer in net] == [True, False, True, True, True]
    assert net.training
    np.testing.assert_allclose(y, net.eval()(x), rtol=1e-5, atol=1e-6)
    assert net.predict(x[:1]).shape == (1, 3)
    assert net.predict(x[:0]).shape == (0, 3)
    assert not net.training


def test_a_net_without_weights_inside_a_net_rounds_no_gradient() -> None:
    inner = Sequential(Tanh())
    outer = Sequential(Linear(3, 3, rng=0, dtype=np.float64), inner)
    outer(np.ones((1, 3)))
    dy = np.array([[1 + 1e-12, 1.0, 1.0]])
    y = outer(np.ones((1, 3)))
    np.testing.assert_array_equal(inner.backward(dy), dy * (1 - y * y))
