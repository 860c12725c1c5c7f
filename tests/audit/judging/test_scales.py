"""What the factors of gradients mean, from how they change with the batch."""

from __future__ import annotations

import numpy as np
import pytest

from handgrad.audit.judging.measure import fit
from handgrad.audit.judging.scales import scales

ROWS = (5, 8)


@pytest.mark.parametrize(
    ("sign", "averaged", "codes"),
    [
        (1, False, ["averaged"]),
        (-1, False, ["averaged", "sign-flipped"]),  # of a loss that is a sum only the sign is wrong
        (-1, True, ["sign-flipped", "averaged-twice"]),
    ],
)
def test_a_climb_over_a_sum_is_no_average_too_many(sign: int, averaged: bool, codes: list[str]) -> None:
    true = np.arange(1.0, 7.0)
    found = [{"W": fit(sign / rows * true, true, 1e-9)} for rows in ROWS]
    assert [one.code for one in scales(found, ROWS, averaged=averaged)] == codes
