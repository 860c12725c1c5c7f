"""One sample a column, and the loss is what backprop gives back beside the gradients."""

import numpy as np


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


class Columns:
    def __init__(self, sizes):
        self.weights = [np.random.randn(b, a) for a, b in zip(sizes[:-1], sizes[1:])]
        self.biases = [np.random.randn(b, 1) for b in sizes[1:]]

    def forward(self, a):
        for w, b in zip(self.weights, self.biases):
            a = sigmoid(w @ a + b)
        return a

    def backward(self, a, y):
        seen = [a]
        for w, b in zip(self.weights, self.biases):
            seen.append(sigmoid(w @ seen[-1] + b))
        error = seen[-1] - y
        delta = error * seen[-1] * (1 - seen[-1])
        nabla_w, nabla_b = [delta @ seen[-2].T], [delta]
        for i in range(2, len(seen)):
            delta = self.weights[1 - i].T @ delta * seen[-i] * (1 - seen[-i])
            nabla_w.insert(0, delta @ seen[-i - 1].T)
            nabla_b.insert(0, delta)
        return nabla_w, nabla_b, 0.5 * np.sum(error**2)

    def update_mini_batch(self, batch, lr):
        each = [self.backward(x, y) for x, y in batch]
        for nabla_w, nabla_b, _ in each:
            self.weights = [w - lr / len(batch) * g for w, g in zip(self.weights, nabla_w)]
            self.biases = [b - lr / len(batch) * g for b, g in zip(self.biases, nabla_b)]
        return sum(loss for _, _, loss in each) / len(batch)
