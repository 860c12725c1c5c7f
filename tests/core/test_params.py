"""Parameters and the flat buffers that they live in: one array a net, however it is looked at."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

from handgrad import MLP, BatchNorm, Linear, ReLU, Sequential
from handgrad.core.params import GuestParameter, Parameter, as_pairs, gather, runs
from handgrad.errors import InputError


def test_a_parameter_unpacks_as_people_write_it() -> None:
    parameter = Parameter("weight", np.array([[1.0, 2.0], [3.0, 4.0]]))
    w, dw = parameter
    dw[...] = 1
    w -= 0.5 * dw
    np.testing.assert_array_equal(parameter.value, [[0.5, 1.5], [2.5, 3.5]])
    assert parameter[0] is parameter.value
    assert parameter[1] is parameter.grad
    assert len(parameter) == 2
    assert parameter.size == 4
    assert "weight" in repr(parameter)


def test_the_flat_arrays_are_the_weights() -> None:
    net = MLP(3, 4, 2, rng=0)
    assert net.theta.shape == net.grad.shape == (3 * 4 + 4 + 4 * 2 + 2,)
    for value, grad in net.parameters():
        assert np.shares_memory(value, net.theta)
        assert np.shares_memory(grad, net.grad)
    net.theta[...] = np.arange(26)
    np.testing.assert_array_equal(net.layers[0].W, np.arange(12).reshape(3, 4))
    np.testing.assert_array_equal(net.layers[2].b, [24, 25])
    net.layers[0].b += 100
    np.testing.assert_array_equal(net.theta[12:16], [112, 113, 114, 115])
    net.layers[2].dW[...] = 7
    np.testing.assert_array_equal(net.grad[16:24], 7)


def test_a_hand_written_optimizer_moves_the_net() -> None:
    net = MLP(3, 2, rng=0, dtype=np.float64)
    before = net.theta.copy()
    net.grad[...] = 1
    for w, dw in net.parameters():
        w -= 0.1 * dw
    np.testing.assert_allclose(net.theta, before - 0.1)


def test_assigning_writes_into_the_array() -> None:
    """`layer.W = ...` and `layer.dW = ...` copy: a net never loses a weight that somebody re-binds."""
    net = MLP(3, 2, rng=0)
    layer = net.layers[0]
    array, theta = layer.W, net.theta
    layer.W = np.ones((3, 2))
    layer.dW = 2 * np.ones((3, 2))
    assert layer.W is array
    assert layer.W.dtype == np.float32
    np.testing.assert_array_equal(theta[:6], 1)
    np.testing.assert_array_equal(net.grad[:6], 2)
    layer.W = layer.W - 0.5 * layer.dW
    np.testing.assert_array_equal(theta[:6], 0)
    layer.W -= 1
    np.testing.assert_array_equal(theta[:6], -1)


def test_assigning_to_a_parameter_or_to_the_flat_arrays_copies() -> None:
    net: Any = MLP(3, 2, rng=0)
    parameter, theta, grad = net.parameters()[0], net.theta, net.grad
    value, gradient = parameter
    parameter.value, parameter.grad = np.ones((3, 2)), [[2, 2]] * 3
    assert parameter.value is value
    assert parameter.grad is gradient
    np.testing.assert_array_equal(theta[:6], 1)
    np.testing.assert_array_equal(grad[:6], 2)
    parameter[0], parameter[1] = np.full((3, 2), 3), np.full((3, 2), 4)
    np.testing.assert_array_equal(theta[:6], 3)
    np.testing.assert_array_equal(grad[:6], 4)
    net.theta, net.grad = np.arange(8), np.arange(8) + 10
    np.testing.assert_array_equal(net[0].W, np.arange(6).reshape(3, 2))
    np.testing.assert_array_equal(net[0].db, [16, 17])
    for wrong in (np.zeros(7), 0.0, np.zeros((8, 1))):
        with pytest.raises(InputError, match=r"'theta' has shape \(8,\)"):
            net.theta = wrong
        with pytest.raises(InputError, match=r"'grad' has shape \(8,\)"):
            net.grad = wrong
        with pytest.raises(InputError, match=r"'fc1\.weight' has shape"):
            parameter.value = wrong


@pytest.mark.parametrize("wrong", [np.ones((2, 3)), np.ones(6), np.ones((1, 2)), 1.0])
def test_assigning_another_shape_is_refused(wrong: Any) -> None:
    net = MLP(3, 2, rng=0)
    with pytest.raises(InputError, match=r"'fc1\.weight'.*\(3, 2\)"):
        net.layers[0].W = wrong
    with pytest.raises(InputError, match=r"'fc1\.weight\.grad'.*\(3, 2\)"):
        net.layers[0].dW = wrong


@pytest.mark.parametrize(
    "copy_of", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))], ids=["copy", "pickle"]
)
def test_copies_keep_sharing_within_and_share_nothing_without(copy_of: Any) -> None:
    net = Sequential(MLP(3, 4, 2, batch_norm=True, rng=0), Linear(2, 2, rng=1))
    other = copy_of(net)
    np.testing.assert_array_equal(other.theta, net.theta)
    other.theta[...] = 5
    other.grad[...] = 6
    for value, grad in other.parameters():
        assert (value == 5).all()
        assert (grad == 6).all()
    assert (other.layers[0].theta == 5).all()
    assert not (net.theta == 5).any()
    assert not np.shares_memory(other.theta, net.theta)
    x = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
    for one in (net, other):
        one.backward(np.ones_like(one(x)))
    assert (net.grad != other.grad).any()


def test_runs_joins_what_lies_side_by_side() -> None:
    net = MLP(3, 4, 2, rng=0)
    ((theta, grad),) = runs(net.parameters())
    assert theta.base is net.theta.base
    assert theta.size == grad.size == 26
    first, *rest = net.parameters()
    assert [t.size for t, _ in runs([first, *rest[1:]])] == [12, 10]  # a hole where the first bias is
    assert [t.size for t, _ in runs([*rest, first])] == [14, 12]  # in another order
    guest = (np.zeros((2, 2)), np.zeros((2, 2)))
    other = MLP(2, 2, rng=0)
    stretches = runs([*net.parameters(), guest, *other.parameters()])
    assert [t.shape for t, _ in stretches] == [(26,), (6,), (2, 2)]


def test_gather_keeps_values_and_gradients() -> None:
    parameters = [Parameter("a", np.array([1.0, 2.0])), Parameter("b", np.array([[3.0]]))]
    parameters[1].grad[...] = 9
    objects = list(parameters)
    buffer = gather(parameters)
    np.testing.assert_array_equal(buffer.theta, [1, 2, 3])
    np.testing.assert_array_equal(buffer.grad, [0, 0, 9])
    assert all(a is b for a, b in zip(parameters, objects, strict=True))


def test_gather_refuses_mixed_dtypes() -> None:
    with pytest.raises(InputError, match="float32, float64"):
        Sequential(Linear(3, 2), BatchNorm(2, dtype=np.float64))


def test_guest_parameters_are_looked_up_afresh() -> None:
    class Guest:
        w, dw = np.ones(2), np.zeros(2)

        def parameters(self) -> Any:
            return [(self.w, self.dw)]

    guest = Guest()
    parameter = GuestParameter("0", guest, 0)
    guest.dw = np.array([3.0, 4.0])
    value, grad = parameter
    assert value is guest.w
    assert grad is guest.dw
    assert parameter.value is parameter[0] is guest.w
    assert parameter.grad is parameter[1] is guest.dw
    assert (parameter.shape, parameter.size, len(parameter)) == ((2,), 2, 2)


def test_as_pairs_takes_nets_layers_lists_and_generators() -> None:
    net = Sequential(Linear(3, 2), ReLU())
    for source in (net, net.layers[0], net.parameters(), iter(net.parameters()), (pair for pair in net.parameters())):
        assert [value.size for value, _ in as_pairs(source)] == [6, 2]
