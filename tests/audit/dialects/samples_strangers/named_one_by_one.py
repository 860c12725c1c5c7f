"""Layers that keep what they give, called one by one; both have weights of the same name."""

import numpy as np


class Full:
    def __init__(self, inputs, units):
        self.kernel = np.random.randn(inputs, units) * 0.1
        self.offset = np.zeros((1, units))

    def forward(self, rows):
        self.rows = rows
        self.given = rows @ self.kernel + self.offset

    def backward(self, error):
        self.kernel_slope = self.rows.T @ error + 0.01 * self.kernel
        self.offset_slope = error.sum(axis=0, keepdims=True)
        return error @ self.kernel.T

    def update(self, rule):
        rule.change(self)


class Squash:
    def forward(self, rows):
        self.given = np.tanh(rows)

    def backward(self, error):
        return error * (1 - self.given**2)


class Softmax:
    def forward(self, rows):
        powers = np.exp(rows - rows.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)


class CrossEntropyLoss:
    def forward(self, shares, wanted):
        return -np.sum(wanted * np.log(shares + 1e-9)) / len(wanted)

    def backward(self, shares, wanted):
        return (shares - wanted) / len(wanted)


class Descent:
    def __init__(self, lr=0.1):
        self.lr = lr

    def change(self, layer):
        layer.kernel -= self.lr * layer.kernel_slope
        layer.offset -= self.lr * layer.offset_slope


rng = np.random.default_rng(1)
X = rng.random((200, 12))
Y = np.eye(5)[rng.integers(0, 5, 200)]
first, squash, second = Full(12, 8), Squash(), Full(8, 5)
softmax, charge, descent = Softmax(), CrossEntropyLoss(), Descent()

for epoch in range(20):
    for start in range(0, len(X), 20):
        x_batch, y_batch = X[start : start + 20], Y[start : start + 20]
        first.forward(x_batch)
        squash.forward(first.given)
        second.forward(squash.given)
        shares = softmax.forward(second.given)
        loss = charge.forward(shares, y_batch)
        error = squash.backward(second.backward(charge.backward(shares, y_batch)))
        first.backward(error)
        for layer in (first, second):
            layer.update(descent)
    print(epoch, loss)
