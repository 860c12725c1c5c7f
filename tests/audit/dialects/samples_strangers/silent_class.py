"""A class that never says its loss, with its learning rate kept in it; trained at once on four rows."""

import numpy as np


class Gate:
    def __init__(self, n_in, n_hidden, n_out, rate):
        self.rate = rate
        self.w_hidden = np.random.uniform(-1, 1, (n_in, n_hidden))
        self.c_hidden = np.zeros((1, n_hidden))
        self.w_out = np.random.uniform(-1, 1, (n_hidden, n_out))
        self.c_out = np.zeros((1, n_out))

    def squash(self, z):
        return 1 / (1 + np.exp(-z))

    def forward(self, inputs):
        self.hidden = self.squash(inputs @ self.w_hidden + self.c_hidden)
        self.output = self.squash(self.hidden @ self.w_out + self.c_out)

    def backward(self, inputs, targets):
        d_out = (targets - self.output) * self.output * (1 - self.output)
        d_hidden = (d_out @ self.w_out.T) * self.hidden * (1 - self.hidden)
        self.w_out += self.rate * self.hidden.T @ d_out
        self.c_out += self.rate * d_out.sum(axis=0, keepdims=True)
        self.w_hidden += self.rate * inputs.T @ d_hidden
        self.c_hidden += self.rate * d_hidden.sum(axis=0, keepdims=True)

    def train(self, inputs, targets, epochs):
        for _ in range(epochs):
            self.forward(inputs)
            self.backward(inputs, targets)


inputs = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
targets = np.array([[0], [1], [1], [0]])
gate = Gate(2, 3, 1, 0.1)
gate.train(inputs, targets, 5000)
print(gate.output)
