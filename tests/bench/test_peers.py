"""Each contestant does the same work: its net, from the same weights, learns and answers as the one by hand does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from handgrad.bench.peers import ONLY_WHEN_ASKED, PEERS, by_hand, installed, peer, takes_part
from handgrad.bench.works import Work, samples, start_weights
from handgrad.core.arrays import Array

TRAINERS = [name for name in PEERS if takes_part(name, "train") and name not in ONLY_WHEN_ASKED and name != "products"]
# The libraries that CI has; torch comes with the `parity` extra, jax with `bench`.
OFTEN_MISSING = {"torch", "jax"}
BY_DEFAULT = [name for name in TRAINERS if name not in OFTEN_MISSING]


def here(name: str) -> None:
    if not installed(name):
        assert name in OFTEN_MISSING, f"{name} should be installed by the dev extra"
        pytest.skip(f"{name} is not installed")


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in PEERS if takes_part(n, "predict")])
def test_predictions_are_those_by_hand(name: str) -> None:
    here(name)
    weights = start_weights((784, 32, 10))
    weights = [(w, b + np.float32(0.1)) for w, b in weights]
    x: Array = samples(1).test_images[:50]
    expected = by_hand.predictor(weights)(x)
    got = peer(name).predictor(weights)(x)
    if name == "scikit-learn":  # it answers with probabilities
        e = np.exp(expected - expected.max(axis=1, keepdims=True))
        expected = e / e.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", TRAINERS)
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_trains_like_the_one_by_hand(name: str, optimizer: str) -> None:
    here(name)
    data = samples(6_400)
    work = Work((784, 32, 10), optimizer, 0.1 if optimizer == "sgd" else 0.003, 64)

    def accuracy(trainer: Any) -> float:
        for _ in range(3):
            trainer.epoch()
        return float((trainer.predict(data.test_images).argmax(axis=1) == data.test_labels).mean())

    reference = accuracy(by_hand.Trainer(work, data))
    assert reference > 0.88
    assert accuracy(peer(name).Trainer(work, data)) == pytest.approx(reference, abs=0.012)  # their orders differ


def test_one_step_by_hand_is_that_of_the_layers() -> None:
    """The yardstick itself, against our layers: the same gradient step on the same batch."""
    from handgrad import SoftmaxCrossEntropy
    from handgrad.bench.peers.readable import net_with

    work = Work((784, 16, 16, 10), "sgd", 0.5, 20)
    data = samples(20)
    trainer = by_hand.Trainer(work, data)
    trainer.step(data.images, data.labels)
    net, criterion = net_with(start_weights(work.sizes)), SoftmaxCrossEntropy()
    criterion(net(data.images), data.labels)
    net.backward(criterion.backward())
    for (w, dw), mine in zip(net.parameters(), trainer.weights, strict=True):
        np.testing.assert_allclose(mine, w - np.float32(0.5) * dw, atol=1e-6)


def test_products_are_those_of_a_step() -> None:
    """A layer of n inputs and m outputs takes 2 B n m operations a product: forward, weights and, above, inputs."""
    trainer = peer("products").Trainer(Work((784, 30, 10), "sgd", 0.1, 16), samples(64))
    assert trainer.steps == 4
    assert [(x.shape, w.shape, dy.shape, dw.shape) for x, w, dy, dw in trainer.layers] == [
        ((16, 784), (784, 30), (16, 30), (784, 30)),
        ((16, 30), (30, 10), (16, 10), (30, 10)),
    ]
    trainer.epoch()
    x, _, dy, dw = trainer.layers[0]
    np.testing.assert_allclose(dw, x.T @ dy, rtol=1e-5, atol=1e-5)
