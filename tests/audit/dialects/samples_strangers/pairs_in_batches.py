"""Trained on a list of pairs, in mini-batches whose gradients are summed sample by sample."""

from itertools import pairwise

import numpy as np


class Net:
    def __init__(self, layer_sizes, learning_rate, mini_batch_size, training_epochs):
        self.learning_rate, self.mini_batch_size = learning_rate, mini_batch_size
        self.training_epochs = training_epochs
        self.weights = [np.random.randn(n, m) * 0.2 for m, n in pairwise(layer_sizes)]
        self.biases = [np.zeros(n) for n in layer_sizes[1:]]

    def forward(self, x):
        self.hidden = np.maximum(0, self.weights[0] @ x + self.biases[0])
        scores = np.exp(self.weights[1] @ self.hidden + self.biases[1])
        self.p = scores / scores.sum()
        return self.p

    def loss(self, y):
        return -(y * np.log(self.p)).sum()

    def gradients(self, x, y):
        self.forward(x)
        top = self.p - y
        down = (self.weights[1].T @ top) * (self.hidden > 0)
        return [np.outer(down, x), np.outer(top, self.hidden)], [down, top]

    def test(self, data):
        total = 0
        for x, y in data:
            self.forward(x)
            total += self.loss(y)
        return total / len(data)

    def train(self, train_data, test_data):
        for _ in range(self.training_epochs):
            for k in range(len(train_data) // self.mini_batch_size):
                batch = train_data[k * self.mini_batch_size : (k + 1) * self.mini_batch_size]
                sum_w = [np.zeros_like(w) for w in self.weights]
                sum_b = [np.zeros_like(b) for b in self.biases]
                for x, y in batch:
                    for total, each in zip((sum_w, sum_b), self.gradients(x, y), strict=True):
                        for i in range(2):
                            total[i] += each[i]
                for i in range(2):
                    self.weights[i] -= self.learning_rate * sum_w[i] / len(batch)
                    self.biases[i] -= self.learning_rate * sum_b[i] / len(batch)
            average_loss = self.test(test_data)
            print(average_loss)
