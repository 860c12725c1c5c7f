"""Printing one number: to a place (the second after the point) or to a count of digits that say something.

Small numbers are written as 1.25e-6, with the power of ten that a whole column shares, so that its points line up.
"""

from __future__ import annotations

import math
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from typing import Any

import numpy as np

_SMALL, _LARGE = -3, 6  # powers of ten: below 0.001 and from a million on, numbers get an exponent
_WHOLE = 10**15  # whole numbers from here on are written with an exponent
_WIDE = Context(prec=60, rounding=ROUND_HALF_EVEN)


def magnitude(value: float) -> int | None:
    """The power of ten of the first digit: 2 for 314, -2 for 0.05; None for 0 and what is not finite."""
    return math.floor(math.log10(abs(value))) if value and math.isfinite(value) else None


def at_place(value: Any, place: int, power: int = 0) -> str:
    """A number rounded to 10^place, written with the factor 10^power: (0.0314, -3) is "0.031".

    Never to tens or hundreds: nobody could see in 1200 which of its digits are rounded.
    """
    number, place = float(value), min(place, power)
    if not math.isfinite(number):
        return str(number)
    with localcontext(_WIDE):
        rounded = Decimal(number).quantize(Decimal((0, (1,), place)))
        text = format(rounded.scaleb(-power), "f")
    if not text.strip("-0."):
        text = text.lstrip("-")
    return f"{text}e{power}" if power else text


def in_full(value: Any) -> str:
    """A count or a setting as it was written down: 200, 0.999, 1e-8."""
    if float(value).is_integer() and abs(value) < _WHOLE:
        return str(int(value))
    mantissa, _, power = (str(value) if isinstance(value, np.floating) else repr(float(value))).partition("e")
    return f"{mantissa.removesuffix('.0')}e{int(power)}" if power else mantissa


def to_digits(value: Any, digits: int) -> str:
    """A number with so many digits that say something; fewer where that is all of it: 0.5 and not 0.5000."""
    number = float(value)
    first = magnitude(number)
    if first is None:
        return "0" if number == 0 else str(number)
    text = at_place(number, first - digits + 1, shared_power(first))
    if magnitude(float(text)) != first:  # 9.9996 rounds to 10.000: one digit fewer
        first += 1
        text = at_place(number, first - digits + 1, shared_power(first))
    if "e" not in text and "." in text and Decimal(text) == Decimal(number):
        text = text.rstrip("0").rstrip(".")
    return text


def signed(value: Any, digits: int = 3) -> str:
    """A change: +0.00137, -3.21e-5."""
    text = to_digits(value, digits)
    return text if text.startswith("-") else f"+{text}"


def shared_power(largest: int | None) -> int:
    """The power of ten that a column is written with whose largest number has this magnitude; 0 for plain decimals."""
    return 0 if largest is None or _SMALL <= largest < _LARGE else largest


def half_unit(text: str) -> float:
    """Half of what the last printed digit stands for."""
    exponent = Decimal(text).as_tuple().exponent
    return 0.5 * 10.0**exponent if isinstance(exponent, int) else 0.0
