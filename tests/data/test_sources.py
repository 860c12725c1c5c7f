"""What is known of the named data sets: every download can be checked, and has more than one place to come from."""

from __future__ import annotations

import re

import pytest

from handgrad.data import DATASETS

SUM = re.compile(r"sha256:[0-9a-f]{64}|md5:[0-9a-f]{32}")


def test_the_names() -> None:
    assert list(DATASETS)[:4] == ["mnist", "fashion-mnist", "kmnist", "qmnist"]
    splits = {name.removeprefix("emnist-") for name in DATASETS if name.startswith("emnist-")}
    assert splits == {"balanced", "byclass", "bymerge", "digits", "letters", "mnist"}


@pytest.mark.parametrize("source", [s for s in DATASETS.values() if s.name != "mnist"], ids=lambda s: s.name)
def test_every_download_has_a_sum_and_more_than_one_mirror(source) -> None:  # type: ignore[no-untyped-def]
    assert len(source.mirrors) > 1
    assert all(re.fullmatch(r"https?://\S+/", mirror) for mirror in source.mirrors)
    assert len(source.files) == 4
    downloads = [source.archive] if source.archive else source.files
    assert all(SUM.fullmatch(known) for _, known in downloads)
    assert len({known for _, known in downloads}) == len(downloads)


def test_the_classes_are_as_many_as_the_papers_say() -> None:
    many = {name: len(source.classes) for name, source in DATASETS.items()}
    assert many["emnist-balanced"] == many["emnist-bymerge"] == 47
    assert many["emnist-byclass"] == 62
    assert many["emnist-letters"] == 26
    assert {many[name] for name in ("mnist", "fashion-mnist", "kmnist", "qmnist", "emnist-digits")} == {10}
    assert all(len(set(source.classes)) == len(source.classes) for source in DATASETS.values())
    assert DATASETS["emnist-balanced"].classes[10] == "A"
    assert DATASETS["emnist-balanced"].classes[36] == "a"
    assert DATASETS["emnist-balanced"].classes[46] == "t"
