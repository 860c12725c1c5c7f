"""A training that is called three times: as it is, with a penalty, and with dropout, which are off unless it is told."""

import numpy as np


def forward(X, W1, b1, W2, b2, drop):
    h = np.tanh(X @ W1 + b1)
    mask = (np.random.rand(*h.shape) > drop) / (1 - drop)
    h = h * mask
    return 1 / (1 + np.exp(-(h @ W2 + b2))), h, mask


def train(X, t, units=6, lr=0.3, rounds=500, lam=0.0, drop=0.0):
    W1, b1 = 0.5 * np.random.randn(X.shape[1], units), np.zeros(units)
    W2, b2 = 0.5 * np.random.randn(units, 1), np.zeros(1)
    for i in range(rounds):
        p, h, mask = forward(X, W1, b1, W2, b2, drop)
        loss = -np.mean(t * np.log(p) + (1 - t) * np.log(1 - p)) + lam / 2 * (np.sum(W1**2) + np.sum(W2**2))
        d = (p - t) / len(X)
        dh = d @ W2.T * mask
        slope = 1 - np.where(mask > 0, h / np.maximum(mask, 1), 0) ** 2
        dW1 = X.T @ (dh * slope) + lam * W1
        dW2 = h.T @ d + lam * W2
        W2 -= lr * dW2
        b2 -= lr * d.sum(axis=0)
        W1 -= lr * dW1
        b1 -= lr * (dh * slope).sum(axis=0)
        if i % 100 == 0:
            print(i, loss)
    return W1, b1, W2, b2


X = np.random.rand(80, 5)
t = (X.sum(axis=1, keepdims=True) > 2.5).astype(float)
plain = train(X, t)
decayed = train(X, t, lam=0.01)
dropped = train(X, t, drop=0.3)
