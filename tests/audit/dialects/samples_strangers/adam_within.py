"""A list of layers whose Adam stands inside of the way back, where each gradient has only a passing name."""

import numpy as np


class Net:
    def __init__(self, sizes, rate=0.002):
        rng = np.random.default_rng(3)
        ends = list(zip(sizes[:-1], sizes[1:]))
        self.weights = [rng.standard_normal(pair) * np.sqrt(2 / pair[0]) for pair in ends]
        self.biases = [np.zeros((1, pair[1])) for pair in ends]
        self.first = [np.zeros_like(one) for one in self.weights + self.biases]
        self.second = [np.zeros_like(one) for one in self.weights + self.biases]
        self.rate, self.steps = rate, 0

    def forward(self, x):
        self.seen = [x]
        for weight, bias in zip(self.weights[:-1], self.biases[:-1]):
            self.seen.append(np.maximum(0, self.seen[-1] @ weight + bias))
        scores = self.seen[-1] @ self.weights[-1] + self.biases[-1]
        e = np.exp(scores - scores.max(axis=1, keepdims=True))
        self.p = e / e.sum(axis=1, keepdims=True)
        return self.p

    def moved(self, k, g):
        self.first[k] = 0.9 * self.first[k] + 0.1 * g
        self.second[k] = 0.99 * self.second[k] + 0.01 * g * g
        mean, size = self.first[k] / (1 - 0.9**self.steps), self.second[k] / (1 - 0.99**self.steps)
        return self.rate * mean / (np.sqrt(size) + 1e-8)

    def backward(self, t):
        self.steps += 1
        error = (self.p - t) / len(t)
        for i in range(len(self.weights) - 1, -1, -1):
            g, h = self.seen[i].T @ error, error.sum(axis=0, keepdims=True)
            if i > 0:
                error = (error @ self.weights[i].T) * (self.seen[i] > 0)
            self.weights[i] -= self.moved(i, g)
            self.biases[i] -= self.moved(len(self.weights) + i, h)

    def train(self, x, t, epochs=50):
        for epoch in range(epochs):
            p = self.forward(x)
            loss = -np.mean(np.sum(t * np.log(p + 1e-9), axis=1))
            self.backward(t)
            print(epoch, loss)


rng = np.random.default_rng(0)
net = Net([7, 12, 4])
net.train(rng.random((90, 7)), np.eye(4)[rng.integers(0, 4, 90)])
