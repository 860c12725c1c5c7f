"""Which of the numbers that a file calls a loss are whole, and which are parts of another one."""

from __future__ import annotations

import pytest

from handgrad.audit.dialects.totals import without_parts


@pytest.mark.parametrize(
    ("first", "second", "whole"),
    [
        ({"data": 2.0, "penalty": 0.25, "loss": 2.25}, {"data": 3.0, "penalty": 0.25, "loss": 3.25}, {"loss"}),
        ({"data": 2.0, "loss": 2.25}, {"data": 3.0, "loss": 3.25}, {"loss"}),
        ({"data": 2.0, "loss": 2.8}, {"data": 3.0, "loss": 3.5}, {"loss"}),  # 4 over the rows
        ({"one": 2.0, "other": 2.25}, {"one": 3.0, "other": 3.3}, {"one", "other"}),
        ({"loss": 2.0, "same": 2.0}, {"loss": 3.0, "same": 3.0}, {"loss", "same"}),
        ({"loss": 2.0, "best": 9.0}, {"loss": 3.0, "best": 9.0}, {"loss", "best"}),
    ],
)
def test_what_is_whole(first: dict[str, float], second: dict[str, float], whole: set[str]) -> None:
    assert set(without_parts(first, second, (5, 8))) == whole
