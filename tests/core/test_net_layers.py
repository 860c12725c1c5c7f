"""The layers of a net by position, name and slice; that they stay as they are; copies; raw pixels at the door."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

from handgrad import MLP, SGD, Layer, Linear, ReLU, Sequential, Softmax, SoftmaxCrossEntropy, evaluate
from handgrad.errors import InputError, StateError

X = np.random.default_rng(0).standard_normal((6, 5))


def mlp() -> MLP:
    return MLP(5, 4, 3, rng=0, dtype=np.float64)


# -- having them


def test_by_position_by_name_and_as_an_attribute() -> None:
    net = mlp()
    for i, name in enumerate(net.names):
        assert net[i] is net[i - 3] is net[name] is getattr(net, name) is net.layers[i]
    assert list(net) == list(net.layers)
    assert len(net) == 3
    assert {"fc1", "relu1", "fc2", "theta"} <= set(dir(net))
    nested = Sequential(mlp(), Softmax())
    assert nested.block1.fc2 is nested[0][2]
    nested.block1.fc2.b[...] = 7
    assert (nested.theta[-3:] == 7).all()


def test_a_slice_is_a_net_that_shares_its_weights() -> None:
    net = mlp()
    body = net[:-1]
    assert isinstance(body, Sequential)
    assert body.names == ["fc1", "relu1"]
    np.testing.assert_array_equal(net.fc2(body(X)), net(X))
    body.theta[...] = 0
    assert not net.fc1.W.any()
    assert net.theta.size == 24 + 15


def test_a_slice_has_the_mode_of_the_whole() -> None:
    """Otherwise evaluating a part would set its layers, and so the whole, back to training."""
    net = mlp().eval()
    part = net[:]
    evaluate(part, X.astype(np.float32), np.array([0, 1, 2, 0, 1, 2]))
    assert not part.training
    assert not any(layer.training for layer in net)
    assert net.train()[:2].training


def test_a_slice_from_behind_is_refused_and_harms_nothing() -> None:
    net = mlp()
    with pytest.raises(InputError, match="out of order"):
        net[::-1]
    assert net.theta.size == 24 + 15


@pytest.mark.parametrize(
    ("ask", "error", "says"),
    [
        (lambda net: net["fc9"], InputError, "'fc9' is not known.*fc1, relu1, fc2"),
        (lambda net: net[3], IndexError, "out of range"),
        (lambda net: net[3:], InputError, "at least one layer"),
        (lambda net: net.fc9, AttributeError, "neither an attribute nor a layer 'fc9'"),
        (lambda net: net.forwards, AttributeError, "forwards"),
    ],
)
def test_what_is_not_there(ask: Any, error: Any, says: str) -> None:
    with pytest.raises(error, match=says):
        ask(mlp())


def test_a_name_that_a_net_has_already_is_had_by_subscript() -> None:
    net = Sequential(Linear(5, 4, name="layers"), Linear(4, 3, name="training"), Linear(3, 2, name="theta"))
    assert [net[name] for name in net.names] == list(net.layers)
    assert net.theta.size == 24 + 15 + 8
    assert not net.eval().training


# -- they stay as they are


def put(net: Any, name: str, value: Any) -> None:
    setattr(net, name, value)


@pytest.mark.parametrize(
    "change",
    [
        lambda net: put(net, "layers", [Linear(5, 3)]),
        lambda net: put(net, "fc1", Linear(5, 4)),
        lambda net: put(net, "fc1", None),
        lambda net: put(net, "head", Linear(3, 3)),  # nothing would train it
    ],
)
def test_assigning_a_layer_is_refused(change: Any) -> None:
    net = mlp()
    before, layers = net(X), list(net)
    with pytest.raises(StateError, match=r"Sequential\(\*net\.layers"):
        change(net)
    assert list(net) == layers
    np.testing.assert_array_equal(net(X), before)


def test_the_layers_cannot_be_added_to_or_replaced_in_place() -> None:
    net: Any = mlp()
    with pytest.raises(AttributeError):
        net.layers.append(ReLU())
    with pytest.raises(TypeError):
        net.layers[0] = ReLU()
    with pytest.raises(TypeError):
        net[0] = ReLU()


def test_notes_and_ones_own_layers_under_another_name_may_be_assigned() -> None:
    net = mlp()
    net.note, net.head = "trained on Monday", net.fc2
    net.fc1.W = np.ones((5, 4))
    assert net.head is net[-1]
    assert [name for name, _ in net.named_parameters()] == ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"]


def test_another_net_from_the_same_layers() -> None:
    net = mlp()
    whole = Sequential(*net.layers, Softmax())
    np.testing.assert_allclose(whole(X), Softmax()(net(X)))
    assert np.shares_memory(whole.theta, net.theta)


def test_what_was_held_before_a_net_took_the_layer_cannot_be_written() -> None:
    """`w, dw` from before: writing there would change nothing, and nobody would know."""
    layer = Linear(5, 4, rng=0)
    (w, dw), (b, db) = layer.parameters()
    Sequential(layer, Linear(4, 3))
    for array in (w, dw, b, db):
        with pytest.raises(ValueError, match="read-only"):
            array += 1
    layer.W += 1
    (fresh, _), _ = layer.parameters()
    fresh += 1


def test_an_optimizer_made_of_plain_arrays_before_the_net_says_so() -> None:
    layer = Linear(5, 4, rng=0)
    optimizer = SGD([tuple(pair) for pair in layer.parameters()], lr=0.1)
    net = Sequential(layer)
    net.backward(np.ones_like(net(X)))
    with pytest.warns(UserWarning, match="All gradients are exactly 0"), pytest.raises(ValueError, match="read-only"):
        optimizer.step()


# -- nets of one's own


def test_a_subclass_with_layers() -> None:
    class Digits(Sequential):
        def __init__(self) -> None:
            self.note = "before"
            self.first = Linear(5, 4, rng=0)
            super().__init__(self.first, ReLU(), Linear(4, 3, rng=1))
            self.last = self[-1]

    net = Digits()
    assert net.first is net.fc1
    assert net(X).shape == (6, 3)
    assert repr(net).startswith("Digits: 39 parameters")


class Forgot(Sequential):
    """As people write it who know PyTorch's Module, with its first line left out."""

    def __init__(self) -> None:
        self.fc = Linear(5, 3)


@pytest.mark.parametrize(
    "use",
    [
        lambda net: net(X), lambda net: net.forward(X), lambda net: net.backward(X), lambda net: net.parameters(),
        lambda net: net.theta, repr, len, list, lambda net: net.eval(), SGD, lambda net: net.state(), Sequential,
        lambda net: net[0],
    ],
)  # fmt: skip
def test_a_subclass_that_forgot_its_super(use: Any) -> None:
    with pytest.raises(StateError, match=r"Forgot has no layers yet.*super\(\).__init__\(Linear"):
        use(Forgot())


def test_a_subclass_that_forgot_its_super_still_answers_harmless_questions() -> None:
    net = Forgot()
    assert not hasattr(net, "fc1")
    assert isinstance(copy.deepcopy(net).fc, Linear)


# -- copies


COPIES = {"copy": copy.deepcopy, "pickle": lambda net: pickle.loads(pickle.dumps(net))}


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_a_copy_has_its_layers_by_every_way(copied: Any) -> None:
    net = Sequential(mlp(), Linear(3, 2, rng=1, dtype=np.float64), name="whole")
    other = copied(net.eval())
    assert other.names == net.names
    assert other.block1.fc1 is other[0][0] is other["block1"]["fc1"]
    assert other.block1.fc1 is not net.block1.fc1
    assert not other.training
    np.testing.assert_array_equal(other(X), net(X))
    other.block1.fc1.W += 1
    assert (other.theta != net.theta).any()
    with pytest.raises(AttributeError):
        _ = other.fc9
    with pytest.raises(StateError):
        other.fc1 = ReLU()


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_a_copied_net_and_its_optimizer_go_on_together(copied: Any) -> None:
    net, criterion = mlp(), SoftmaxCrossEntropy()
    optimizer = SGD(net, lr=0.1, momentum=0.9)
    optimizer.step()
    twin, of_twin = copied((net, optimizer))
    for one, how in ((net, optimizer), (twin, of_twin)):
        criterion(one(X), [0, 1, 2, 0, 1, 2])
        one.backward(criterion.backward())
        how.step()
    np.testing.assert_array_equal(twin.theta, net.theta)


def test_a_shallow_copy_is_the_same_net() -> None:
    net = mlp()
    other = copy.copy(net)
    assert other.fc1 is net.fc1


# -- at the door


@pytest.mark.parametrize("net", [MLP(5, 3), Sequential(MLP(5, 4), ReLU())])
def test_raw_pixels_are_refused(net: Sequential) -> None:
    pixels = np.full((2, 5), 200, np.uint8)
    with pytest.raises(InputError, match=r"x / 255"):
        net(pixels)
    assert np.abs(net(pixels / 255)).max() < 50
    assert net(pixels.astype(int)).shape == (2, net(X).shape[1])  # whole numbers that nobody takes for pixels


def test_a_forward_or_backward_without_a_return() -> None:
    class Silent(Layer):
        def forward(self, x: Any) -> Any:
            self.y = x

        def backward(self, dy: Any) -> Any:
            return dy

    class Mute(Layer):
        def forward(self, x: Any) -> Any:
            return x

        def backward(self, dy: Any) -> Any:
            self.dx = dy

    with pytest.raises(StateError, match=r"Silent 'silent1': its forward returned None"):
        Sequential(Silent())(X)
    net = Sequential(Linear(5, 5), Mute())
    net(X)
    with pytest.raises(StateError, match=r"Mute 'mute1': its backward returned None"):
        net.backward(np.ones((6, 5)))
