"""Measuring: what one call adds, freed of a velocity and of what was never reset."""

from __future__ import annotations

import numpy as np
import pytest

from handgrad.audit.judging.measure import steady
from handgrad.audit.subject import Subject
from handgrad.core.arrays import Array

GRADIENT = np.random.default_rng(0).standard_normal((3, 2))


class Net:
    """W, moved by a velocity, of gradients that are added up or not."""

    def __init__(self, share: float, *, reset: bool, start: float) -> None:
        self.weights = {"W": np.zeros((3, 2))}
        self.velocity, self.sum = np.full((3, 2), start), np.full((3, 2), -start)
        self.share, self.reset = share, reset

    def step(self, x: Array, y: Array, lr: float) -> None:
        """One step, whatever the batch."""
        del x, y
        self.sum = GRADIENT + (0.0 if self.reset else self.sum)
        self.velocity = self.share * self.velocity + self.sum
        self.weights["W"] -= lr * self.velocity


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("start", [0.0, 30.0])
@pytest.mark.parametrize("reset", [True, False])
def test_a_gradient_behind_a_velocity(share: float, start: float, *, reset: bool) -> None:
    net = Net(share, reset=reset, start=start)
    found = steady(Subject(lambda: net.weights, lambda x, y: 0.0, net.step), None, None, 0.125)
    np.testing.assert_allclose(found.gradient["W"], GRADIENT, rtol=1e-9)
    assert found.carry["W"] == pytest.approx(share if reset else 1.0)
