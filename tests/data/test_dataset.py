"""Dataset and what leads to it: what is refused, how labels become classes, what is set aside to test."""

from __future__ import annotations

import hashlib
import pickle
from typing import Any

import numpy as np
import pytest
from data_cases import error_of

from handgrad.data import Dataset, Split
from handgrad.data.assemble import as_samples, assemble, set_aside, whole_labels

RNG = np.random.default_rng(3)


def split(n: int = 6, **changes: Any) -> Split:
    return Split(**({"images": np.zeros((n, 4, 4), np.uint8), "labels": np.arange(n, dtype=np.uint8) % 2} | changes))


def test_sums_are_those_of_the_bytes() -> None:
    images = RNG.integers(0, 256, (6, 4, 4), np.uint8)
    data = Dataset("d", split(images=images[::-1]), split(), ("a", "b"))
    sums = data.sums()
    assert sums["train_images"] == hashlib.sha256(images[::-1].tobytes()).hexdigest()
    assert sums["test_labels"] == hashlib.sha256(bytes([0, 1] * 3)).hexdigest()
    assert list(sums) == ["train_images", "train_labels", "test_images", "test_labels"]


def test_it_says_what_it_is() -> None:
    data = Dataset("d<>", split(), split(4), ("a", "b"), note="n")
    assert (data.features, data.picture_shape) == (16, (4, 4))
    assert repr(data) == "Dataset('d<>': train 6, test 4 pictures of 4 x 4, 2 classes)"
    assert "d&lt;&gt;" in data._repr_html_()
    rows = split(images=np.zeros((6, 5), np.float32))
    table = Dataset("t", rows, rows, ("a", "b"))
    assert (table.features, table.picture_shape) == (5, None)
    assert "rows" in repr(table)
    assert pickle.loads(pickle.dumps(data)).sums() == data.sums()


@pytest.mark.parametrize(
    ("train", "test", "key"),
    [
        (split(labels=np.zeros(5, int)), split(), "counts"),
        (split(), split(images=np.zeros((5, 4, 4), np.uint8)), "counts"),
        (split(0), split(), "empty"),
        (split(), split(0), "empty"),
        (split(), split(images=np.zeros((6, 5, 4), np.uint8)), "sizes_differ"),
        (split(labels=np.array([0, 1, 2, 0, 1, 0])), split(), "label_outside"),
        (split(), split(labels=np.array([0, 1, -1, 0, 1, 0])), "label_outside"),
        (split(labels=np.zeros(6)), split(), "label_kind"),
        (split(images=np.full((6, 3), np.nan, np.float32)), split(), "not_finite"),
    ],
)
def test_what_is_not_whole_is_refused(train: Split, test: Split, key: str) -> None:
    error = error_of(lambda: Dataset("d", train, test, ("a", "b")))
    assert error.key == f"data.{key}"
    assert str(error).startswith("d: ")


def test_a_number_that_is_not_finite_is_named_with_its_place() -> None:
    images = np.zeros((6, 3), np.float32)
    images[4, 2] = np.inf
    error = error_of(lambda: Dataset("d", split(images=np.zeros((6, 3), np.float32)), split(images=images), ("a", "b")))
    assert "sample 4 of the part 'test' has the value inf at position 2 (1 such" in str(error)


@pytest.mark.parametrize(
    ("shape", "dtype", "top", "becomes"),
    [
        ((5, 28, 28), "uint8", 255, ((5, 28, 28), "uint8")),
        ((5, 28, 28, 1), "int64", 255, ((5, 28, 28), "uint8")),
        ((5, 1, 9, 8), "float64", 255, ((5, 9, 8), "uint8")),
        ((5, 784), "float32", 255, ((5, 28, 28), "uint8")),
        ((5, 784), "uint8", 16, ((5, 784), "float32")),  # counts, not pixels
        ((5, 4), "int64", 255, ((5, 4), "float32")),  # a table, not pictures of 2 x 2
        ((5, 28, 28), "int64", 256, ((5, 784), "float32")),
        ((5, 785), "uint8", 255, ((5, 785), "float32")),
    ],
)
def test_pixels_stay_bytes_and_tables_become_floats(
    shape: tuple[int, ...], dtype: str, top: int, becomes: tuple[tuple[int, ...], str]
) -> None:
    array = RNG.integers(0, 10, shape).astype(dtype)
    array.flat[7] = top
    (sample,) = as_samples("d", [array])
    assert (sample.shape, str(sample.dtype)) == becomes
    np.testing.assert_array_equal(sample.ravel(), array.ravel())


def test_fractions_keep_their_values_and_both_parts_get_one_kind() -> None:
    whole, broken = np.full((3, 8, 8), 200.0), np.full((2, 8, 8), 0.25)
    train, test = as_samples("d", [whole, broken])
    assert train.shape == (3, 64)
    assert test[0, 0] == np.float32(0.25)


@pytest.mark.parametrize(
    ("array", "key"),
    [
        (np.zeros(5), "no_features"),
        (np.zeros((5, 8, 8, 3)), "colour"),
        (np.zeros((5, 3, 8, 8)), "colour"),
        (np.array([["a", "b"]]), "not_numbers"),
        (np.zeros((5, 4), complex), "not_numbers"),
    ],
)
def test_what_cannot_be_samples(array: Any, key: str) -> None:
    assert error_of(lambda: as_samples("d", [array])).key == f"data.{key}"


def made(train_labels: Any, test_labels: Any = None) -> Dataset:
    def part(labels: Any) -> Any:
        return None if labels is None else (np.ones((len(labels), 3)), np.asarray(labels))

    return assemble("d", "", part(train_labels), part(test_labels))


def test_label_values_are_numbered_in_order_and_keep_their_names() -> None:
    data = made([7, 3, 7, 3, 3], [3, 7])
    assert data.classes == ("3", "7")
    assert data.train.labels.tolist() == [1, 0, 1, 0, 0]
    assert data.test.labels.tolist() == [0, 1]
    assert data.train.labels.dtype == np.uint8
    assert made(["dog", " cat", "dog", "cat"], ["cat", "dog"]).classes == ("cat", "dog")
    assert made(["10", "9.0", "10", "9"], ["9", "10"]).classes == ("9", "10")  # as numbers, so 9 comes first
    assert made(np.array([[1.0], [2.0], [1.0], [2.0]]), [1, 2]).classes == ("1", "2")


@pytest.mark.parametrize(
    ("train", "test", "key"),
    [
        ([0, 1, -1, 0], [0, 1], "label_value"),
        ([0.0, 1.0, 1.5, 0.0], [0, 1], "label_value"),
        ([0.0, 1.0, np.nan, 0.0], [0, 1], "label_value"),
        (["0", "1", "cat"], ["0", "1"], "label_value"),
        (["a", "b", " "], ["a", "b"], "label_value"),
        ([0, 1, 0, 1], [0, 2], "label_only_in_test"),
        ([0, 1, 0, 1, 99], [0, 1], "label_stray"),
        ([0, 1] * 200 + [2], [0, 1], "label_stray"),
        ([0, 1] * 200 + [2], None, "label_stray"),
        ([1, 1, 1], [1], "one_class"),
        ([0, 1], None, "too_few"),
        ([[0, 1], [1, 0]], [[0, 1]], "label_kind"),
        ([0j, 1j], [0j], "label_kind"),
        ([], [0], "empty"),
    ],
)
def test_labels_that_cannot_be_classes(train: Any, test: Any, key: str) -> None:
    assert error_of(lambda: made(train, test)).key == f"data.{key}"


def test_rare_classes_that_are_tested_stay() -> None:
    assert made([0, 1] * 200 + [2], [0, 1, 2]).classes == ("0", "1", "2")
    assert made([0, 1, 2], [0, 1]).classes == ("0", "1", "2")  # tiny sets have no usual size


def test_counts_that_differ() -> None:
    assert error_of(lambda: assemble("d", "", (np.ones((3, 2)), [0, 1]), None)).key == "data.counts"


def test_a_sixth_of_each_class_is_set_aside_the_same_each_time() -> None:
    labels = np.repeat([0, 1, 2], [60, 30, 12])
    whole = Split(np.arange(102, dtype=np.float32)[:, None], labels)
    train, test = set_aside("d", whole)
    assert np.bincount(test.labels).tolist() == [10, 5, 2]
    both = np.concatenate([train.images, test.images]).ravel()
    assert sorted(both) == list(range(102))
    assert np.all(np.diff(train.images.ravel()) > 0)
    again = set_aside("d", whole)[1]
    np.testing.assert_array_equal(again.images, test.images)
    assert not np.array_equal(test.images[:10].ravel(), np.arange(10))  # drawn, not cut off
    note = made(labels).note
    assert "85 to train on, 17 to test on" in note


def test_whole_labels_keep_small_types_small() -> None:
    assert whole_labels("d", "train", np.array([1, 2], np.uint8)).dtype == np.uint8
    assert whole_labels("d", "train", np.array([1.0, 2.0])).dtype == np.int64
