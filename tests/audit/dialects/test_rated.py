"""The rate of updates that write it as a number: the same for every parameter, whatever it is called."""

import ast

import pytest

from handgrad.audit.dialects.edits import RATE, resolver
from handgrad.audit.dialects.rated import with_rate


@pytest.mark.parametrize(
    ("text", "rated"),
    [
        ("one.w -= 0.5 * one.dw\none.c -= 0.5 * one.dc", [True, True]),
        ("one.w = one.w - one.dw * pace\none.shift = one.shift - one.dshift * pace", [True, True]),
        ("one.w -= 0.5 * one.dw\none.mean -= 0.1 * gone", [True, False]),
        ("one.w -= 0.5 * one.dw\nloss -= 0.5 * gone\none.velocity -= 0.5 * gone", [True, False, False]),
    ],
)
def test_one_rate_for_all_that_changes_by_it(text: str, rated: list[bool]) -> None:
    body = with_rate(ast.parse(text).body, set(), resolver({"pace": 0.25}))
    assert [RATE in ast.unparse(one) for one in body] == rated
