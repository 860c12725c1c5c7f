"""By how many rows two picks are apart."""

from __future__ import annotations

import ast

import pytest

from handgrad.audit.properties.shifts import shift_between


@pytest.mark.parametrize(
    ("first", "second", "by"),
    [
        ("x[i:i + b]", "y[i:i + b]", 0),
        ("x[i:i + b]", "y[i + 1:i + b + 1]", 1),
        ("x[rows]", "y[rows + 2]", 2),
        ("x[rows]", "y[(rows + 1) % len(x)]", 1),  # it goes round at the end
        ("x[(rows + 1) % n]", "y[(rows + 1) % n]", 0),
        ("x[rows]", "y[others]", None),
        ("x[order[i:i + b]]", "y[order[i + 1:i + 1 + b]]", 1),
        ("x[order[i:i + b]]", "y[others[i + 1:i + 1 + b]]", None),
        ("x[i:i + b]", "y[i:i + 2 * b]", None),
    ],
)
def test_how_far_two_picks_are_apart(first: str, second: str, by: int | None) -> None:
    picks = [ast.parse(one, mode="eval").body.slice for one in (first, second)]  # type: ignore[attr-defined]
    assert shift_between(*picks) == by
