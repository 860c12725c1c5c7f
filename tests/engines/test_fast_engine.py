"""The compiled engine takes the same steps as the NumPy engine: weights, losses and rights, in float64 to 1e-12."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from handgrad.core.layers import ELU, GELU, BatchNorm, Dropout, LayerNorm, Linear, ReLU, SiLU, Softplus, Tanh
from handgrad.core.losses import MSE, BinaryCrossEntropy, Huber, SoftmaxCrossEntropy
from handgrad.core.mlp import MLP
from handgrad.core.net import Sequential
from handgrad.core.optim import SGD, Adam, AdamW, RMSprop
from handgrad.engines import NumpyEngine

numba = pytest.importorskip("numba")
from handgrad.engines.fast.engine import FastEngine  # noqa: E402 - it imports Numba

RNG = np.random.default_rng(0)
pytestmark = pytest.mark.slow  # compiling takes some ten seconds


def digits(rows: int, features: int) -> Any:
    """Whole numbers from 0 to 255, most of them 0; some rows and some columns are nothing but zeros, some have none."""
    images = RNG.integers(0, 256, (rows, features), dtype=np.uint8) * (RNG.random((rows, features)) < 0.2)
    images[:: max(2, rows // 7)] = 0
    images[1 :: max(3, rows // 5)] = 1 + RNG.integers(0, 255, features, dtype=np.uint8)
    images[:, :: max(2, features // 5)] = 0
    return images.astype(np.uint8)


OPTIMIZERS: dict[str, Any] = {
    "plain": lambda net: SGD(net, lr=0.3),
    "decay": lambda net: SGD(net, lr=0.3, weight_decay=0.01, decay="weights"),
    "momentum": lambda net: SGD(net, lr=0.1, momentum=0.9),
    "nesterov": lambda net: SGD(net, lr=0.1, momentum=0.8, nesterov=True, weight_decay=0.02),
    "adam": lambda net: Adam(net, lr=0.01, weight_decay=0.01),
    "adamw": lambda net: AdamW(net, lr=0.01, weight_decay=0.1, decay="weights"),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(
    ("sizes", "activation", "batch"),
    [
        ((30, 7, 3), "relu", 8),
        ((50, 200, 20, 4), "gelu", 13),
        ((9, 5), None, 1),
        ((40, 64, 10), "leaky_relu", 64),
        ((30, 70, 33, 101, 3), "relu", 11),
        ((12, 9, 40), "tanh", 7),
        ((20, 33, 130, 5), "gelu", 13),
    ],
)
@pytest.mark.parametrize("sparse", [True, False])
def test_two_epochs_agree_with_the_numpy_engine(
    sizes: Any, activation: Any, batch: int, optimizer: str, sparse: bool
) -> None:
    images, labels = digits(70, sizes[0]), RNG.integers(0, sizes[-1], 70)
    nets = [MLP(*sizes, activation=activation, rng=1, dtype=np.float64) for _ in range(2)]
    for net in nets:
        net.theta[:] += 0.1 * np.random.default_rng(3).standard_normal(net.theta.size)  # biases that are not 0
    optimizers = [OPTIMIZERS[optimizer](net) for net in nets]
    criterion = SoftmaxCrossEntropy(label_smoothing=0.1 if batch == 13 else 0)
    slow = NumpyEngine(nets[0], criterion, optimizers[0])
    fast = FastEngine(nets[1], criterion, optimizers[1], images, labels, batch, threads=2, sparse=sparse)
    assert fast.whole
    for epoch in range(2):
        order = np.random.default_rng(epoch).permutation(70)
        rates = [None if epoch else 0.02 / (1 + i) for i in range(-(-70 // batch))]
        expected = list(slow.epoch(images, labels, order, batch, rates))
        got = list(fast.epoch(images, labels, order, batch, rates))
        assert [r.correct for r in got] == [r.correct for r in expected]
        np.testing.assert_allclose([r.loss for r in got], [r.loss for r in expected], rtol=1e-12)
    np.testing.assert_allclose(nets[1].theta, nets[0].theta, rtol=0, atol=1e-12)
    for name, array in optimizers[0].state().items():
        np.testing.assert_allclose(optimizers[1].state()[name], array, rtol=0, atol=1e-12, err_msg=name)


F8: dict[str, Any] = {"dtype": np.float64}
NETS: dict[str, Any] = {
    "wide": lambda: [ReLU(), Linear(40, 40, rng=3, **F8), Tanh(), Dropout(0.2, rng=6)],
    "dropout": lambda: [ReLU(), Dropout(0.4, rng=5)],
    "batch norm": lambda: [BatchNorm(40, **F8), GELU()],
    "layer norm": lambda: [LayerNorm(40, **F8), SiLU()],
    "nested": lambda: [ELU(), Sequential(Dropout(0.1, rng=4), Softplus())],
}
SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {}, "clipped": {"clip_norm": 0.1}, "accumulated": {"accumulate": 3},
    "weighted": {"weights": np.random.default_rng(9).random(70) + 0.1},
}  # fmt: skip
MORE = OPTIMIZERS | {"rmsprop": lambda net: RMSprop(net, lr=0.01)}


@pytest.mark.parametrize("sparse", [True, False])
@pytest.mark.parametrize(
    ("kind", "setting", "optimizer"),
    [*((kind, "plain", "plain") for kind in NETS), *(("wide", s, o) for s in SETTINGS for o in MORE)],
)
def test_steps_that_are_compiled_in_part_agree(kind: str, setting: str, optimizer: str, sparse: bool) -> None:
    images, labels, settings = digits(70, 30), RNG.integers(0, 5, 70), SETTINGS[setting]
    nets = [Sequential(Linear(30, 40, rng=1, **F8), *NETS[kind](), Linear(40, 5, rng=2, **F8)) for _ in range(2)]
    optimizers = [MORE[optimizer](net) for net in nets]
    criterion = SoftmaxCrossEntropy()
    slow = NumpyEngine(nets[0], criterion, optimizers[0], **settings)
    fast = FastEngine(nets[1], criterion, optimizers[1], images, labels, 20, sparse=sparse, threads=2, **settings)
    assert not fast.whole
    for epoch in range(2):
        order = np.random.default_rng(epoch).permutation(70)
        expected = list(slow.epoch(images, labels, order, 20, [None] * 4))
        got = list(fast.epoch(images, labels, order, 20, [None] * 4))
        assert [r.correct for r in got] == [r.correct for r in expected]
        np.testing.assert_allclose([r.loss for r in got], [r.loss for r in expected], rtol=1e-12)
    for (name, a), b in zip(nets[0].state().items(), nets[1].state().values(), strict=True):
        np.testing.assert_allclose(b, a, rtol=0, atol=1e-11, err_msg=name)


@pytest.mark.parametrize("criterion", [MSE(), BinaryCrossEntropy(), Huber(0.2)])
def test_losses_of_numbers_agree(criterion: Any) -> None:
    images, labels = digits(70, 30), np.eye(5)[RNG.integers(0, 5, 70)]
    nets = [MLP(30, 8, 5, rng=0, dtype=np.float64) for _ in range(2)]
    slow = NumpyEngine(nets[0], criterion, Adam(nets[0]))
    fast = FastEngine(nets[1], criterion, Adam(nets[1]), images, labels, 20)
    expected = list(slow.epoch(images, labels, np.arange(70), 20, [None] * 4))
    got = list(fast.epoch(images, labels, np.arange(70), 20, [None] * 4))
    np.testing.assert_allclose([r.loss for r in got], [r.loss for r in expected], rtol=1e-12)
    np.testing.assert_allclose(nets[1].theta, nets[0].theta, rtol=0, atol=1e-12)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_change_no_bit(threads: int) -> None:
    images, labels = digits(200, 60), RNG.integers(0, 5, 200)
    thetas = []
    for count in (1, threads, threads):
        net = MLP(60, 300, 100, 5, rng=0)
        engine = FastEngine(net, SoftmaxCrossEntropy(), Adam(net), images, labels, 16, threads=count)
        for _ in engine.epoch(images, labels, np.arange(200), 16, [None] * 13):
            pass
        thetas.append(net.theta.copy())
    np.testing.assert_array_equal(thetas[0], thetas[1])
    np.testing.assert_array_equal(thetas[0], thetas[2])


def test_a_weight_is_there_when_its_record_is_seen() -> None:
    images, labels = digits(40, 20), RNG.integers(0, 3, 40)
    net, by_hand = (Sequential(Linear(20, 3, rng=0, dtype=np.float64)) for _ in range(2))
    engine = FastEngine(net, SoftmaxCrossEntropy(), SGD(net, lr=0.5), images, labels, 10)
    slow = NumpyEngine(by_hand, SoftmaxCrossEntropy(), SGD(by_hand, lr=0.5))
    steps = engine.epoch(images, labels, np.arange(40), 10, [None] * 4)
    for _, _ in zip(steps, slow.epoch(images, labels, np.arange(40), 10, [None] * 4), strict=True):
        np.testing.assert_allclose(net.theta, by_hand.theta, rtol=0, atol=1e-13)
