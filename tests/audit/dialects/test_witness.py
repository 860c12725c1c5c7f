"""Which numbers of a run may be its loss, and which of them is the likelier."""

from __future__ import annotations

import numpy as np

from handgrad.audit.dialects.witness import watch

W = np.ones((2, 3))


def compute_loss(y: np.ndarray, t: np.ndarray) -> float:
    data_loss = float(np.mean((y - t) ** 2))
    l2_cost = float(np.sum(W**2))
    return data_loss + 0.1 * l2_cost


def train(y: np.ndarray, t: np.ndarray) -> None:
    batch_loss = compute_loss(y, t)
    assert batch_loss > 0


def test_the_parts_of_a_loss_come_after_it() -> None:
    found = watch(lambda: train(np.ones((4, 2)), np.zeros((4, 2))), 4).losses
    assert [round(value, 6) for value in found.values()] == [1.6, 1.6, 1.0, 6.0]
