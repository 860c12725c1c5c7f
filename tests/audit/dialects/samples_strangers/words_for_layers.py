"""A network that is told the activation of each layer in a list of words, which its layers compare."""

import numpy as np


class Layer:
    def __init__(self, n, m, kind):
        self.W, self.b, self.kind = np.random.randn(n, m) / np.sqrt(n), np.zeros(m), kind

    def forward(self, x):
        self.x = x
        self.z = x @ self.W + self.b
        if self.kind == "softmax":
            e = np.exp(self.z - self.z.max(axis=1, keepdims=True))
            return e / e.sum(axis=1, keepdims=True)
        if self.kind == "tanh":
            return np.tanh(self.z)
        raise ValueError(self.kind)

    def backward(self, d):
        if self.kind == "tanh":
            d = d * (1 - np.tanh(self.z) ** 2)
        return d @ self.W.T, self.x.T @ d / len(d), d.mean(axis=0)


class Network:
    def __init__(self, layer_dims, kinds):
        assert len(layer_dims) == len(kinds) + 1
        self.layers = [Layer(n, m, kinds[i]) for i, (n, m) in enumerate(zip(layer_dims, layer_dims[1:]))]

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def compute_loss(self, y_pred, y_true):
        return -np.sum(y_true * np.log(y_pred + 1e-12)) / len(y_true)

    def backward(self, y_pred, y_true):
        d, grads = y_pred - y_true, []
        for layer in reversed(self.layers):
            d, dW, db = layer.backward(d)
            grads.insert(0, (dW, db))
        return grads

    def update(self, grads, lr):
        for layer, (dW, db) in zip(self.layers, grads):
            layer.W -= lr * dW
            layer.b -= lr * db
