"""Batches: how pixels become numbers, and in which order rows come."""

from __future__ import annotations

import numpy as np
import pytest

from handgrad.data import Split
from handgrad.data.batches import in_parts, next_order, steps_in, to_input
from handgrad.errors import InputError


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.int16])
def test_whole_numbers_are_pixels(dtype: type) -> None:
    rows = to_input(np.array([[[0, 51], [102, 255]]], dtype), np.float64)
    assert rows.shape == (1, 4)
    np.testing.assert_allclose(rows, [[0, 0.2, 0.4, 1]], rtol=1e-15)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.float32, np.float64])
def test_the_source_is_left_alone(dtype: type) -> None:
    images = np.array([[[5, 200]], [[0, 7]]], dtype)
    images.flags.writeable = False
    rows = to_input(images)
    np.testing.assert_allclose(rows, images.reshape(2, 2) / (255 if images.dtype.kind in "iu" else 1), rtol=1e-6)
    for part in in_parts(images, 1):
        part += 1  # these are copies
    np.testing.assert_array_equal(images, [[[5, 200]], [[0, 7]]])


def test_floats_of_the_dtype_are_not_copied() -> None:
    images = np.array([[0.5, 200.0]], np.float32)
    assert np.shares_memory(to_input(images), images)
    assert not np.shares_memory(to_input(images, np.float64), images)


@pytest.mark.parametrize("wrong", [256, -1])
def test_other_whole_numbers_are_no_pixels(wrong: int) -> None:
    with pytest.raises(InputError, match="no pixels"):
        to_input(np.array([[0, wrong]]))


def test_all_rows_come_in_parts() -> None:
    images = np.arange(7 * 4, dtype=np.uint8).reshape(7, 2, 2)
    parts = list(in_parts(images, 3))
    assert [len(part) for part in parts] == [3, 3, 1]
    np.testing.assert_array_equal(np.concatenate(parts), to_input(images))


def test_orders() -> None:
    rng, twin = np.random.default_rng(1), np.random.default_rng(1)
    start = np.array([3, 0, 2, 1])
    first, second = twin.permutation(4), twin.permutation(4)
    np.testing.assert_array_equal(next_order(start, "none", rng), start)
    np.testing.assert_array_equal(next_order(start, "fresh", rng), first)
    np.testing.assert_array_equal(next_order(start, "compose", rng), start[second])


def test_steps() -> None:
    assert (steps_in(10, 3, drop_last=False), steps_in(10, 3, drop_last=True), steps_in(9, 3, drop_last=False)) == (
        4,
        3,
        3,
    )


def test_a_split_unpacks() -> None:
    images, labels = Split(np.zeros((2, 3)), np.array([0, 1]))
    assert (images.shape, labels.tolist()) == ((2, 3), [0, 1])
