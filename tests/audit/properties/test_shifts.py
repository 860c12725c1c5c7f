"""By how many rows two picks are apart."""

from __future__ import annotations

import ast

import pytest

from handgrad.audit.properties.pairing import partings
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
        ("x[rows]", "y[np.roll(rows, -1)]", 1),  # rolled back, each place holds what stood one further on
        ("x[np.roll(rows, 1)]", "y[rows]", 1),
        ("x[rows]", "y[np.roll(others, 1)]", None),
        ("x[:-1]", "y[1:]", 1),
        ("x[2:]", "y[:-2]", -2),
        ("x[:-1]", "y[2:]", None),
    ],
)
def test_how_far_two_picks_are_apart(first: str, second: str, by: int | None) -> None:
    picks = [ast.parse(one, mode="eval").body.slice for one in (first, second)]  # type: ignore[attr-defined]
    assert shift_between(*picks) == by


@pytest.mark.parametrize(
    ("labels", "by"),
    [("y[rows]", []), ("y[order[i + 1:i + 33]]", [1]), ("y[np.roll(rows, -1)]", [1]), ("y[other[i:i + 32]]", [None])],
)
def test_a_name_for_a_part_of_an_order_is_that_part(labels: str, by: list[int | None]) -> None:
    """The rows of a batch have a name, and its labels are picked from the same order without it."""
    loop = f"""
order, other = rng.permutation(len(x)), rng.permutation(len(x))
for i in range(0, len(x) - 32, 32):
    rows = order[i:i + 32]
    loss = criterion(model(x[rows]), {labels})
"""
    assert [one.shift for one in partings(ast.parse(loop))][:1] == by


@pytest.mark.parametrize(
    ("labels", "by"),
    [
        ("Y[order]", []),
        ("np.roll(Y[order], 1, axis=0)", [1]),
        ("np.roll(Y[others], 1)", []),
        ("np.roll(X[order], 1)", []),
    ],
)
def test_labels_that_are_rolled_on_once_they_are_picked(labels: str, by: list[int]) -> None:
    """A roll beside rows of the same pick parts them; one of another pick, or of the rows, says nothing."""
    text = f"""
def train(X, Y):
    for epoch in range(9):
        order = np.random.permutation(len(X))
        X_mixed, Y_mixed = X[order], {labels}
"""
    assert [(one.x, one.y, one.shift) for one in partings(ast.parse(text)) if one.shift] == [
        ("X_mixed", "Y_mixed", n) for n in by
    ]


def test_a_lambda_beside_is_no_body_of_statements() -> None:
    text = "square = lambda x: x * x\nx_mixed, y_mixed = X[order], np.roll(Y[order], 1)\n"
    assert [one.shift for one in partings(ast.parse(text)) if one.shift] == [1]
