"""A network that keeps its row, whose forward gives the loss, and whose N counts its layers."""

import numpy as np


class Net:
    def __init__(self, nodes):
        rng = np.random.default_rng(2)
        self.N = len(nodes)
        self.W = [None] + [rng.standard_normal((a, b)) for a, b in zip(nodes[:-1], nodes[1:])]
        self.b = [None] + [rng.random(n) for n in nodes[1:]]
        self.A = [np.zeros((1, n)) for n in nodes]

    def feed_forward(self):
        self.A[0] = self.row
        for i in range(1, self.N):
            self.A[i] = 1 / (1 + np.exp(-(self.A[i - 1] @ self.W[i] + self.b[i])))
        y = self.A[-1]
        return -np.sum(self.wanted * np.log(y + 1e-9) + (1 - self.wanted) * np.log(1 - y + 1e-9))

    def train(self, input_data, target_data, learning_rate=0.01):
        self.row, self.wanted = input_data, target_data
        self.feed_forward()
        deltas = [self.A[-1] - target_data]
        for i in range(self.N - 2, 0, -1):
            deltas.insert(0, (deltas[0] @ self.W[i + 1].T) * self.A[i] * (1 - self.A[i]))
        for i in range(1, self.N):
            self.W[i] = self.W[i] - learning_rate * (self.A[i - 1].T @ deltas[i - 1])
            self.b[i] = self.b[i] - learning_rate * deltas[i - 1]


net = Net([9, 6, 4])
