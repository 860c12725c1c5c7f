"""A script that updates after every row of an epoch, and adds their losses up: its step is many steps."""

import numpy as np

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
T = np.array([[0], [1], [1], [0]])
rng = np.random.default_rng(1)
W1, b1 = rng.standard_normal((2, 3)), rng.standard_normal(3)
W2, b2 = rng.standard_normal((3, 1)), rng.standard_normal(1)
rate = 0.1


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


for epoch in range(2000):
    total = 0
    for i in range(len(X)):
        x, t = X[i].reshape(1, 2), T[i].reshape(1, 1)
        h = sigmoid(np.dot(x, W1) + b1)
        y = sigmoid(np.dot(h, W2) + b2)
        loss = 0.5 * (t - y) ** 2
        total += loss
        top = (y - t) * y * (1 - y)
        below = np.dot(top, W2.T) * h * (1 - h)
        dW2, db2 = np.dot(h.T, top), top.flatten()
        dW1, db1 = np.dot(x.T, below), below.flatten()
        W2 -= rate * dW2
        b2 -= rate * db2
        W1 -= rate * dW1
        b1 -= rate * db1
    if epoch % 500 == 0:
        print(epoch, total.item() / len(X))
