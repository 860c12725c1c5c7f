"""A backward that changes the weights itself, by the whole gradient, and a number of turns with a name of its own."""

import numpy as np


class Net:
    def __init__(self, inputSize, hiddenSize, outputSize):
        self.W1 = np.random.randn(inputSize, hiddenSize)
        self.W2 = np.random.randn(hiddenSize, outputSize)

    def squash(self, s, deriv=False):
        return s * (1 - s) if deriv else 1 / (1 + np.exp(-s))

    def run(self, X):
        self.hidden = self.squash(X @ self.W1)
        return self.squash(self.hidden @ self.W2)

    def backward(self, X, y, output):
        top = (y - output) * self.squash(output, deriv=True)
        below = top @ self.W2.T * self.squash(self.hidden, deriv=True)
        self.W1 += X.T @ below
        self.W2 += self.hidden.T @ top

    def train(self, X, y, num):
        for _ in range(num):
            self.backward(X, y, self.run(X))
