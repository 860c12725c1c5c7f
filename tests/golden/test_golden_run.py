"""A golden run: the first ten losses of small seeded float64 nets, kept in git, which any rebuilding must replay.

A change that is meant to move the numbers rewrites them: `python tests/golden/test_golden_run.py`. Its commit says why.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from handgrad import (
    MLP,
    SGD,
    Adam,
    Flatten,
    Huber,
    LayerNorm,
    Linear,
    Sequential,
    SoftmaxCrossEntropy,
    clip_by_norm,
    one_cycle,
)

FILE = Path(__file__).with_name("losses.json")


def classes() -> list[float]:
    """Adam with one-cycle, BatchNorm, Dropout, label smoothing."""
    rng = np.random.default_rng(2024)
    net = MLP(6, 16, 12, 4, batch_norm=True, dropout=0.25, rng=rng, dtype=np.float64)
    criterion, optimizer = (
        SoftmaxCrossEntropy(0.05),
        Adam(net.parameters(), lr=0.03, weight_decay=0.001, decay="weights"),
    )
    rate, losses = one_cycle(10), []
    for step in range(10):
        x = rng.random((20, 6))
        optimizer.lr = 0.03 * rate(step)
        losses.append(criterion(net(x), (4 * x[:, 0]).astype(int)))
        net.backward(criterion.backward())
        optimizer.step()
    return losses


def numbers() -> list[float]:
    """SGD with Nesterov momentum, clipping, a nested net of every other activation, gradients in two parts."""
    rng = np.random.default_rng(7)
    blocks = [
        MLP(8, 8, 8, activation=kind, init="orthogonal", rng=rng, dtype=np.float64)
        for kind in ("sigmoid", "tanh", "leaky_relu", "elu", "gelu", "silu", "softplus")
    ]
    net = Sequential(
        Flatten(), *blocks, LayerNorm(8, dtype=np.float64), Linear(8, 1, init="lecun", rng=rng, dtype=np.float64)
    )
    criterion, optimizer = Huber(0.5), SGD(net, lr=0.05, momentum=0.9, nesterov=True)
    losses = []
    for _ in range(10):
        x = rng.random((12, 2, 4))
        t = x.sum(axis=(1, 2))[:, None]
        value = 0.0
        for half in (slice(0, 6), slice(6, 12)):
            value += criterion(net(x[half]), t[half]) / 2
            net.backward(criterion.backward() / 2, accumulate=half.start > 0)
        clip_by_norm(net, 1.0)
        optimizer.step()
        losses.append(value)
    return losses


RUNS: dict[str, Any] = {"classes": classes, "numbers": numbers}


@pytest.mark.parametrize("name", RUNS)
def test_the_losses_are_those_of_the_record(name: str) -> None:
    recorded = json.loads(FILE.read_text())[name]
    assert len(recorded) == 10
    np.testing.assert_allclose(RUNS[name](), recorded, rtol=1e-12, atol=0)


if __name__ == "__main__":
    FILE.write_text(json.dumps({name: run() for name, run in RUNS.items()}, indent=1) + "\n")
