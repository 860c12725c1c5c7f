"""Batches: which rows come when, and how pixels become numbers that a net can take.

Images stay as they were stored (uint8) and are scaled a batch at a time, so that 60,000 digits cost 47 MB.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from handgrad.core.arrays import Array, RandomSource
from handgrad.errors import InputError

SHUFFLES = ("fresh", "compose", "none")


def to_input(images: Array, dtype: Any = np.float32) -> Array:
    """Images (n, ...) as rows (n, features) of floats: whole numbers 0..255 are divided by 255, floats stay.

    Floats of that dtype come as a view: who wants to write into the rows takes a copy. InputError for whole numbers
    beyond 255 or below 0, which are no pixels.
    """
    rows = images.reshape(len(images), prod(images.shape[1:])).astype(dtype, copy=False)  # (n, 28, 28) -> (n, 784)
    if images.dtype.kind in "iu":
        if images.dtype != np.uint8 and images.size and not (images.min() >= 0 and images.max() <= 255):
            raise InputError("data.whole_numbers", low=images.min(), high=images.max())
        rows *= 1 / 255
    return rows


def in_parts(images: Array, size: int = 1000, dtype: Any = np.float32) -> Iterator[Array]:
    """All images in their order, as inputs of `size` rows at a time, so that memory stays small.

    They are copies: what somebody's net writes into its input must not reach the images.
    """
    for start in range(0, len(images), size):
        yield to_input(np.array(images[start : start + size]), dtype)


def next_order(order: Array, shuffle: str, rng: RandomSource) -> Array:
    """The order of the rows for the next epoch, given that of the epoch before (at first: 0, 1, 2, ...).

    "fresh" draws a new permutation. "compose" re-orders the present order, as code does that shuffles its arrays
    themselves once an epoch. "none" leaves it.
    """
    if shuffle == "none":
        return order
    permutation: Array = rng.permutation(len(order))
    return permutation if shuffle == "fresh" else order[permutation]


def steps_in(samples: int, batch_size: int, drop_last: bool) -> int:
    """How many batches an epoch has."""
    return samples // batch_size if drop_last else -(-samples // batch_size)
