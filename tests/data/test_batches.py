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


def test_floats_stay_and_the_source_is_left_alone() -> None:
    images = np.array([[0.5, 200.0]], np.float32)
    rows = to_input(images)
    rows += 1
    np.testing.assert_array_equal(images, [[0.5, 200.0]])
    np.testing.assert_array_equal(rows, [[1.5, 201.0]])


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
