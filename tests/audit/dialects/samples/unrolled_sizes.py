"""A list of sizes, lists of matrices (out, in), samples as columns, Adam-free descent in a method of its own."""
# ruff: noqa - written as strangers write

import numpy as np


class DeepNet(object):
    def __init__(self, sizes, lr=0.1, seed=1):
        rng = np.random.RandomState(seed)
        self.lr = lr
        self.weights = [rng.randn(n_out, n_in) / np.sqrt(n_in) for n_in, n_out in zip(sizes[:-1], sizes[1:])]
        self.biases = [np.zeros((n_out, 1)) for n_out in sizes[1:]]

    def feedforward(self, X):
        self.activations = [X]
        A = X
        for i, (W, b) in enumerate(zip(self.weights, self.biases)):
            Z = W @ A + b
            if i < len(self.weights) - 1:
                A = np.tanh(Z)
            else:
                E = np.exp(Z - Z.max(axis=0, keepdims=True))
                A = E / E.sum(axis=0, keepdims=True)
            self.activations.append(A)
        return A

    def cost(self, A, Y):
        return -np.mean(np.sum(Y * np.log(A), axis=0))

    def backprop(self, Y):
        m = Y.shape[1]
        self.dW, self.db = [], []
        delta = self.activations[-1] - Y
        for i in reversed(range(len(self.weights))):
            self.dW.insert(0, delta @ self.activations[i].T / m)
            self.db.insert(0, delta.sum(axis=1, keepdims=True) / m)
            if i > 0:
                delta = (self.weights[i].T @ delta) * (1 - self.activations[i] ** 2)

    def update_weights(self):
        for i in range(len(self.weights)):
            self.weights[i] = self.weights[i] - self.lr * self.dW[i]
            self.biases[i] = self.biases[i] - self.lr * self.db[i]

    def fit(self, X, Y, n_iter=100, verbose=True):
        costs = []
        for it in range(n_iter):
            A = self.feedforward(X)
            costs.append(self.cost(A, Y))
            self.backprop(Y)
            self.update_weights()
            if verbose and it % 10 == 0:
                print(it, costs[-1])
        return costs


if __name__ == "__main__":
    net = DeepNet([64, 32, 32, 10])
    X = np.random.rand(64, 300)
    Y = np.eye(10)[:, np.random.randint(0, 10, 300)]
    net.fit(X, Y)
