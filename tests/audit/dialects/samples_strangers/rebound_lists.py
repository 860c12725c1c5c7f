"""Lists of weights that each step makes anew, samples in columns, the cost reported by a function."""

from itertools import pairwise

import numpy as np


def logistic(z):
    return 1 / (1 + np.exp(-z))


def half_square(a, y):
    return np.sum((a - y) ** 2) / (2 * y.shape[1])


class Columns:
    def __init__(self, sizes):
        self.weights = [np.random.randn(n, m) / np.sqrt(m) for m, n in pairwise(sizes)]
        self.biases = [np.zeros((n, 1)) for n in sizes[1:]]

    def forward(self, X):
        self.kept = [X]
        for w, b in zip(self.weights, self.biases, strict=True):
            self.kept.append(logistic(w @ self.kept[-1] + b))
        return self.kept[-1]

    def backward(self, y):
        m = y.shape[1]
        delta = (self.kept[-1] - y) * self.kept[-1] * (1 - self.kept[-1])
        steps = []
        for i in reversed(range(len(self.weights))):
            steps.append((delta @ self.kept[i].T / m, delta.sum(axis=1, keepdims=True) / m))
            delta = (self.weights[i].T @ delta) * self.kept[i] * (1 - self.kept[i])
        return steps[::-1]

    def update(self, steps, learning_rate):
        self.weights = [w - learning_rate * dw for w, (dw, _) in zip(self.weights, steps, strict=True)]
        self.biases = [b - learning_rate * db for b, (_, db) in zip(self.biases, steps, strict=True)]

    def train(self, X_train, y_train, epochs, learning_rate):
        history = []
        for _ in range(epochs):
            output = self.forward(X_train)
            cost = half_square(output, y_train)
            history.append(cost)
            self.update(self.backward(y_train), learning_rate)
        return history
