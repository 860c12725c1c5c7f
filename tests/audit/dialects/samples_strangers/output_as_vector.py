"""A hidden layer, and an output whose weights are a vector and whose bias is a number."""

import numpy as np


def train(X, y, epochs=500, lr=0.1):
    w1, b1 = np.random.uniform(size=(6, 3)), np.random.uniform(size=3)
    w2, b2 = np.random.uniform(size=3), np.random.uniform()
    for epoch in range(epochs):
        a1 = np.tanh(X @ w1 + b1)
        a2 = 1 / (1 + np.exp(-(a1 @ w2 + b2)))
        cost = -np.mean(y * np.log(a2) + (1 - y) * np.log(1 - a2))
        d2 = (a2 - y) / len(y)
        d1 = np.outer(d2, w2) * (1 - a1**2)
        w2 -= lr * a1.T @ d2
        b2 -= lr * np.sum(d2)
        w1 -= lr * X.T @ d1
        b1 -= lr * d1.sum(axis=0)
        print(epoch, cost)
    return w1, b1, w2, b2


if __name__ == "__main__":
    table = np.loadtxt("table.csv", delimiter=",")
    train(table[:, :-1], table[:, -1])
