"""Which loss of a file is taken, where it reports one with a penalty and one without."""

from __future__ import annotations

import numpy as np
import pytest

from handgrad.audit.subject import Subject
from handgrad.audit.whole_loss import charges
from handgrad.core.arrays import Array

W, b = np.random.default_rng(0).standard_normal((6, 4)), np.zeros(4)


def data(x: Array, y: Array) -> float:
    return float(np.square(np.tanh(x @ W + b) - np.eye(4)[y]).mean())


@pytest.mark.parametrize(("more", "told"), [
    (lambda x: 0.05 * np.square(W).sum(), True),
    (lambda x: 0.05 * np.abs(W).sum(), True),
    (lambda x: 0.05 * np.square(W).sum() / len(x), True),
    (lambda x: 0.0, False),
    (lambda x: 0.3, False),  # of no weights
    (lambda x: 0.05 * np.square(x @ W).mean(), False),  # of the batch
    (lambda x: -0.05 * np.square(W).sum(), False),
])  # fmt: skip
def test_a_loss_that_is_another_one_and_a_penalty(more, told: bool) -> None:  # type: ignore[no-untyped-def]
    whole, part = (
        Subject(lambda: {"W": W, "b": b}, loss, None, None, 6, 4) for loss in (lambda x, y: data(x, y) + more(x), data)
    )
    before = W.copy()
    assert charges(whole, part) is told
    assert (before == W).all()
