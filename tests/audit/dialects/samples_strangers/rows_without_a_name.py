"""A script whose names and whose list hold the same arrays; the rows have no name that says so."""
import numpy as np

rng = np.random.default_rng(6)
K1, b1 = 0.3 * rng.standard_normal((8, 6)), np.zeros(6)
K2, b2 = 0.3 * rng.standard_normal((6, 3)), np.zeros(3)
params = [K1, b1, K2, b2]
images, targets = np.load("images.npy"), np.load("targets.npy")

for turn in range(1000):
    rows = rng.integers(0, len(images), 20)
    l0 = images[rows]
    t = targets[rows]
    l1 = np.tanh(l0 @ K1 + b1)
    l2 = l1 @ K2 + b2
    loss = np.mean((l2 - t) ** 2)
    d2 = 2 * (l2 - t) / t.size
    d1 = (d2 @ K2.T) * (1 - l1**2)
    for w, g in zip(params, [l0.T @ d1, d1.sum(axis=0), l1.T @ d2, d2.sum(axis=0)]):
        w -= 0.2 * g
