"""Layers of a package whose __init__.py is empty, and which is found above the file that trains."""

import numpy as np


class Dense:
    def __init__(self, n_in, n_out):
        self.W, self.b = 0.1 * np.random.randn(n_in, n_out), np.zeros(n_out)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW, self.db = self.x.T @ dout, dout.sum(axis=0)
        return dout @ self.W.T


class Rectify:
    def forward(self, x):
        self.on = x > 0
        return x * self.on

    def backward(self, dout):
        return dout * self.on
