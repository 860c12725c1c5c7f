import numpy as np


class Layer:
    def __init__(self, n_in, n_out):
        self.weights, self.biases = np.random.randn(n_in, n_out) * 0.3, np.zeros(n_out)
        self.vw, self.vb = np.zeros((n_in, n_out)), np.zeros(n_out)

    def forward(self, x):
        self.x, self.z = x, x @ self.weights + self.biases
        return self.z

    def apply(self, lr, momentum, gw, gb):
        self.vw = momentum * self.vw - lr * gw
        self.vb = momentum * self.vb - lr * gb
        self.weights += self.vw
        self.biases += self.vb


class Net:
    def __init__(self, layer_sizes):
        self.layers = [Layer(n, m) for n, m in zip(layer_sizes[:-1], layer_sizes[1:])]

    def outputs(self, x):
        for layer in self.layers[:-1]:
            x = np.maximum(layer.forward(x), 0)
        z = self.layers[-1].forward(x)
        e = np.exp(z - z.max())
        return e / e.sum()

    def learn(self, x, y, lr, momentum):
        p = self.outputs(x)
        cost = -np.log(p[y])
        delta = p - np.eye(len(p))[y]
        grads = []
        for i, layer in reversed(list(enumerate(self.layers))):
            grads.insert(0, (np.outer(layer.x, delta), delta))
            if i > 0:
                delta = (layer.weights @ delta) * (self.layers[i - 1].z > 0)
        for layer, (gw, gb) in zip(self.layers, grads):
            layer.apply(lr, momentum, gw, gb)
        return cost
