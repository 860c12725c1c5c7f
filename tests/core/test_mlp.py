"""MLP: the layers that it builds, the weights that it draws, and every way in which people name an activation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from handgrad import (
    GELU,
    MLP,
    BatchNorm,
    Dropout,
    LayerNorm,
    LeakyReLU,
    Linear,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Tanh,
    he,
    orthogonal,
    xavier,
)
from handgrad.errors import InputError


def test_mlp() -> None:
    net = MLP(784, 256, 10)
    assert [type(layer) for layer in net.layers] == [Linear, ReLU, Linear]
    assert net.theta.size == 784 * 256 + 256 + 2560 + 10
    assert net.dtype == np.float32
    net = MLP(3, 4, 2, activation="gelu", output="softmax", batch_norm=True, dropout=0.2)
    assert [type(layer) for layer in net.layers] == [Linear, BatchNorm, GELU, Dropout, Linear, Softmax]
    assert [type(layer) for layer in MLP(3, 2, output="sigmoid").layers] == [Linear, Sigmoid]


def test_mlp_draws_layer_by_layer() -> None:
    net, rng = MLP(5, 4, 3, rng=7, dtype=np.float64), np.random.default_rng(7)
    np.testing.assert_array_equal(net.layers[0].W, rng.standard_normal((5, 4)) * np.sqrt(2 / 5))
    np.testing.assert_array_equal(net.layers[2].W, rng.standard_normal((4, 3)) * np.sqrt(2 / 4))
    np.testing.assert_array_equal(MLP(5, 4, 3, rng=7).theta, net.theta.astype(np.float32))


def test_mlp_starts_each_activation_rightly() -> None:
    relu, tanh = MLP(5, 4, rng=0, dtype=np.float64), MLP(5, 4, 3, activation="tanh", rng=0, dtype=np.float64)
    np.testing.assert_allclose(relu.layers[0].W / np.sqrt(2 / 5), tanh.layers[0].W / np.sqrt(2 / 9))
    np.testing.assert_allclose(MLP(5, 4, init="normal(0.01)", rng=0, dtype=np.float64).layers[0].W,
                               relu.layers[0].W / np.sqrt(2 / 5) * 0.01)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("relu", ReLU), ("ReLU", ReLU), ("RELU", ReLU), ("leaky_relu", LeakyReLU), ("LeakyReLU", LeakyReLU),
        ("leaky-relu", LeakyReLU), ("Tanh", Tanh), ("SiLU", SiLU), ("Softmax", Softmax), (Sigmoid, Sigmoid),
    ],
)  # fmt: skip
def test_activations_by_any_of_their_names(name: Any, kind: type) -> None:
    hidden = MLP(4, 3, 2, activation=name)
    last = MLP(4, 3, 2, activation=None, output=name)
    assert [type(layer) for layer in hidden] == [Linear, kind, Linear]
    assert [type(layer) for layer in last] == [Linear, Linear, kind]


def test_an_activation_of_ones_own() -> None:
    class Half:
        def forward(self, x: Any) -> Any:
            return x / 2

        def backward(self, dy: Any) -> Any:
            return dy / 2

    net = MLP(4, 3, 3, 2, activation=Half, rng=0, dtype=np.float64)  # type: ignore[arg-type]
    x = np.ones((2, 4))
    np.testing.assert_allclose(net(x), x @ net.fc1.W @ net.fc2.W @ net.fc3.W / 4)


@pytest.mark.parametrize(("what", "which"), [("activation", "rely"), ("output", "linear"), ("activation", int)])
def test_an_unknown_activation_is_named_with_the_argument_that_it_stood_in(what: str, which: Any) -> None:
    with pytest.raises(InputError, match=rf"^{what}: .* Choose one of: relu, .*softmax"):
        MLP(4, 3, 2, **{what: which})


def test_the_start_by_name_or_by_function() -> None:
    weights: dict[Any, Any] = {
        init: MLP(4, 3, 2, init=init, rng=0, dtype=np.float64).theta  # type: ignore[arg-type]
        for init in ("he", "He", he, "xavier", xavier, "orthogonal", orthogonal)
    }
    groups: list[set[Any]] = [{"he", "He", he}, {"xavier", xavier}, {"orthogonal", orthogonal}]
    for same in groups:
        first, *others = same
        for other in others:
            np.testing.assert_array_equal(weights[first], weights[other])
    assert (weights["he"] != weights["xavier"]).any()


@pytest.mark.parametrize("rng", [-1, True, 1.5, "seed", object()])
def test_what_is_no_seed_is_refused(rng: Any) -> None:
    with pytest.raises(InputError, match="seed"):
        MLP(4, 2, rng=rng)


def test_a_generator_of_either_kind_will_do() -> None:
    for make in (np.random.default_rng, np.random.RandomState):
        np.testing.assert_array_equal(MLP(4, 2, rng=make(3)).theta, MLP(4, 2, rng=make(3)).theta)
        assert (MLP(4, 3, 2, dropout=0.5, rng=make(3))(np.ones((50, 4))) != 0).any()


@pytest.mark.parametrize("dtype", [int, "int8", complex, bool, object, "no type", str])
def test_weights_are_floats(dtype: Any) -> None:
    for kind, sizes in ((MLP, (4, 2)), (Linear, (4, 2)), (BatchNorm, (4,)), (LayerNorm, (4,))):
        with pytest.raises(InputError, match="floating-point"):
            kind(*sizes, dtype=dtype)
