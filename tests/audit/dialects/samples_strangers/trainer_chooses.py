"""A trainer, made in the file, is told which loss it reports; without a word it would report another one."""

import numpy as np


class Scorer:
    def __init__(self, n, m, k, goal="squares"):
        self.goal = goal
        self.inner, self.c_inner = 0.3 * np.random.randn(n, m), np.zeros(m)
        self.outer, self.c_outer = 0.3 * np.random.randn(m, k), np.zeros(k)

    def forward(self, X):
        self.h = np.tanh(X @ self.inner + self.c_inner)
        z = self.h @ self.outer + self.c_outer
        if self.goal == "entropy":
            e = np.exp(z - z.max(axis=1, keepdims=True))
            self.p = e / e.sum(axis=1, keepdims=True)
        else:
            self.p = 1 / (1 + np.exp(-z))
        return self.p

    def backward(self, X, y, lr):
        d = (self.p - y) / len(X)
        if self.goal == "squares":
            d = 2 * d * self.p * (1 - self.p)
        dh = (d @ self.outer.T) * (1 - self.h**2)
        self.outer -= lr * self.h.T @ d
        self.c_outer -= lr * d.sum(axis=0)
        self.inner -= lr * X.T @ dh
        self.c_inner -= lr * dh.sum(axis=0)


class Trainer:
    def __init__(self, model, goal="squares"):
        self.model, self.goal = model, goal

    def loss(self, y, p):
        if self.goal == "squares":
            return np.mean(np.sum((p - y) ** 2, axis=1))
        return -np.mean(np.sum(y * np.log(p), axis=1))

    def train(self, X, y, epochs, lr):
        for epoch in range(epochs + 1):
            p = self.model.forward(X)
            self.model.backward(X, y, lr)
            print(epoch, self.loss(y, p))


scorer = Scorer(9, 7, 4, "entropy")
trainer = Trainer(scorer, "entropy")
X = np.random.rand(60, 9)
y = np.eye(4)[np.random.randint(0, 4, 60)]
trainer.train(X, y, 200, 0.3)
