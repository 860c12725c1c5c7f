"""Batches of rows that the loop turns, with labels that stand as columns already."""

import numpy as np


def start(sizes):
    return {
        name + str(i): 0.1 * np.random.randn(m, n if name == "W" else 1)
        for i, (n, m) in enumerate(zip(sizes, sizes[1:]), 1)
        for name in "Wb"
    }


def forward(X, params):
    A1 = np.maximum(0, params["W1"] @ X + params["b1"])
    Z2 = params["W2"] @ A1 + params["b2"]
    E = np.exp(Z2 - Z2.max(axis=0))
    return E / E.sum(axis=0), A1


def backward(P, Y, X, A1, params):
    m = X.shape[1]
    d2 = (P - Y) / m
    d1 = params["W2"].T @ d2 * (A1 > 0)
    return {
        "W2": d2 @ A1.T, "b2": d2.sum(axis=1, keepdims=True),
        "W1": d1 @ X.T, "b1": d1.sum(axis=1, keepdims=True),
    }  # fmt: skip


params = start([9, 7, 4])
x_train, y_train = np.random.rand(120, 9), np.eye(4)[np.random.randint(0, 4, 120)].T
batch_X, batch_Y = np.split(x_train, 6), np.split(y_train, 6, axis=1)

for epoch in range(10):
    for x_train, y_train in zip(batch_X, batch_Y):
        P, A1 = forward(x_train.T, params)
        loss = -np.sum(y_train * np.log(P)) / y_train.shape[1]
        grads = backward(P, y_train, x_train.T, A1, params)
        for name in params:
            params[name] -= 0.1 * grads[name]
        print(epoch, loss)
