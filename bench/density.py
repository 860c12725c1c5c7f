"""From which share of nonzeros on it pays to leave out none: a step of the compiled engine both ways, on random data.

784 inputs, one hidden layer, SGD, batch 64, one thread. Steps take turns; printed are medians in microseconds and the
ratio of leaving zeros out to taking all numbers. Zeros come in stretches, as in pictures, since two neighbours are left
out together.

    env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE python bench/density.py
"""

from __future__ import annotations

import time

import numpy as np

from handgrad import MLP, SGD, SoftmaxCrossEntropy
from handgrad.engines.fast.engine import FastEngine

ROWS, BATCH, STRETCH, ROUNDS = 6_400, 64, 4, 8


def main() -> None:
    """Print the table."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, ROWS)
    for hidden in (64, 256, 1000):
        for share in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6):
            kept = np.repeat(rng.random((ROWS, 784 // STRETCH)) < share, STRETCH, axis=1)
            images = (rng.integers(1, 256, (ROWS, 784)) * kept).astype(np.uint8)
            times: dict[bool, list[float]] = {True: [], False: []}
            engines = {}
            for sparse in times:
                net = MLP(784, hidden, 10, rng=0)
                engines[sparse] = FastEngine(
                    net, SoftmaxCrossEntropy(), SGD(net, lr=0.01), images, labels, BATCH, sparse=sparse
                )
            for _ in range(ROUNDS):
                for sparse, engine in engines.items():
                    order, began = rng.permutation(ROWS), time.perf_counter()
                    for _ in engine.epoch(images, labels, order, BATCH, [None] * (ROWS // BATCH)):
                        pass
                    times[sparse].append((time.perf_counter() - began) / (ROWS // BATCH))
            out, every = (1e6 * float(np.median(found[1:])) for found in (times[True], times[False]))
            print(f"hidden {hidden:5}, nonzeros {share:.1f}: {out:7.1f} {every:7.1f}  {out / every:.2f}")


if __name__ == "__main__":
    main()
