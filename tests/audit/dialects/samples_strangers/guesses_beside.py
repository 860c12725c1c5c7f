"""One row and a whole number a call; forward gives a guess beside the outputs, and training does not call it."""

import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


class Net:
    def __init__(self, in_size, hidden_size, out_size):
        self.w1, self.w2 = np.random.randn(in_size, hidden_size), np.random.randn(hidden_size, out_size)
        self.out_size = out_size

    def forward_one(self, x):
        out = sigmoid(sigmoid(x @ self.w1) @ self.w2)
        guess = 0
        for k in range(len(out[0])):
            if out[0][k] > out[0][guess]:
                guess = k
        return out, guess

    def train(self, x, label, rate):
        wanted = np.zeros((1, self.out_size))
        wanted[0][label] = 1
        h = sigmoid(x @ self.w1)
        out = sigmoid(h @ self.w2)
        d2 = (out - wanted) * out * (1 - out)
        d1 = d2 @ self.w2.T * h * (1 - h)
        self.w2 -= rate * h.T @ d2
        self.w1 -= rate * x.T @ d1
