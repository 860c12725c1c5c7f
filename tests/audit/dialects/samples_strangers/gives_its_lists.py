"""Its forward gives two lists, activations and scores, and nothing reports a loss."""

import numpy as np


class Net:
    def __init__(self, sizes):
        rng = np.random.default_rng(5)
        self.weights = [rng.standard_normal((b, a)) / np.sqrt(a) for a, b in zip(sizes[:-1], sizes[1:])]
        self.biases = [np.zeros((b, 1)) for b in sizes[1:]]
        self.moved = [np.zeros_like(w) for w in self.weights + self.biases]

    def forward(self, x):
        seen, scores = [x], []
        for i, (w, b) in enumerate(zip(self.weights, self.biases)):
            scores.append(w @ seen[-1] + b)
            e = np.exp(scores[-1] - scores[-1].max(axis=0, keepdims=True))
            seen.append(e / e.sum(axis=0, keepdims=True) if i == len(self.weights) - 1 else np.maximum(0, scores[-1]))
        return seen, scores

    def backprop(self, x, t):
        seen, scores = self.forward(x)
        delta = (seen[-1] - t) / x.shape[1]
        found = []
        for i in range(len(self.weights) - 1, -1, -1):
            found.insert(0, (delta @ seen[i].T, delta.sum(axis=1, keepdims=True)))
            if i > 0:
                delta = (self.weights[i].T @ delta) * (scores[i - 1] > 0)
        return [g for g, _ in found] + [h for _, h in found]

    def train_step(self, x, y, lr, momentum=0.8):
        gradients = self.backprop(x, y)
        for k, parameter in enumerate(self.weights + self.biases):
            self.moved[k] = momentum * self.moved[k] - lr * gradients[k]
            parameter += self.moved[k]


net = Net([8, 6, 5])
