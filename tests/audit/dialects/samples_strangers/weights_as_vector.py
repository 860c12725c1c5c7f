"""A single output: weights as a vector of zeros, a whole number for a bias, and the batch counted ahead of the loop."""

import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


p = np.random.rand(100)  # of another name in the class below


class LogisticRegression:
    def __init__(self, lr=0.01, n_iters=1000):
        self.lr, self.n_iters = lr, n_iters
        self.weights, self.bias = None, None

    def fit(self, X, y):
        many, n_features = X.shape
        self.weights = np.zeros(n_features)
        self.bias = 0
        for _ in range(self.n_iters):
            z = X @ self.weights + self.bias
            p = sigmoid(z)
            slope = p * (1 - p)
            dw = (1 / many) * X.T @ ((p - y) * slope)
            db = (1 / many) * np.sum((p - y) * slope)
            self.weights -= self.lr * dw
            self.bias -= self.lr * db

    def predict(self, X):
        return sigmoid(X @ self.weights + self.bias) > 0.5
