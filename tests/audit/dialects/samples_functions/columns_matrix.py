# ruff: noqa
import numpy as np


class NeuralNet:
    """Fully matrix-based: a whole mini-batch at a time, one column a sample."""

    def __init__(self, layers):
        self.w = [np.random.randn(n_out, n_in) * np.sqrt(1.0 / n_in) for n_in, n_out in zip(layers[:-1], layers[1:])]
        self.b = [np.zeros((n_out, 1)) for n_out in layers[1:]]

    def forward(self, X):
        self.a = [X]
        for i in range(len(self.w)):
            z = self.w[i] @ self.a[-1] + self.b[i]
            if i == len(self.w) - 1:
                e = np.exp(z - z.max(axis=0))
                self.a.append(e / e.sum(axis=0))
            else:
                self.a.append(np.tanh(z))
        return self.a[-1]

    def loss(self, y_hat, y):
        return -np.mean(np.sum(y * np.log(y_hat), axis=0))

    def backward(self, y):
        m = y.shape[1]
        grads_w, grads_b = [], []
        delta = (self.a[-1] - y) / m
        for i in reversed(range(len(self.w))):
            grads_w.insert(0, delta @ self.a[i].T)
            grads_b.insert(0, delta.sum(axis=1, keepdims=True))
            if i > 0:
                delta = (self.w[i].T @ delta) * (1 - self.a[i] ** 2)
        return grads_w, grads_b

    def train(self, X, y, epochs=100, lr=0.1, batch_size=16):
        for epoch in range(epochs):
            perm = np.random.permutation(X.shape[1])
            for k in range(0, X.shape[1], batch_size):
                X_batch = X[:, perm[k : k + batch_size]]
                y_batch = y[:, perm[k : k + batch_size]]
                y_hat = self.forward(X_batch)
                loss = self.loss(y_hat, y_batch)
                grads_w, grads_b = self.backward(y_batch)
                for i in range(len(self.w)):
                    self.w[i] -= lr * grads_w[i]
                    self.b[i] -= lr * grads_b[i]
            print(epoch, loss)


nn = NeuralNet([10, 7, 7, 4])
