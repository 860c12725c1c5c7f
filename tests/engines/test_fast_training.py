"""What the loop promises holds under the compiled engine: resuming, stopping, schedules, words on a divergence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from handgrad.core.layers import Dropout, Linear, ReLU
from handgrad.core.losses import SoftmaxCrossEntropy
from handgrad.core.mlp import MLP
from handgrad.core.net import Sequential
from handgrad.core.optim import SGD, Adam
from handgrad.core.schedules import cosine
from handgrad.data import load_data
from handgrad.errors import DivergedError, InputError
from handgrad.records import EpochRecord
from handgrad.train import Training

pytest.importorskip("numba")
pytestmark = pytest.mark.slow  # compiling takes some ten seconds

RNG = np.random.default_rng(0)
IMAGES = (RNG.integers(0, 256, (200, 30)) * (RNG.random((200, 30)) < 0.3)).astype(np.uint8)
LABELS = RNG.integers(0, 4, 200)


def perceptron() -> Sequential:
    return MLP(30, 40, 4, rng=1)


def with_dropout() -> Sequential:
    return Sequential(Linear(30, 40, rng=1), ReLU(), Dropout(0.3, rng=2), Linear(40, 4, rng=3))


def training(make: Any, **settings: Any) -> Training:
    net = make()
    settings = {"epochs": 3, "batch_size": 32, "rng": 0, "engine": "fast", "validation": 0.2, "patience": 3} | settings
    return Training(net, IMAGES, LABELS, SoftmaxCrossEntropy(), Adam(net, lr=0.02), schedule=cosine(15), **settings)


@pytest.mark.parametrize("make", [perceptron, with_dropout])
@pytest.mark.parametrize("stop_after", [1, 3, 6, 8])
def test_resumed_at_any_record_it_ends_with_the_same_bits(make: Any, stop_after: int) -> None:
    unbroken = training(make, threads=2)
    history = list(unbroken.records())
    first, second = training(make, threads=1), training(make, threads=2)
    begun = []
    for record in first.records():
        begun.append(record)
        if len(begun) == stop_after:
            break
    second.load_state(*first.state())
    rest = list(second.records())
    assert [r.loss for r in begun + rest] == [r.loss for r in history]
    np.testing.assert_array_equal(second.net.theta, unbroken.net.theta)


@pytest.mark.parametrize("make", [perceptron, with_dropout])
def test_a_training_is_that_of_the_numpy_engine(make: Any) -> None:
    one, two = training(make), training(make, engine="numpy")
    pairs = list(zip(one.records(), two.records(), strict=True))
    for fast, slow in pairs:
        assert type(fast) is type(slow)
        assert fast.loss == pytest.approx(slow.loss, rel=1e-4)
        assert fast.lr == slow.lr
    np.testing.assert_allclose(one.net.theta, two.net.theta, atol=1e-4)


def test_an_epoch_of_digits_agrees_in_loss() -> None:
    data = load_data("mnist").train
    losses = []
    for engine in ("fast", "numpy"):
        net = MLP(784, 64, 10, rng=0)
        settings: dict[str, Any] = {"batch_size": 100, "rng": 0, "engine": engine}
        run = Training(net, data.images, data.labels, SoftmaxCrossEntropy(), SGD(net, lr=0.1), **settings)
        losses.append([r.loss for r in run.records() if isinstance(r, EpochRecord)])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


@pytest.mark.parametrize("make", [perceptron, with_dropout])
def test_a_divergence_names_the_same_layer(make: Any) -> None:
    said = []
    for engine in ("fast", "numpy"):
        net = make()
        settings: dict[str, Any] = {"rng": 0, "batch_size": 32, "engine": engine, "epochs": 20}
        optimizer = SGD(net)
        records = Training(net, IMAGES, LABELS, SoftmaxCrossEntropy(), optimizer, **settings).records()
        optimizer.lr = 1e30
        with pytest.raises(DivergedError) as error:
            list(records)
        said.append(error.value)
    assert said[0].values["step"] == said[1].values["step"]
    assert said[0].values["layer"] == said[1].values["layer"]


def test_a_number_that_is_none_is_found() -> None:
    images = IMAGES / 255
    images[17, 3] = np.nan
    said = []
    for engine in ("fast", "numpy"):
        net = perceptron()
        records = Training(net, images, LABELS, SoftmaxCrossEntropy(), SGD(net), rng=0, engine=engine).records()
        with pytest.raises(InputError, match=r"images\[17\] holds nan") as error:
            list(records)
        said.append(str(error.value))
    assert said[0] == said[1]


def test_a_loop_that_is_left_leaves_no_thread_behind() -> None:
    import threading

    before = threading.active_count()
    records = training(perceptron, threads=3).records()
    next(records)
    assert threading.active_count() == before + 2
    records.close()
    assert threading.active_count() == before


@pytest.mark.parametrize("kind", ["csr_matrix", "coo_array"])
def test_a_bag_of_words_trains_as_its_dense_twin(kind: str) -> None:
    sparse = pytest.importorskip("scipy.sparse")
    words = np.floor(RNG.random((120, 500)) * 1.02) * RNG.integers(1, 5, (120, 500))
    words[7] = 0
    labels = RNG.integers(0, 3, 120)
    thetas, losses = [], []
    for images, engine in (
        (words, "numpy"),
        (getattr(sparse, kind)(words), "fast"),
        (sparse.csr_array(words), "numpy"),
    ):
        net = MLP(500, 8, 3, rng=0, dtype=np.float64)
        settings: dict[str, Any] = {"epochs": 2, "batch_size": 32, "rng": 0, "engine": engine, "validation": 0.25}
        records = list(Training(net, images, labels, SoftmaxCrossEntropy(), SGD(net, lr=0.1), **settings).records())
        losses.append([r.loss for r in records] + [r.val_loss for r in records if isinstance(r, EpochRecord)])
        thetas.append(net.theta.copy())
    for i in (1, 2):
        np.testing.assert_allclose(losses[i], losses[0], rtol=1e-12)
        np.testing.assert_allclose(thetas[i], thetas[0], atol=1e-12)
