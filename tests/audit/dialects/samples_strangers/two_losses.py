"""Functions without a training around them, and two losses, of which only one can be meant; the bend is imported."""

import numpy as np
from a_toolbox_that_is_gone import sigmoid


def initialize(n_in, n_hidden, n_out):
    return {
        "W1": 0.4 * np.random.randn(n_hidden, n_in),
        "b1": np.zeros((n_hidden, 1)),
        "W2": 0.4 * np.random.randn(n_out, n_hidden),
        "b2": np.zeros((n_out, 1)),
    }


def forward(X, params):
    A1 = np.maximum(params["W1"] @ X + params["b1"], 0)
    A2 = sigmoid(params["W2"] @ A1 + params["b2"])
    return A2, {"A1": A1, "A2": A2}


def squared_loss(Y, A2):
    return np.sum((Y - A2) ** 2) / Y.shape[1]


def entropy_loss(Y, A2):
    return -np.sum(Y * np.log(A2) + (1 - Y) * np.log(1 - A2)) / Y.shape[1]


def backward(params, cache, X, Y):
    m = X.shape[1]
    dZ2 = cache["A2"] - Y
    dZ1 = params["W2"].T @ dZ2 * (cache["A1"] > 0)
    return {
        "W1": dZ1 @ X.T / m,
        "b1": dZ1.sum(axis=1, keepdims=True) / m,
        "W2": dZ2 @ cache["A1"].T / m,
        "b2": dZ2.sum(axis=1, keepdims=True) / m,
    }


def update(params, grads, learning_rate):
    return {key: params[key] - learning_rate * grads[key] for key in params}
