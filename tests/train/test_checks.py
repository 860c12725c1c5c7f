"""What is wrong with a training is told when it is called for, before any record has been asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from guest_objects import ModelessNet, OwnLoss, OwnNet, OwnOptimizer

from handgrad.core.arrays import Array
from handgrad.core.layers import BatchNorm, Dropout, Linear, ReLU, Softmax
from handgrad.core.losses import CrossEntropy, SoftmaxCrossEntropy
from handgrad.core.mlp import MLP
from handgrad.core.net import Sequential
from handgrad.core.optim import SGD, Adam
from handgrad.core.schedules import constant, cosine, one_cycle, step_decay, warm_up
from handgrad.errors import InputError
from handgrad.train import Recipe, fit
from handgrad.train.checks import need_batches_for_norm
from handgrad.train.recipe import load_recipe, names

RNG = np.random.default_rng(0)
X, Y = RNG.random((20, 6)), RNG.integers(0, 3, 20)


def small(**settings: Any) -> Sequential:
    return MLP(6, 4, 3, rng=0, **settings)


def refused(net: Any, criterion: Any, optimizer: Any, **settings: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        fit(net, X, Y, criterion, optimizer, **settings)
    assert caught.value.text("ko") != str(caught.value)
    return caught.value


# -- net, criterion, optimizer


@pytest.mark.parametrize(
    ("place", "thing", "told"),
    [
        ("net", MLP, "net: MLP is a class, and an object is needed. Write MLP(...)."),
        ("net", None, "net: got None; it must be a net with forward, backward and parameters"),
        ("net", lambda x: x, "net: got <lambda>;"),
        ("criterion", SoftmaxCrossEntropy, "criterion: SoftmaxCrossEntropy is a class"),
        ("criterion", None, "criterion: got None;"),
        ("criterion", "cross-entropy", "criterion: got 'cross-entropy'; it must be a loss"),
        ("criterion", lambda p, y: 0.0, "criterion: got <lambda>;"),
        ("optimizer", SGD, "optimizer: SGD is a class"),
        ("optimizer", None, "optimizer: got None; it must be an object with a method step()"),
        ("optimizer", 0.1, "optimizer: got 0.1;"),
    ],
)
def test_what_stands_where_it_cannot(place: str, thing: Any, told: str) -> None:
    net = small()
    parts = {"net": net, "criterion": SoftmaxCrossEntropy(), "optimizer": SGD(net)} | {place: thing}
    assert told in str(refused(**parts))


def test_criterion_and_optimizer_in_the_wrong_order() -> None:
    net = small()
    told = str(refused(net, SGD(net), SoftmaxCrossEntropy()))
    assert told.startswith("The criterion is SGD and the optimizer is SoftmaxCrossEntropy: they have changed places.")


# -- schedules


@pytest.mark.parametrize(
    ("schedule", "told"),
    [
        ("cosine", "schedule: got 'cosine'; it must give a number for each step"),
        (0.1, "schedule: got 0.1;"),
        (constant, "schedule: got constant;"),
        (cosine, "schedule: got cosine;"),
        (one_cycle, "schedule: got one_cycle;"),
        (step_decay, "schedule: got step_decay;"),
        (warm_up, "schedule: got warm_up;"),
        (lambda step: None, "schedule: got <lambda>;"),
    ],
)
def test_what_is_no_schedule(schedule: Any, told: str) -> None:
    net = small()
    assert told in str(refused(net, SoftmaxCrossEntropy(), SGD(net), schedule=schedule))


@pytest.mark.parametrize("schedule", [constant(), cosine(5), one_cycle(5), step_decay(5), warm_up(5)])
def test_what_is_one(schedule: Any) -> None:
    net = small()
    assert list(fit(net, X, Y, SoftmaxCrossEntropy(), SGD(net), schedule=schedule))


# -- an optimizer of another net


def test_an_optimizer_of_another_net() -> None:
    told = str(refused(small(), SoftmaxCrossEntropy(), Adam(small())))
    assert "Adam holds none of this net's weights" in told
    assert "Adam(net, lr=...)" in told


def test_pairs_that_the_net_has_left_behind() -> None:
    first, second = Linear(6, 4, rng=0), Linear(4, 3, rng=0)
    pairs = [(layer.W, layer.dW) for layer in (first, second)]
    net = Sequential(first, ReLU(), second)  # it takes the weights along into a buffer of its own
    refused(net, SoftmaxCrossEntropy(), SGD(pairs))


def test_pairs_that_somebody_elses_net_has_left_behind() -> None:
    net = OwnNet(6, 4, 3)
    optimizer = SGD([(w, np.zeros_like(w)) for w, _ in net.parameters()])
    net.w1, net.b1, net.w2, net.b2 = (array.copy() for array in (net.w1, net.b1, net.w2, net.b2))
    refused(net, OwnLoss(), optimizer)


def of_everything(net: Any) -> SGD:
    return SGD([(net.theta, net.grad)])


@pytest.mark.parametrize(
    "optimizer_of",
    [SGD, lambda net: SGD(net.parameters()), lambda net: SGD(list(net.parameters())[2:]), of_everything,
     lambda net: SGD([(w, dw) for w, dw in net.parameters()]), lambda net: SGD(net[0])],
)  # fmt: skip
def test_optimizers_of_the_net_or_of_part_of_it(optimizer_of: Any) -> None:
    net = small()
    before = net.theta.copy()
    list(fit(net, X, Y, SoftmaxCrossEntropy(), optimizer_of(net)))
    assert (net.theta != before).any()


def test_an_optimizer_of_ones_own_is_not_looked_into() -> None:
    net = small()
    assert list(fit(net, X, Y, SoftmaxCrossEntropy(), OwnOptimizer(small(), 0.1)))


# -- softmax twice


def test_softmax_twice() -> None:
    net = small(output="softmax")
    told = str(refused(net, SoftmaxCrossEntropy(), SGD(net)))
    assert "softmax twice" in told
    assert "CrossEntropy" in told
    nested = Sequential(small(), Sequential(Softmax()))
    refused(nested, SoftmaxCrossEntropy(), SGD(nested))
    assert list(fit(net, X, Y, CrossEntropy(), SGD(net)))


@pytest.mark.parametrize("name", names())
def test_the_recipes_pass_all_checks(name: str) -> None:
    recipe: Recipe = load_recipe(name)
    net = recipe.net(6, 3, RNG)
    fit(net, X, Y, recipe.criterion(), recipe.make_optimizer(net), batch_size=10)


# -- batch normalisation


def test_one_row_left_over_for_batch_norm() -> None:
    net = small(batch_norm=True)
    told = str(refused(net, SoftmaxCrossEntropy(), SGD(net), batch_size=19))
    assert "20 rows in batches of 19 leave 1 for the last batch" in told
    assert "drop_last=True" in told
    assert len(list(fit(net, X, Y, SoftmaxCrossEntropy(), SGD(net), batch_size=19, drop_last=True))) == 2


def test_batch_norm_inside_a_net_of_ones_own() -> None:
    net = ModelessNet(Linear(6, 4, rng=0), BatchNorm(4), out=Linear(4, 3, rng=0))
    assert "BatchNorm" in str(refused(net, SoftmaxCrossEntropy(), SGD(net), batch_size=19))


@pytest.mark.parametrize("batch_size", range(1, 9))
@pytest.mark.parametrize("accumulate", range(1, 5))
@pytest.mark.parametrize("drop_last", [False, True])
def test_batches_are_refused_just_where_batch_norm_would_meet_one_row(
    batch_size: int, accumulate: int, drop_last: bool
) -> None:
    if accumulate > batch_size:
        return
    for samples in range(batch_size, 20):
        sizes = [len(range(samples)[start : start + batch_size]) for start in range(0, samples, batch_size)]
        if drop_last:
            sizes = [size for size in sizes if size == batch_size]
        parts = [len(part) for size in sizes for part in np.array_split(np.arange(size), accumulate)]
        try:
            need_batches_for_norm(BatchNorm(3), samples, batch_size, accumulate=accumulate, drop_last=drop_last)
            refused = False
        except InputError:
            refused = True
        assert refused == (1 in parts), samples


# -- nets of one's own without modes


def test_the_layers_inside_a_net_without_modes_are_switched() -> None:
    drop, norm = Dropout(0.5, rng=0), BatchNorm(6)
    net = ModelessNet(norm, drop, out=Linear(6, 3, rng=0))
    seen: list[tuple[bool, bool]] = []

    class Watching(SoftmaxCrossEntropy):
        def forward(self, prediction: Array, target: Array) -> float:
            seen.append((drop.training, norm.training))
            return super().forward(prediction, target)

    drop.eval()
    list(fit(net, X, Y, Watching(), SGD(net), batch_size=10, validation=(X, Y), epochs=2))
    assert seen == [(True, True), (True, True), (False, False)] * 2
    assert (drop.training, norm.training) == (True, True)
