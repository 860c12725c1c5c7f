"""A class that trains row by row and never says a loss: what its forward gives for a row is one number, its output."""

import numpy as np


def logistic(v):
    return 1 / (1 + np.exp(-v))


class Gate:
    def __init__(self, ins, mids, outs):
        self.low, self.low_shift = np.random.rand(ins, mids), np.zeros((1, mids))
        self.top, self.top_shift = np.random.rand(mids, outs), np.zeros((1, outs))

    def forward(self, inputs):
        self.mid = logistic(inputs @ self.low + self.low_shift)
        self.out = logistic(self.mid @ self.top + self.top_shift)
        return self.out

    def backward(self, inputs, targets, rate):
        off = targets - self.out
        up = off * self.out * (1 - self.out)
        down = up.dot(self.top.T) * self.mid * (1 - self.mid)
        self.top += self.mid.T.dot(up) * rate
        self.top_shift += up.sum(axis=0, keepdims=True) * rate
        self.low += inputs.T.dot(down) * rate
        self.low_shift += down.sum(axis=0, keepdims=True) * rate

    def train(self, inputs, targets, epochs, rate):
        for _ in range(epochs):
            for i in range(len(inputs)):
                self.forward(inputs[i : i + 1])
                self.backward(inputs[i : i + 1], targets[i : i + 1], rate)


inputs, targets = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([[0], [1], [1], [0]])
gate = Gate(2, 4, 1)
gate.train(inputs, targets, epochs=5000, rate=0.1)
