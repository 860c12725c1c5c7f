"""A list of matrices without biases, and a learning rate that is written into the step."""
# ruff: noqa - written as strangers write

import numpy as np


class Network:
    def __init__(self, sizes):
        self.W = [np.random.randn(a, b) * 0.1 for a, b in zip(sizes, sizes[1:])]

    def forward(self, x):
        self.acts = [x]
        for i, w in enumerate(self.W):
            x = x @ w
            if i < len(self.W) - 1:
                x = np.maximum(x, 0)
            self.acts.append(x)
        e = np.exp(x - x.max(1, keepdims=True))
        return e / e.sum(1, keepdims=True)

    def step(self, x, y):
        p = self.forward(x)
        loss = -np.log((p * y).sum(1)).mean()
        d = (p - y) / len(x)
        for i in reversed(range(len(self.W))):
            g = self.acts[i].T @ d
            d = (d @ self.W[i].T) * (self.acts[i] > 0)
            self.W[i] -= 0.03 * g
        return loss


net = Network([784, 50, 10])
for it in range(1000):
    x = np.random.rand(32, 784)
    y = np.eye(10)[np.random.randint(0, 10, 32)]
    print(net.step(x, y))
