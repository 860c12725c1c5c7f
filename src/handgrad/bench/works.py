"""The works that are timed: which net, which optimizer, which batch; and the data that they are done on.

Engine and recipe are kept apart: everybody trains the same net in the same batches for as many epochs.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from handgrad.core.arrays import Array
from handgrad.data import load_data


class Work(NamedTuple):
    """An epoch of training: layer sizes (ReLU between them, softmax cross-entropy at the end), "sgd" or "adam"."""

    sizes: tuple[int, ...]
    optimizer: str
    lr: float
    batch_size: int

    def __str__(self) -> str:
        optimizer = {"sgd": "SGD", "adam": "Adam"}[self.optimizer]
        return f"{'-'.join(map(str, self.sizes))}, {optimizer}, batch {self.batch_size}"


WORKS = {
    "A": Work((784, 256, 10), "sgd", 0.1, 64),
    "B": Work((784, 256, 10), "adam", 0.001, 128),
    "C": Work((784, 1000, 1000, 10), "adam", 0.001, 512),
}
PREDICTIONS = {"one": 1, "many": 10_000}  # images in a call
PREDICTED_SIZES = (784, 256, 10)


class Samples(NamedTuple):
    """MNIST: pixels as uint8 (n, 784) and labels (n,), for training and for the test."""

    pixels: Array
    labels: Array
    test_pixels: Array
    test_labels: Array

    @property
    def images(self) -> Array:
        """The training images as libraries want them: float32 from 0 to 1."""
        return as_floats(self.pixels)

    @property
    def test_images(self) -> Array:
        """The test images, likewise."""
        return as_floats(self.test_pixels)


def as_floats(pixels: Array) -> Array:
    """uint8 from 0 to 255 -> float32 from 0 to 1."""
    return pixels / np.float32(255)


def samples(most: int | None = None) -> Samples:
    """All of MNIST, or its first `most` training images."""
    data = load_data("mnist")
    flat = data.train.images.reshape(len(data.train.images), -1)[:most]
    test = data.test.images.reshape(len(data.test.images), -1)
    return Samples(flat, data.train.labels[:most].astype(np.int64), test, data.test.labels.astype(np.int64))


def start_weights(sizes: tuple[int, ...], seed: int = 0) -> list[tuple[Array, Array]]:
    """[(W (in, out), b (out,)), ...] by He's rule, float32: the weights that everybody starts from."""
    rng = np.random.default_rng(seed)
    return [
        (
            rng.standard_normal((n, m), dtype=np.float32) * np.float32(np.sqrt(2 / n)),
            np.zeros(m, np.float32),
        )
        for n, m in pairwise(sizes)
    ]
