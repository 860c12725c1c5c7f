"""Velocities that the first turn of the loop makes, and every other turn reads."""

import numpy as np

X, y = np.random.rand(90, 7), np.random.rand(90, 1)
W1, b1 = np.random.randn(7, 6) * 0.5, np.zeros((1, 6))
W2, b2 = np.random.randn(6, 1) * 0.5, np.zeros((1, 1))

for epoch in range(800):
    A1 = 1 / (1 + np.exp(-(X @ W1 + b1)))
    A2 = A1 @ W2 + b2
    loss = np.mean((A2 - y) ** 2)
    d2 = 2 * (A2 - y) / len(y)
    d1 = (d2 @ W2.T) * A1 * (1 - A1)
    dW1, db1 = X.T @ d1, d1.sum(axis=0, keepdims=True)
    dW2, db2 = A1.T @ d2, d2.sum(axis=0, keepdims=True)
    if epoch == 0:
        vW1, vb1, vW2, vb2 = dW1, db1, dW2, db2
    else:
        vW1, vb1 = 0.9 * vW1 + 0.1 * dW1, 0.9 * vb1 + 0.1 * db1
        vW2, vb2 = 0.9 * vW2 + 0.1 * dW2, 0.9 * vb2 + 0.1 * db2
    W1 -= 0.05 * vW1
    b1 -= 0.05 * vb1
    W2 -= 0.05 * vW2
    b2 -= 0.05 * vb2
