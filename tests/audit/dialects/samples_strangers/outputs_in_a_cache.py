"""A function that makes its parameters and trains them, with its outputs in a dictionary and no loss but an error shown."""

import numpy as np


def forward(X, params):
    cache = {"A0": X.T}
    for i in range(1, len(params) // 2 + 1):
        cache[f"A{i}"] = 1 / (1 + np.exp(-(params[f"W{i}"] @ cache[f"A{i - 1}"] + params[f"b{i}"])))
    return cache


def backward(params, cache, Y):
    grads, last, m = {}, len(params) // 2, len(Y)
    d = cache[f"A{last}"] - Y.T
    for i in range(last, 0, -1):
        grads[f"W{i}"], grads[f"b{i}"] = d @ cache[f"A{i - 1}"].T / m, d.sum(axis=1, keepdims=True) / m
        d = (params[f"W{i}"].T @ d) * cache[f"A{i - 1}"] * (1 - cache[f"A{i - 1}"])
    return grads


def train(X_train, Y_train, hidden, epochs, learning_rate, batch_size):
    sizes, params = [X_train.shape[1], hidden, 1], {}
    for i, (n, m) in enumerate(zip(sizes, sizes[1:]), 1):
        params[f"W{i}"], params[f"b{i}"] = np.random.randn(m, n) / np.sqrt(n), np.zeros((m, 1))
    for epoch in range(epochs):
        order = np.random.permutation(len(X_train))
        for i in range(0, len(X_train), batch_size):
            rows = order[i : i + batch_size]
            batch_X, batch_Y = X_train[rows], Y_train[rows]
            cache = forward(batch_X, params)
            grads = backward(params, cache, batch_Y)
            for name in params:
                params[name] -= learning_rate * grads[name]
        print(epoch, np.mean(np.abs(Y_train.T - forward(X_train, params)["A2"])))
    return params
