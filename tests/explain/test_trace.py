"""Tracing changes nothing, to the bit, and leaves nothing behind; what is noted is what passed by."""

from __future__ import annotations

import copy
import sys
from typing import Any

import numpy as np
import pytest
from explain_cases import LAYERS, LOSSES, OPTIMIZERS, batch_of, net_of

from handgrad.core.arrays import Array
from handgrad.core.layers import Linear
from handgrad.core.layers.norm import BatchNorm
from handgrad.core.losses import SoftmaxCrossEntropy
from handgrad.core.net import Sequential
from handgrad.core.optim import SGD, Adam
from handgrad.engines import NumpyEngine
from handgrad.errors import InputError
from handgrad.explain import moment_of_net, story_of, trace_step


@pytest.mark.parametrize(
    ("layer", "loss", "optimizer", "clip"),
    [
        *((layer, "SoftmaxCrossEntropy", "Adam", None) for layer in LAYERS),
        *(("Tanh", loss, "SGD", 0.01) for loss in LOSSES),
        *(("Dropout", "SoftmaxCrossEntropy", optimizer, 0.5) for optimizer in OPTIMIZERS),
    ],
)
def test_a_traced_step_is_an_untraced_one(layer: str, loss: str, optimizer: str, clip: float | None) -> None:
    net = net_of(layer, 3, softmax=loss == "CrossEntropy" or loss.startswith("published"))
    criterion, chosen = LOSSES[loss](), OPTIMIZERS[optimizer](net)
    twin, twin_criterion, twin_chosen = copy.deepcopy((net, criterion, chosen))
    engine = NumpyEngine(twin, twin_criterion, twin_chosen, clip_norm=clip)
    for step in range(3):
        images, labels = batch_of(step, 6, loss)
        flat = images.reshape(6, -1)
        result = engine.step(flat, labels, np.arange(6))
        trace = trace_step(net, criterion, chosen, flat, labels, clip_norm=clip)
        assert trace.loss.value == result.loss
        assert net.theta.tobytes() == twin.theta.tobytes()
        assert net.grad.tobytes() == twin.grad.tobytes()
        for name, array in chosen.state().items():
            assert array.tobytes() == twin_chosen.state()[name].tobytes()
        for name, array in net.buffers().items():
            assert array.tobytes() == twin.buffers()[name].tobytes()


def test_what_is_noted_hangs_together() -> None:
    net = net_of("BatchNorm", 0)
    images, labels = batch_of(0, 6, "")
    before = net.theta.copy()
    trace = trace_step(net, SoftmaxCrossEntropy(), Adam(net), images.reshape(6, -1), labels)
    for one, after in zip(trace.layers, trace.layers[1:], strict=False):
        assert np.array_equal(one.y, after.x)
        assert np.array_equal(one.dy, after.dx)
    assert np.array_equal(trace.layers[-1].y, trace.loss.prediction)
    assert np.array_equal(trace.layers[-1].dy, trace.loss.dprediction)
    assert np.array_equal(np.concatenate([w.reshape(-1) for w in trace.before.values()]), before)
    assert np.array_equal(np.concatenate([w.reshape(-1) for w in trace.after.values()]), net.theta)
    for name in trace.before:
        index = tuple(n - 1 for n in trace.before[name].shape)
        done = trace.update_of(name, index)
        assert done.gradient == trace.gradients[name][index]
        assert done.state["m"][1] == pytest.approx(0.1 * done.gradient, rel=1e-5)
        assert done.after == done.before - done.inside["_adam.step"][-1]


def test_a_weight_far_from_the_start_of_a_large_net_is_found() -> None:
    """The optimizer works slice by slice; the weight must come out of the right one."""
    net = Sequential(Linear(300, 200, rng=0), Linear(200, 10, rng=1))
    x, y = np.random.default_rng(2).normal(size=(4, 300)).astype(np.float32), np.array([1, 2, 3, 4])
    optimizer = Adam(net)
    trace = trace_step(net, SoftmaxCrossEntropy(), optimizer, x, y)
    flat = {name: array.copy() for name, array in optimizer.state().items()}
    for name, index, place in [("fc1.weight", (299, 199), 59_999), ("fc1.weight", (170, 3), 34_003),
                               ("fc2.weight", (199, 9), 62_199), ("fc2.bias", (9,), 62_209)]:  # fmt: skip
        done = trace.update_of(name, index)
        assert done.state["m"] == (0, flat["m"][place])
        assert done.state["v"] == (0, flat["v"][place])


class Guest:
    """Somebody's own layer: y = 2 x, and a parameter that it does not use."""

    def __init__(self) -> None:
        self.w = np.ones(3)

    def forward(self, x: Array) -> Array:
        return 2 * x

    def backward(self, dy: Array) -> Array:
        return 2 * dy

    def parameters(self) -> list[Any]:
        return [(self.w, np.ones(3))]


class Slotted(Guest):
    """One that takes no attributes."""

    __slots__ = ()

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("forward", "backward"):
            raise AttributeError(name)
        super().__setattr__(name, value)


class Tripled(Linear):
    """A Linear whose backward is not that of a Linear."""

    def backward(self, dy: Array, *, input_gradient: bool = True) -> Array | None:  # type: ignore[override]
        return super().backward(3 * dy, input_gradient=input_gradient)


def traced(*layers: Any, optimizer: Any = SGD) -> Any:
    net = Sequential(*layers)
    x = np.random.default_rng(0).normal(size=(4, 5))
    return moment_of_net(net, SoftmaxCrossEntropy(), optimizer(net), x, np.array([0, 1, 2, 0]))


def test_somebody_elses_layer_is_shown_as_it_is() -> None:
    told = story_of(traced(Linear(5, 3, rng=0, dtype=np.float64), Guest()))
    keys = [sentence.key for sentence in told["forward-guest1"].about]
    assert keys == ["explain_opaque.unknown"]
    assert told["backward-fc1"].equations


def test_a_layer_that_computes_something_else_is_not_given_a_formula() -> None:
    told = story_of(traced(Tripled(5, 3, rng=0, dtype=np.float64)))
    name = next(key for key in (c.key for c in told.chapters) if key.startswith("backward-tripled"))
    assert told[name].equations == []
    assert told[name].about[0].key == "explain_opaque.other_numbers"
    assert told[name.replace("backward", "forward")].equations
    moment = traced(Tripled(5, 3, rng=0, dtype=np.float64, name="fc"))
    with pytest.raises(InputError, match="another way"):
        story_of(moment, why="fc.weight[0,0]")


class Halving:
    """Somebody's own optimizer."""

    def __init__(self, net: Any) -> None:
        self.net = net

    def step(self) -> None:
        for w, _ in self.net.parameters():
            w *= 0.5


def test_somebody_elses_optimizer_is_shown_by_what_it_did() -> None:
    told = story_of(traced(Linear(5, 3, rng=0, dtype=np.float64), optimizer=Halving))
    (equation,) = told["update"].equations
    assert equation.symbol == "change"
    assert equation.closes()
    assert "explain_update.unknown" in [block.key for block in told["update"].blocks if hasattr(block, "key")]


def test_nothing_is_left_behind() -> None:
    net = net_of("BatchNorm", 0)
    watching = sys.gettrace()
    images, labels = batch_of(0, 6, "")
    trace_step(net, SoftmaxCrossEntropy(), SGD(net), images.reshape(6, -1), labels)
    with pytest.raises(InputError):  # BatchNorm refuses a batch of one, in the middle of the step
        trace_step(net, SoftmaxCrossEntropy(), SGD(net), images.reshape(6, -1)[:1], labels[:1])
    assert sys.gettrace() is watching
    for _, layer in net.named_layers():
        assert not {"forward", "backward"} & set(vars(layer))
    assert isinstance(net.layers[2], BatchNorm)


def test_a_layer_that_cannot_be_wrapped_is_named() -> None:
    with pytest.raises(InputError, match="Slotted cannot be traced"):
        traced(Linear(5, 3, rng=0, dtype=np.float64), Slotted())
