"""Parameters that are made where training begins, out of sizes that only show there what they are meant to be."""

import numpy as np


class Regressor:
    def __init__(self, hidden_units_list, bend, epochs, eta):
        self.bias_out = None
        self.out = None
        self.bias_in = None
        self.into = None
        self.width, self.bend = hidden_units_list, bend
        self.epochs, self.eta = epochs, eta

    def squash(self, z):
        if self.bend == "tanh":
            return np.tanh(z)
        raise ValueError(self.bend)

    def fit(self, X, y):
        self.into = np.random.randn(X.shape[1], self.width) * 0.3
        self.bias_in = np.zeros((1, self.width))
        self.out = np.random.randn(self.width, 1) * 0.3
        self.bias_out = np.zeros((1, 1))
        for epoch in range(self.epochs):
            h = self.squash(X @ self.into + self.bias_in)
            guess = h @ self.out + self.bias_out
            error = guess - y
            if epoch % 100 == 0:
                print("mean error", np.mean(np.abs(error)))
            down = (error @ self.out.T) * (1 - h * h)
            self.out -= self.eta * h.T @ error / len(X)
            self.bias_out -= self.eta * error.mean(axis=0, keepdims=True)
            self.into -= self.eta * X.T @ down / len(X)
            self.bias_in -= self.eta * down.mean(axis=0, keepdims=True)
