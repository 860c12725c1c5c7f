"""Optimizers: their promises, steps worked by hand, decay, clipping, and going on from a saved state."""

from __future__ import annotations

import copy
import math
import pickle
from typing import Any

import numpy as np
import pytest
from core_cases import OPTIMIZER_CASES

from handgrad import MLP, MSE, SGD, Adam, AdamW, Linear, RMSprop, Sequential, clip_by_norm
from handgrad.audit.promises.optimizers import OPTIMIZER_PROMISES, OptimizerTrial
from handgrad.audit.promises.verdict import Promise, examine
from handgrad.core import optim
from handgrad.core.params import Parameter
from handgrad.errors import InputError


@pytest.mark.parametrize("promise", OPTIMIZER_PROMISES, ids=lambda promise: promise.__name__)
@pytest.mark.parametrize(("kind", "options"), OPTIMIZER_CASES.values(), ids=OPTIMIZER_CASES)
def test_every_promise_is_kept(kind: Any, options: dict[str, Any], promise: Promise) -> None:
    verdicts = examine(OptimizerTrial(lambda pairs, lr: kind(pairs, lr, **options)), [promise])
    assert verdicts
    assert [v for v in verdicts if v.ok is not True] == []


# -- by hand: theta = 1, the gradient 2 in the first step and 1 in the second, lr 0.1


def two_steps(kind: Any, **options: Any) -> tuple[float, float]:
    theta, grad = np.array([1.0]), np.array([2.0])
    optimizer = kind([(theta, grad)], lr=0.1, **options)
    optimizer.step()
    first = float(theta[0])
    grad[0] = 1.0
    optimizer.step()
    return first, float(theta[0])


def test_sgd() -> None:
    assert two_steps(SGD) == pytest.approx((1 - 0.2, 0.8 - 0.1))


def test_sgd_weight_decay() -> None:
    # g = 2 + 0.5 * 1 = 2.5, then 1 + 0.5 * 0.75 = 1.375
    assert two_steps(SGD, weight_decay=0.5) == pytest.approx((0.75, 0.75 - 0.1375))


def test_sgd_momentum() -> None:
    # v = 2, then 0.9 * 2 + 1 = 2.8
    assert two_steps(SGD, momentum=0.9) == pytest.approx((0.8, 0.8 - 0.28))


def test_sgd_nesterov() -> None:
    # v = 2, step by 2 + 0.9 * 2 = 3.8; v = 2.8, step by 1 + 0.9 * 2.8 = 3.52
    assert two_steps(SGD, momentum=0.9, nesterov=True) == pytest.approx((1 - 0.38, 0.62 - 0.352))


def test_rmsprop() -> None:
    # s = 0.25 * 4 = 1, step 2/1; s = 0.75 * 1 + 0.25 * 1 = 1, step 1/1
    assert two_steps(RMSprop, alpha=0.75) == pytest.approx((0.8, 0.7))


def test_adam() -> None:
    # m = 0.1 * 2 = 0.2, mhat = 2; v = 0.001 * 4, vhat = 4: step lr * 2/2.
    # Then m = 0.28, mhat = 0.28/0.19; v = 0.999 * 0.004 + 0.001 = 0.004996, vhat = 0.004996/0.001999.
    second = 0.9 - 0.1 * (0.28 / 0.19) / math.sqrt(0.004996 / 0.001999)
    assert two_steps(Adam) == pytest.approx((0.9, second), rel=1e-7)


def test_adam_eps_is_added_to_the_corrected_root() -> None:
    # mhat = 2, sqrt(vhat) = 2: the step is lr * 2 / (2 + 0.5)
    assert two_steps(Adam, eps=0.5)[0] == pytest.approx(1 - 0.1 * 0.8)


def test_adam_weight_decay_joins_the_gradient() -> None:
    assert two_steps(Adam, weight_decay=0.5)[0] == pytest.approx(0.9)  # one step of lr, whatever the size of g


def test_adamw_weight_decay_stands_apart() -> None:
    assert two_steps(AdamW, weight_decay=0.5)[0] == pytest.approx(1 * (1 - 0.1 * 0.5) - 0.1)


def test_adamw_decays_by_a_hundredth_unless_told_otherwise() -> None:
    assert two_steps(AdamW)[0] == pytest.approx(1 - 0.001 - 0.1)


# -- a whole net


def _net_and_gradients(seed: int = 0) -> Any:
    net = MLP(4, 5, 3, rng=seed, dtype=np.float64)
    for value, grad in net.parameters():
        value += 0.1
        grad[...] = np.random.default_rng(value.size).standard_normal(value.shape)
    return net


@pytest.mark.parametrize("kind", [SGD, Adam, AdamW, RMSprop])
def test_decay_weights_leaves_the_biases_alone(kind: Any) -> None:
    net, plain = _net_and_gradients(), _net_and_gradients()
    everything = _net_and_gradients()
    kind(net.parameters(), 0.1, weight_decay=0.3, decay="weights").step()
    kind(plain.parameters(), 0.1, weight_decay=0.0).step()
    kind(everything.parameters(), 0.1, weight_decay=0.3).step()
    for (w, _), (v, _), (u, _) in zip(net.parameters(), plain.parameters(), everything.parameters(), strict=True):
        np.testing.assert_allclose(w, u if w.ndim == 2 else v, rtol=1e-14)
        if kind in (SGD, AdamW):  # the first step of the others is of one size, whatever is added to g
            assert not np.allclose(v, u, rtol=1e-6)


@pytest.mark.parametrize(("kind", "options"), OPTIMIZER_CASES.values(), ids=OPTIMIZER_CASES)
def test_slices_change_nothing(kind: Any, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    whole, cut = _net_and_gradients(), _net_and_gradients()
    optimizer = kind(whole.parameters(), 0.1, **options)
    for _ in range(3):
        optimizer.step()
    monkeypatch.setattr(optim, "SLICE", 7)
    optimizer = kind(cut.parameters(), 0.1, **options)
    for _ in range(3):
        optimizer.step()
    np.testing.assert_array_equal(cut.theta, whole.theta)


@pytest.mark.parametrize("decay", ["all", "weights"])
@pytest.mark.parametrize(("kind", "options"), OPTIMIZER_CASES.values(), ids=OPTIMIZER_CASES)
def test_a_saved_state_goes_on_to_the_same_numbers(kind: Any, options: dict[str, Any], decay: str) -> None:
    """Train ten steps; train five, save weights and state, load both into new objects, train five more."""
    x, t = np.random.default_rng(0).standard_normal((2, 6, 4))

    def train(net: Any, optimizer: Any, steps: int) -> None:
        loss = MSE()
        for _ in range(steps):
            loss(net(x), t[:, :3])
            net.backward(loss.backward())
            optimizer.step()

    net = MLP(4, 5, 3, rng=0, dtype=np.float64)
    optimizer = kind(net.parameters(), 0.05, decay=decay, **options)
    train(net, optimizer, 5)
    heir = MLP(4, 5, 3, rng=1, dtype=np.float64)
    heir.load_state({name: array.copy() for name, array in net.state().items()})
    next_optimizer = kind(heir.parameters(), 0.05, decay=decay, **options)
    next_optimizer.load_state({name: array.copy() for name, array in optimizer.state().items()})
    train(net, optimizer, 5)
    train(heir, next_optimizer, 5)
    assert next_optimizer.steps == 10
    np.testing.assert_array_equal(heir.theta, net.theta)


def test_a_state_is_not_taken_from_another_optimizer_or_net() -> None:
    adam = Adam(MLP(4, 5, 3, rng=0).parameters())
    with pytest.raises(InputError, match="'m'"):
        adam.load_state(SGD(MLP(4, 5, 3).parameters(), momentum=0.9).state())
    with pytest.raises(InputError, match="Adam"):
        adam.load_state(Adam(MLP(4, 6, 3).parameters()).state())


def test_copies_and_pickles_go_on_alone() -> None:
    net = _net_and_gradients()
    optimizer = Adam(net.parameters(), 0.1)
    optimizer.step()
    for double, other in (copy.deepcopy((net, optimizer)), pickle.loads(pickle.dumps((net, optimizer)))):
        before = net.theta.copy()
        other.step()
        np.testing.assert_array_equal(net.theta, before)
        assert not np.array_equal(double.theta, before)


def test_an_optimizer_made_before_the_net_adopts_its_layers_still_works() -> None:
    layer = Linear(3, 2, rng=0, dtype=np.float64)
    optimizer = SGD(layer.parameters(), lr=0.5, momentum=0.5)
    layer.db[...] = [2, 4]
    optimizer.step()  # velocity of the bias: 2, 4
    net = Sequential(layer, Linear(2, 2, rng=1, dtype=np.float64))
    layer.dW[...] = 1
    before = net.theta.copy()
    optimizer.step()  # velocity of the bias: 0.5 * (2, 4) + (2, 4)
    np.testing.assert_allclose(net.theta[:6], before[:6] - 0.5)
    np.testing.assert_allclose(net.theta[6:8], before[6:8] - [1.5, 3])
    np.testing.assert_array_equal(net.theta[8:], before[8:])


def test_a_parameter_of_no_axes_is_one_number() -> None:
    theta, grad = np.array(2.0), np.array(1.0)
    for kind in (SGD, Adam):
        kind([(theta, grad), (np.ones(3), np.ones(3))], lr=0.5).step()
    assert theta == pytest.approx(1.0)


def test_zero_grad() -> None:
    net = _net_and_gradients()
    SGD(net.parameters()).zero_grad()
    assert not net.grad.any()


def test_the_net_itself_will_do() -> None:
    one, other = _net_and_gradients(), _net_and_gradients()
    SGD(one, lr=0.1).step()
    SGD(other.parameters(), lr=0.1).step()
    np.testing.assert_array_equal(one.theta, other.theta)


def test_the_rate_may_change_between_steps() -> None:
    theta, grad = np.array([1.0]), np.array([1.0])
    optimizer = SGD([(theta, grad)], lr=0.1)
    optimizer.step()
    optimizer.lr = 0.01
    optimizer.step()
    assert theta[0] == pytest.approx(0.89)


@pytest.mark.parametrize(("kind", "options"), OPTIMIZER_CASES.values(), ids=OPTIMIZER_CASES)
def test_single_precision_stays(kind: Any, options: dict[str, Any]) -> None:
    net = MLP(3, 2, rng=0)
    net.grad[...] = 1
    optimizer = kind(net.parameters(), **options)
    optimizer.step()
    assert net.theta.dtype == np.float32
    assert all(array.dtype == np.float32 for name, array in optimizer.state().items() if name != "steps")


@pytest.mark.parametrize(("kind", "options"), OPTIMIZER_CASES.values(), ids=OPTIMIZER_CASES)
@pytest.mark.parametrize("size", [0.0, 1e-30, 1e15])
def test_tiny_and_huge_gradients_in_single_precision(kind: Any, options: dict[str, Any], size: float) -> None:
    parameter = Parameter("w", np.ones(4, np.float32))
    parameter.grad[...] = size
    optimizer = kind([parameter], **options)
    for _ in range(3):
        optimizer.step()
    assert np.isfinite(parameter.value).all()


# -- clipping


def test_clip_by_norm() -> None:
    a, b = np.array([[3.0, 0.0]]), np.array([4.0])
    pairs = [(np.zeros_like(a), a), (np.zeros_like(b), b)]
    assert clip_by_norm(pairs, 10) == pytest.approx(5)
    np.testing.assert_array_equal(a, [[3, 0]])  # short enough: untouched
    assert clip_by_norm(pairs, 1) == pytest.approx(5)
    np.testing.assert_allclose(a, [[0.6, 0]])
    np.testing.assert_allclose(b, [0.8])


def test_clip_by_norm_of_a_net_is_one_norm_for_all() -> None:
    net = _net_and_gradients()
    direction = net.grad / np.linalg.norm(net.grad)
    assert clip_by_norm(net.parameters(), 0.5) > 0.5
    np.testing.assert_allclose(net.grad, 0.5 * direction)


def test_clip_by_norm_of_large_gradients_in_single_precision() -> None:
    """Squares of 1e25 leave float32; their root does not."""
    grad = np.full(4, 1e25, np.float32)
    assert clip_by_norm([(np.zeros(4, np.float32), grad)], 1) == pytest.approx(2e25)
    np.testing.assert_allclose(grad, 0.5)


# -- what does not fit


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (SGD, {"lr": float("nan")}), (SGD, {"lr": -1}), (SGD, {"lr": "fast"}), (SGD, {"momentum": 1.0}),
        (SGD, {"nesterov": True}), (SGD, {"weight_decay": -0.1}), (SGD, {"decay": "none"}), (RMSprop, {"alpha": 1}),
        (Adam, {"betas": (0.9, 1.0)}), (Adam, {"eps": 0}),
        (Adam, {"betas": 0.9}), (Adam, {"betas": (0.9,)}), (AdamW, {"betas": "ab"}), (Adam, {"betas": None}),
    ],
)  # fmt: skip
def test_settings_out_of_range_are_refused(kind: Any, options: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        kind(MLP(3, 2).parameters(), **options)


@pytest.mark.parametrize(
    "parameters",
    [
        [],
        iter([]),
        [np.zeros(3)],
        [(np.zeros(3), np.zeros(4))],
        5,
        [(np.zeros(2, int),) * 2],
        [(np.float64(1), np.float64(1))],
    ],
)
def test_what_is_no_parameters_is_refused(parameters: Any) -> None:
    with pytest.raises(InputError):
        SGD(parameters)


@pytest.mark.parametrize(("kind", "options"), OPTIMIZER_CASES.values(), ids=OPTIMIZER_CASES)
def test_config_builds_the_optimizer_again(kind: Any, options: dict[str, Any]) -> None:
    one, other = _net_and_gradients(), _net_and_gradients()
    optimizer = kind(one.parameters(), 0.02, **options)
    heir = kind(other.parameters(), **optimizer.config())
    optimizer.step()
    heir.step()
    np.testing.assert_array_equal(one.theta, other.theta)
    assert repr(heir) == repr(optimizer)


def test_weight_decay_may_change_between_steps() -> None:
    parameter = Parameter("w", np.array([[2.0]]))
    w = parameter.value
    optimizer = SGD([parameter], lr=0.1)
    optimizer.step()
    assert w.item() == 2.0
    optimizer.weight_decay = 0.5
    optimizer.step()
    assert w.item() == pytest.approx(2.0 - 0.1 * 0.5 * 2.0)


def test_a_first_step_that_can_move_nothing_warns() -> None:
    optimizer = SGD([(np.ones(2), np.zeros(2))], lr=0.1)
    with pytest.warns(UserWarning, match="All gradients are exactly 0"):
        optimizer.step()
    optimizer.step()  # once is enough


def test_a_step_that_weight_decay_can_move_does_not_warn() -> None:
    w = np.ones(2)
    SGD([(w, np.zeros(2))], lr=0.1, weight_decay=0.5).step()
    np.testing.assert_allclose(w, 0.95)
    net = MLP(3, 2)  # its gradients are where backward puts them, so zeros may be right
    SGD(net.parameters(), lr=0.1).step()


def test_betas_say_what_they_need() -> None:
    with pytest.raises(InputError, match=r"two numbers.*\(0\.9, 0\.999\)"):
        Adam(MLP(3, 2), betas=0.9)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="beta2"):
        Adam(MLP(3, 2), betas=(0.9, 1.0))
