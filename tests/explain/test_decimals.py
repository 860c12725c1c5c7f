"""How one number is printed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handgrad.explain.decimals import at_place, half_unit, in_full, signed, to_digits
from handgrad.explain.equation import settle
from handgrad.explain.expression import Rest, Value, add, call, div, exact, mul, sub, worked


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0.0312345, 4, "0.03123"), (-0.5, 4, "-0.5"), (np.float32(0.1), 3, "0.100"), (0.0, 4, "0"),
        (9.99996, 4, "10.00"), (1.23456e-7, 3, "1.23e-7"), (0.00099996, 4, "0.001000"), (123456.7, 4, "123457"),
        (1234567.0, 3, "1.23e6"), (float("inf"), 3, "inf"), (float("nan"), 3, "nan"), (200.0, 4, "200"),
        (-1e-310, 2, "-1.0e-310"),
    ],
)  # fmt: skip
def test_digits(value: float, digits: int, text: str) -> None:
    assert to_digits(value, digits) == text


@pytest.mark.parametrize(
    ("value", "place", "power", "text"),
    [(0.0314159, -3, 0, "0.031"), (-0.0001, -3, 0, "0.000"), (3.14e-6, -8, -6, "3.14e-6"), (1234.0, 2, 0, "1234"),
     (0.5, 0, 0, "0"), (2.5, 0, 0, "2"), (1234567.0, 3, 6, "1.235e6")],
)  # fmt: skip
def test_place(value: float, place: int, power: int, text: str) -> None:
    assert at_place(value, place, power) == text


@pytest.mark.parametrize(
    ("value", "text"), [(200, "200"), (0.999, "0.999"), (1e-8, "1e-8"), (1.0, "1"), (0.012, "0.012"), (1e22, "1e22")]
)
def test_a_setting_is_printed_as_it_was_written(value: float, text: str) -> None:
    assert in_full(value) == text


def test_a_change_has_its_sign() -> None:
    assert [signed(0.00137), signed(-3.21e-5)] == ["+0.00137", "-3.21e-5"]


FLOATS = st.floats(-1e6, 1e6).filter(lambda x: x == 0 or abs(x) > 1e-12)


@given(FLOATS, st.integers(1, 9))
def test_a_printed_number_is_the_number_rounded(value: float, digits: int) -> None:
    text = to_digits(value, digits)
    assert abs(float(text) - value) <= half_unit(text) * (1 + 1e-6) + 1e-300 or float(text) == value


@given(st.lists(FLOATS, min_size=1, max_size=6), st.lists(FLOATS, min_size=6, max_size=6), FLOATS, st.integers(1, 8))
def test_any_weighted_sum_closes(first: list[float], second: list[float], rest: float, digits: int) -> None:
    parts = [worked(mul(Value(a), Value(b))) for a, b in zip(first, second, strict=False)]
    result = sum(a * b for a, b in zip(first, second, strict=False)) + rest
    assert settle("y", add(*parts, Rest(9, Value(rest), abs(rest))), result, digits=digits).closes()


@given(FLOATS, FLOATS, st.integers(1, 8))
def test_any_quotient_and_difference_closes(a: float, b: float, digits: int) -> None:
    assert settle("d", sub(Value(a), Value(b)), a - b, digits=digits).closes()
    if b:
        assert settle("q", div(Value(a), Value(b)), a / b, digits=digits).closes()


def test_a_number_that_the_arithmetic_does_not_give_is_refused() -> None:
    with pytest.raises(ArithmeticError):
        settle("y", mul(Value(2.0), Value(3.0)), 6.5)
    with pytest.raises(ArithmeticError):
        settle("y", call("exp", exact(1)), 2.8)


def test_digits_are_kept_where_large_numbers_cancel() -> None:
    equation = settle("y", sub(Value(1.00000123), Value(1.0)), 1.23e-6)
    assert equation.result.text in ("1.23e-6", "0.00000123", "1.230e-6")
    assert equation.closes()
