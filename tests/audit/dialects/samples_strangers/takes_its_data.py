"""Data and labels go into the constructor, beside a counter of operations, and nothing in the file makes one."""

import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


class Net:
    def __init__(self, x, y, ledger):
        self.x, self.y = x, y
        self.w1, self.w2 = np.random.rand(x.shape[1], 5), np.random.rand(5, 1)
        self.ledger = ledger

    def feedforward(self):
        self.ledger.add(self.x.size)
        self.h = sigmoid(self.x @ self.w1)
        self.out = sigmoid(self.h @ self.w2)
        return self.out

    def backprop(self):
        d = 2 * (self.y - self.out) * self.out * (1 - self.out)
        g2, g1 = self.h.T @ d, self.x.T @ (d @ self.w2.T * self.h * (1 - self.h))
        self.w1 += g1
        self.w2 += g2

    def train(self, turns):
        for _ in range(turns):
            self.feedforward()
            self.backprop()
