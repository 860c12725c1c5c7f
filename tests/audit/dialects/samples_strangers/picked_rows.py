"""A dictionary, two functions, and rows that are picked on the way into one of them."""

import numpy as np

def init(sizes=(12, 9, 6)):
    p = {}
    p['W1'] = np.random.randn(sizes[0], sizes[1]) * 0.05
    p['b1'] = np.zeros(sizes[1])
    p['W2'] = np.random.randn(sizes[1], sizes[2]) * 0.1
    p['b2'] = np.zeros(sizes[2])
    return p

def loss_and_grads(p, X, y):
    z1 = X @ p['W1'] + p['b1']
    n1 = z1
    a1 = np.maximum(n1, 0)
    z2 = a1 @ p['W2'] + p['b2']
    z2 = z2 - z2.max(axis=1, keepdims=True)
    probs = np.exp(z2) / np.exp(z2).sum(axis=1, keepdims=True)
    n = len(X)
    loss = -np.log(probs[np.arange(n), y]).mean()
    grads = {}
    dz2 = probs.copy()
    dz2[np.arange(n), y] -= 1
    dz2 /= n
    grads['W2'] = a1.T @ dz2
    grads['b2'] = dz2.sum(axis=0)
    da1 = dz2 @ p['W2'].T
    dn1 = da1 * (n1 > 0)
    dz1 = dn1
    grads['W1'] = X.T @ dz1
    grads['b1'] = dz1.sum(axis=0)
    return loss, grads


def train(X, y, lr=0.1, steps=1000):
    params = init()
    for it in range(steps):
        idx = np.random.choice(len(X), 64)
        loss, grads = loss_and_grads(params, X[idx], y[idx])
        for k in params:
            params[k] -= lr * grads[k]
    return params
