"""The bare matrix products of an epoch: what no network that multiplies its zeros can beat.

They have the shapes of the work and no meaning; nothing is added, activated or updated.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from handgrad.bench.works import Samples, Work
from handgrad.core.arrays import Array

PACKAGE = "numpy"


class Trainer:
    """Forward, weight gradient and, but for the first layer, input gradient: three products a layer."""

    def __init__(self, work: Work, samples: Samples) -> None:
        rng = np.random.default_rng(0)
        batch = work.batch_size
        self.steps = len(samples.labels) // batch
        self.layers = [
            (
                rng.standard_normal((batch, n), dtype=np.float32),
                rng.standard_normal((n, m), dtype=np.float32),
                rng.standard_normal((batch, m), dtype=np.float32),
                np.empty((n, m), np.float32),
            )
            for n, m in pairwise(work.sizes)
        ]

    def epoch(self) -> None:
        """All products of all steps."""
        for _ in range(self.steps):
            for i, (x, w, dy, dw) in enumerate(self.layers):
                _ = x @ w
                np.matmul(x.T, dy, out=dw)
                if i:
                    _ = dy @ w.T

    def predict(self, x: Array) -> None:
        """Nothing is learned here."""
