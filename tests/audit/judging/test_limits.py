"""Steps that cut their gradients off: a precaution and no mistake, and nobody is told of a factor that it makes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from plain_networks import PlainNetwork

from handgrad.audit.judging.diagnose import diagnose
from handgrad.audit.subject import Subject

Array = Any


def by_number(gradients: dict[str, Array]) -> dict[str, Array]:
    return {name: np.clip(g, -0.02, 0.02) for name, g in gradients.items()}


def by_norm(gradients: dict[str, Array]) -> dict[str, Array]:
    return {name: g * min(1.0, 0.25 / np.linalg.norm(g)) for name, g in gradients.items()}


def by_norm_of_all(gradients: dict[str, Array]) -> dict[str, Array]:
    norm = np.sqrt(sum((g**2).sum() for g in gradients.values()))
    return {name: g * min(1.0, 0.5 / norm) for name, g in gradients.items()}


def cutting(net: PlainNetwork, cut: Callable[[dict[str, Array]], dict[str, Array]]) -> Subject:
    """The network, whose step cuts its gradients off."""
    whole = net.subject()
    assert whole.step is not None
    step = whole.step

    def limited(x: Array, y: Array, lr: float) -> None:
        before = whole.snapshot()
        step(x, y, lr)
        after = whole.snapshot()
        gradients = cut({name: (before[name] - after[name]) / lr for name in before})
        whole.restore({name: before[name] - lr * gradients[name] for name in before})

    return replace(whole, step=limited)


@pytest.mark.parametrize("activation", ["sigmoid", "relu", "tanh"])
@pytest.mark.parametrize("cut", [by_number, by_norm, by_norm_of_all])
def test_cutting_gradients_off_is_no_mistake(cut: Any, activation: str) -> None:
    diagnosis = diagnose(cutting(PlainNetwork(activation), cut))
    assert [finding.code for finding in diagnosis.findings] == ["optimizer-clipped"]
    assert diagnosis.ok


@pytest.mark.parametrize("cut", [by_number, by_norm, by_norm_of_all])
def test_nor_is_it_one_in_a_network_that_nobody_knows(cut: Any) -> None:
    net = PlainNetwork("tanh")
    net.f, net.df = lambda z: z + 0.3 * np.sin(z), lambda z, a: 1 + 0.3 * np.cos(z)
    diagnosis = diagnose(cutting(net, cut))
    assert diagnosis.identity is None
    assert diagnosis.ok


@pytest.mark.parametrize("mistake", ["sign-flipped", "activation-derivative-missing", "weights-not-transposed"])
def test_a_wrong_direction_is_found_all_the_same(mistake: str) -> None:
    diagnosis = diagnose(cutting(PlainNetwork("tanh", mistake), by_norm))
    assert not diagnosis.ok


@pytest.mark.parametrize(("mistake", "code"), [("averaged-twice", "averaged-twice"), ("summed", "summed")])
def test_a_factor_is_told_where_nothing_is_cut_off(mistake: str, code: str) -> None:
    found = diagnose(PlainNetwork("tanh", mistake).subject()).findings
    assert [finding.code for finding in found] == [code]
