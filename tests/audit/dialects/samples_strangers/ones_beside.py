"""A column of ones stands beside the data before the loop, and one beside the hidden layer within it."""

import numpy as np

rng = np.random.default_rng(1)
X = rng.random((20, 3))
t = (X.sum(axis=1, keepdims=True) > 1.5).astype(float)
X = np.hstack([np.ones((len(X), 1)), X])
into = rng.normal(0, 0.5, (4, 6))
out = rng.normal(0, 0.5, (7, 1))

for turn in range(500):
    hidden = np.tanh(X @ into)
    wide = np.hstack([np.ones((len(hidden), 1)), hidden])
    y = 1 / (1 + np.exp(-wide @ out))
    loss = -np.mean(t * np.log(y) + (1 - t) * np.log(1 - y))
    error = (y - t) / len(X)
    back = (error @ out[1:].T) * (1 - hidden**2)
    out -= 0.5 * wide.T @ error
    into -= 0.5 * X.T @ back
