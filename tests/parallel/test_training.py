"""What several ranks train is what one process trains: gradients, records, weights, and the state to go on from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from thread_world import ThreadWorld, on_ranks

from handgrad import MLP, MSE, SGD, Adam, BatchNorm, Linear, Sequential, SoftmaxCrossEntropy, Tanh, Training
from handgrad.core.arrays import Array
from handgrad.errors import DivergedError, InputError, StateError
from handgrad.parallel import ParallelTraining, shard
from handgrad.records import EpochRecord
from handgrad.train.published import AveragingLinear, PublishedCrossEntropy

DATA = np.random.default_rng(7)
IMAGES = DATA.integers(0, 256, (53, 4, 3), dtype=np.uint8)
LABELS = DATA.integers(0, 3, 53)


def make(world: ThreadWorld | None = None, *, net: dict[str, Any] | None = None, **settings: Any) -> Training:
    rng = np.random.default_rng(1)
    mlp = MLP(12, 8, 6, 3, rng=rng, **({"dtype": np.float64} | (net or {})))
    settings = {"epochs": 3, "batch_size": 10, "rng": rng} | settings
    parts = mlp, IMAGES, LABELS, SoftmaxCrossEntropy(), settings.pop("optimizer", Adam)(mlp, lr=0.02)
    return Training(*parts, **settings) if world is None else ParallelTraining(*parts, world=world, **settings)


def trained(world: ThreadWorld | None = None, **settings: Any) -> tuple[list[Any], Training]:
    training = make(world, **settings)
    return list(training.records()), training


def same_records(ours: list[Any], theirs: list[Any], tolerance: float) -> None:
    assert [type(r) for r in ours] == [type(r) for r in theirs]
    for a, b in zip(ours, theirs, strict=True):
        for name in ("loss", "accuracy", "lr", *(("val_loss", "val_accuracy") if isinstance(a, EpochRecord) else ())):
            one, two = getattr(a, name), getattr(b, name)
            assert one == (None if two is None else pytest.approx(two, rel=tolerance, abs=tolerance)), (name, a, b)


# With BatchNorm the biases before it have no gradient but rounding, which Adam would blow up to whole steps: SGD there.
SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "last batch smaller than the ranks": {"batch_size": 17},  # 53 = 3 * 17 + 2
    "batch norm": {"net": {"batch_norm": True}, "optimizer": SGD},
    "dropout": {"net": {"dropout": 0.3}},
    "all of them": {
        "net": {"batch_norm": True, "dropout": 0.3}, "optimizer": SGD,
        "accumulate": 2, "clip_norm": 0.5, "validation": 0.2, "patience": 1, "batch_size": 14, "epochs": 8,
    },
    "weights": {"weights": np.random.default_rng(3).uniform(0.5, 2, 53), "validation": 9, "optimizer": SGD},
    "legacy order": {"rng": np.random.RandomState(4), "shuffle": "compose", "drop_last": True},
}  # fmt: skip


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("ranks", [1, 2, 3, 5])
def test_the_result_is_that_of_one_process(name: str, ranks: int) -> None:
    def settings() -> dict[str, Any]:
        fresh = dict(SETTINGS[name])
        if "rng" in fresh:
            fresh["rng"] = np.random.RandomState(4)  # each rank has a generator of its own, from the same seed
        return fresh

    records, alone = trained(**settings())
    for theirs, training in on_ranks(ranks, lambda world: trained(world, **settings())):
        same_records(theirs, records, 1e-9)
        np.testing.assert_allclose(training.net.theta, alone.net.theta, rtol=1e-9, atol=1e-12)
        assert training.state()[1]["rng"] == alone.state()[1]["rng"]  # generators stand at the very same place
        for key, array in training.net.buffers().items():
            np.testing.assert_allclose(array, alone.net.buffers()[key], rtol=1e-9, atol=1e-12)
    assert alone.stopped == training.stopped


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("ranks", [2, 3, 4])
def test_the_gradient_is_that_of_one_process(ranks: int, dtype: Any) -> None:
    """After one step, by the largest gradient; in float64 the difference is rounding alone."""
    net = {"batch_norm": True, "dropout": 0.2, "dtype": dtype}

    def gradient(world: ThreadWorld | None = None) -> Array:
        training = make(world, net=net, batch_size=53, epochs=1)
        next(training.records())
        return training.net.grad.copy()

    alone = gradient()
    for grad in on_ranks(ranks, gradient):
        assert np.abs(grad - alone).max() <= (1e-6 if dtype is np.float32 else 1e-14) * np.abs(alone).max()


def test_replicas_are_equal_to_the_bit_and_one_that_is_not_is_named() -> None:
    def train(world: ThreadWorld) -> str:
        _, training = trained(world, net={"batch_norm": True, "dropout": 0.3, "dtype": np.float32})
        assert isinstance(training, ParallelTraining)
        return training.need_equal_replicas()

    assert len(set(on_ranks(3, train))) == 1

    def disturbed(world: ThreadWorld) -> None:
        _, training = trained(world)
        assert isinstance(training, ParallelTraining)
        if world.rank == 2:
            training.net.theta[0] = np.nextafter(training.net.theta[0], 1)  # the smallest difference that there is
        training.need_equal_replicas()

    with pytest.raises(StateError, match=r"rank\(s\) 2"):
        on_ranks(3, disturbed)


@pytest.mark.parametrize("stop_at", [4, 6, 9])  # in an epoch, at its last step, in the next
def test_a_state_of_three_ranks_goes_on_with_two(stop_at: int) -> None:
    settings = SETTINGS["all of them"] | {"patience": None}
    whole, alone = trained(**settings)

    def begin(world: ThreadWorld) -> Any:
        training = make(world, **settings)
        for record in training.records():
            if not isinstance(record, EpochRecord) and record.step == stop_at:
                return training.state()
        raise AssertionError

    arrays, values = on_ranks(3, begin)[0]

    def go_on(world: ThreadWorld) -> tuple[list[Any], Array]:
        training = make(world, **settings)
        training.load_state(arrays, values)
        return list(training.records()), training.net.theta

    for records, theta in on_ranks(2, go_on):
        same_records(records, whole[-len(records) :], 1e-9)
        np.testing.assert_allclose(theta, alone.net.theta, rtol=1e-9, atol=1e-12)


def test_numbers_as_labels() -> None:
    """No classes, so no accuracy; some ranks have no rows in the last batch, and no opinion on that."""
    x, y = DATA.random((11, 4)), DATA.random((11, 2))

    def train(world: ThreadWorld | None) -> list[Any]:
        net = Sequential(Linear(4, 5, rng=0, dtype=np.float64), Tanh(), Linear(5, 2, rng=1, dtype=np.float64))
        parts = net, x, y, MSE(), SGD(net, lr=0.1)
        settings: dict[str, Any] = {"batch_size": 10, "epochs": 2, "rng": 0}
        training = Training(*parts, **settings) if world is None else ParallelTraining(*parts, world=world, **settings)
        return list(training.records())

    alone = train(None)
    assert alone[0].accuracy is None
    for records in on_ranks(4, train):
        same_records(records, alone, 1e-12)


def test_a_loss_that_is_no_number_ends_all_ranks_alike() -> None:
    def train(world: ThreadWorld | None) -> str:
        training = make(world, optimizer=SGD, net={"batch_norm": True})
        training.optimizer.lr = training.base_lr = 1e300
        with pytest.raises(DivergedError) as caught:
            list(training.records())
        return str(caught.value)

    sentences = {train(None), *on_ranks(3, train)}
    assert len(sentences) == 1
    assert "step" in sentences.pop()


def test_one_that_wants_to_stop_stops_all_after_the_same_step() -> None:
    def train(world: ThreadWorld) -> int:
        training = make(world)
        assert isinstance(training, ParallelTraining)
        for record in training.records():
            training.parallel.wants_stop = world.rank == 1 and record.step >= 5
            if training.parallel.stops:
                return record.step
        raise AssertionError

    assert on_ranks(3, train) == [6, 6, 6]


def test_the_net_is_a_plain_one_between_steps() -> None:
    def train(world: ThreadWorld) -> list[Any]:
        training = make(world, net={"batch_norm": True, "dropout": 0.3})
        next(training.records())
        return [(type(layer), set(vars(layer))) for layer in training.net]

    plain = make(net={"batch_norm": True, "dropout": 0.3})
    next(plain.records())
    assert on_ranks(2, train)[1] == [(type(layer), set(vars(layer))) for layer in plain.net]
    assert any(type(layer) is BatchNorm for layer in plain.net)


@pytest.mark.parametrize(("rows", "size"), [(10, 3), (2, 5), (0, 2), (7, 1), (64, 64)])
def test_every_row_has_one_rank(rows: int, size: int) -> None:
    parts = [shard(rows, rank, size) for rank in range(size)]
    assert [row for part in parts for row in range(part.start, part.stop)] == list(range(rows))
    lengths = [part.stop - part.start for part in parts]
    assert max(lengths) - min(lengths) <= 1


def test_what_several_ranks_cannot_do_is_said() -> None:
    with pytest.raises(InputError, match=r"batch of 2 .* 3 ranks"):
        on_ranks(3, lambda world: make(world, batch_size=2))

    with pytest.raises(InputError, match="compiled engine"):
        on_ranks(1, lambda world: make(world, engine="fast"))

    def published(world: ThreadWorld) -> None:
        net = MLP(12, 4, 3, output="softmax", rng=0)
        ParallelTraining(net, IMAGES, LABELS, PublishedCrossEntropy(average=False), SGD(net), world=world)

    def averaging(world: ThreadWorld) -> None:
        net = Sequential(AveragingLinear(12, 3, rng=0))
        ParallelTraining(net, IMAGES, LABELS, SoftmaxCrossEntropy(), SGD(net), world=world)

    for build in (published, averaging):
        on_ranks(1, build)
        with pytest.raises(InputError, match="does not take its mean"):
            on_ranks(2, build)
