"""Layer: what the base of a layer of one's own sees to, and which of its mistakes it names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from handgrad import GELU, SGD, BatchNorm, Dropout, Flatten, Layer, Linear, ReLU, Sequential, Sigmoid, learned
from handgrad.audit.promises.layers import PROMISES, Trial
from handgrad.audit.promises.verdict import examine
from handgrad.core.layers import LAYERS
from handgrad.core.params import Parameter
from handgrad.errors import InputError, StateError

X = np.random.default_rng(0).standard_normal((6, 3))


class Scale(Layer):
    """y = x a, the way to write it on our base."""

    a, da = learned("a")

    def __init__(self, columns: int) -> None:
        self.a = np.ones(columns)

    def forward(self, x: Any) -> Any:
        y = x * self.a
        self.keep(y, x)
        return y

    def backward(self, dy: Any) -> Any:
        (x,) = self.kept(dy)
        self.da = (dy * x).sum(axis=0)
        return dy * self.a


class Bare(Layer):
    """The same without `learned`, its gradient array made by backward alone."""

    def __init__(self, columns: int) -> None:
        self.a = np.ones(columns)

    def forward(self, x: Any) -> Any:
        self.x = x
        return x * self.a

    def backward(self, dy: Any) -> Any:
        self.da = (dy * self.x).sum(axis=0)
        return dy * self.a


class BareNone(Bare):
    """Its gradient is None before the first backward."""

    def __init__(self, columns: int) -> None:
        super().__init__(columns)
        self.da = None


class BareZeros(Bare):
    """Its gradient is there from the start."""

    def __init__(self, columns: int) -> None:
        super().__init__(columns)
        self.da = np.zeros(columns)


class Listed(BareNone):
    """It says itself what it learns."""

    def parameters(self) -> Any:
        return [(self.a, self.da)]


class Stranger:
    """The same without our base, and without parameters()."""

    def __init__(self, columns: int) -> None:
        self.a, self.da = np.ones(columns), np.zeros(columns)

    def forward(self, x: Any) -> Any:
        self.x = x
        return x * self.a

    def backward(self, dy: Any) -> Any:
        self.da = (dy * self.x).sum(axis=0)
        return dy * self.a


# -- what a layer of one's own may leave out


def test_learned_arrays_are_in_the_nets_flat_array() -> None:
    layer = Scale(3)
    net = Sequential(Linear(3, 3, rng=0, dtype=np.float64), layer)
    assert [name for name, _ in net.named_parameters()] == ["fc1.weight", "fc1.bias", "scale1.a"]
    assert np.shares_memory(layer.a, net.theta)
    assert np.shares_memory(layer.da, net.grad)
    verdicts = examine(Trial(net, X), PROMISES)
    assert [v for v in verdicts if v.ok is not True] == []


def test_a_list_or_whole_numbers_become_a_learned_array_of_floats() -> None:
    for value in ([1, 2], np.array([1, 2]), (1.0, 2.0)):
        parameter = Parameter("a", value)
        assert parameter.value.dtype == parameter.grad.dtype == np.float64
        np.testing.assert_array_equal(parameter.value, [1, 2])


@pytest.mark.parametrize("kind", [Scale, Listed])
def test_it_is_trained_in_a_net_and_by_itself(kind: Any) -> None:
    for model in (kind(3), Sequential(kind(3))):
        optimizer = SGD(model, lr=0.1)
        model.forward(X)
        model.backward(np.ones((6, 3)))
        optimizer.step()
        np.testing.assert_allclose(model.parameters()[0][0], 1 - 0.1 * X.sum(axis=0))


@pytest.mark.parametrize("kind", [Scale, Listed])
def test_its_state_is_whole(kind: Any) -> None:
    one, other = kind(3), kind(3)
    one.a[...] = [1, 2, 3]
    other.load_state(one.state())
    np.testing.assert_array_equal(other.a, [1, 2, 3])


# -- weights that nothing would train


@pytest.mark.parametrize("kind", [BareNone, BareZeros, Stranger])
def test_a_weight_on_no_list_is_refused_at_once(kind: Any) -> None:
    with pytest.raises(InputError, match=rf"{kind.__name__}.* 'a' and 'da'.*parameters\(\)") as caught:
        Sequential(Linear(3, 3), kind(3))
    assert "{" not in caught.value.text("ko")


def test_a_weight_on_no_list_is_refused_by_an_optimizer_too() -> None:
    with pytest.raises(InputError, match="'a' and 'da'"):
        SGD(BareNone(3))


def test_a_weight_that_only_backward_shows_is_refused_after_the_first_backward() -> None:
    net = Sequential(Bare(3))
    net(X)
    with pytest.raises(InputError, match="'a' and 'da'"):
        net.backward(np.ones((6, 3)))


def test_arrays_that_are_no_weights_are_left_alone() -> None:
    class Shifted(Layer):
        def __init__(self) -> None:
            self.mean, self.d, self.data = np.ones(3), 3, np.zeros(2)  # no gradient belongs to any of these

        def forward(self, x: Any) -> Any:
            return x - self.mean

        def backward(self, dy: Any) -> Any:
            return dy

    net = Sequential(Shifted())
    net(X)
    net.backward(np.ones((6, 3)))
    assert net.parameters() == []


# -- layers within


def test_a_guest_within_a_layer_is_found() -> None:
    """A layer of handgrad's base, built from one of ours and one that knows nothing of us."""

    class Guest:
        def __init__(self) -> None:
            self.w, self.dw = np.ones(3), np.zeros(3)
            self.on = True

        def forward(self, x: Any) -> Any:
            self.x = x
            return x * self.w

        def backward(self, dy: Any) -> Any:
            self.dw = (dy * self.x).sum(axis=0)
            return dy * self.w

        def parameters(self) -> Any:
            return [(self.w, self.dw)]

        def eval(self) -> None:
            self.on = False

    class Block(Layer):
        def __init__(self) -> None:
            self.guest, self.fc = Guest(), Linear(3, 3, rng=0, dtype=np.float64)

        def forward(self, x: Any) -> Any:
            return self.fc.forward(self.guest.forward(x))

        def backward(self, dy: Any) -> Any:
            return self.guest.backward(self.fc.backward(dy))

    block = Block()
    net = Sequential(block)
    assert [name for name, _ in net.named_parameters()] == ["block1.guest.0", "block1.fc.weight", "block1.fc.bias"]
    optimizer = SGD(net, lr=0.1)
    net(X)
    net.backward(np.ones((6, 3)))
    optimizer.step()
    assert block.guest.dw.any()
    np.testing.assert_allclose(block.guest.w, 1 - 0.1 * block.guest.dw)
    net.eval()
    assert not block.guest.on
    assert not block.fc.training


# -- calls that do not fit


@pytest.mark.parametrize("kind", [ReLU, Sigmoid, Flatten])
def test_an_argument_that_a_layer_does_not_have_is_an_error(kind: Any) -> None:
    with pytest.raises(TypeError):
        kind(0.1)
    with pytest.raises(TypeError):
        kind(inplace=True)


@pytest.mark.parametrize("method", ["forward", "backward"])
def test_a_method_that_was_forgotten(method: str) -> None:
    class Half(Layer):
        pass

    with pytest.raises(StateError, match=rf"Half has no {method}.*def {method}"):
        getattr(Half(), method)(X)


@pytest.mark.parametrize("kind", [Linear, BatchNorm, ReLU, GELU, Flatten])
@pytest.mark.parametrize("as_what", [list, tuple])
def test_a_list_for_dy_is_refused_with_the_cure(kind: Any, as_what: Any) -> None:
    layer: Any = kind(3, 3) if kind is Linear else kind(3) if kind is BatchNorm else kind()
    y = layer(X)
    dy = np.ones_like(y)
    with pytest.raises(InputError, match=rf"{as_what.__name__} for dy.*\(6, 3\).*np\.array"):
        layer.backward(as_what(dy.tolist()))
    assert layer.backward(np.array(dy.tolist())).shape == (6, 3)


@pytest.mark.parametrize("loss", [0.7, np.float64(0.7), None])
def test_the_loss_given_for_its_gradient(loss: Any) -> None:
    layer = Linear(3, 3)
    layer(X)
    with pytest.raises(InputError, match=r"criterion\.backward\(\)"):
        layer.backward(loss)


@pytest.mark.parametrize("x", ["picture.png", None, [[1, 2], [3]], X + 1j, ["a"], {"x": 1}, object()])
def test_what_is_no_numbers_is_refused(x: Any) -> None:
    for layer in (Linear(3, 3), ReLU(), Sequential(Linear(3, 3))):
        with pytest.raises(InputError, match="Numbers are needed"):
            layer(x)


def test_a_bias_that_is_not_there() -> None:
    layer = Sequential(Linear(3, 2, bias=False)).fc1
    for attribute in ("b", "db"):
        with pytest.raises(AttributeError, match="Linear 'fc1' was made without a bias"):
            getattr(layer, attribute)
        assert not hasattr(layer, attribute)


def test_dropout_that_drops_nothing_hands_its_input_on() -> None:
    """The array itself, as documented; no layer of ours writes into its input, so nobody is harmed."""
    x = X.copy()
    for layer in (Dropout(0.0), Dropout(0.5).eval()):
        assert layer(x) is x
    net = Sequential(Dropout(0.5), Linear(3, 3, rng=0), ReLU()).eval()
    net(x)
    np.testing.assert_array_equal(x, X)


def test_every_layer_that_ships_is_on_this_base() -> None:
    assert all(issubclass(kind, Layer) for kind in LAYERS.values())
