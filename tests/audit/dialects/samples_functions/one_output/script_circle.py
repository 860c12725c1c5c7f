# ruff: noqa
import numpy as np


def relu(z):
    return np.maximum(0, z)


def forward(X, W1, b1, W2, b2):
    z1 = X @ W1 + b1
    a1 = relu(z1)
    prob = 1 / (1 + np.exp(-(a1 @ W2 + b2)))
    return z1, a1, prob


def log_loss(y, prob):
    return -(1 / y.shape[0]) * np.sum(y * np.log(prob + 1e-8) + (1 - y) * np.log(1 - prob + 1e-8))


def backward_and_update(X, y, z1, a1, prob, W1, b1, W2, b2, learning_rate):
    m = X.shape[0]
    dz2 = prob - y
    dz1 = (dz2 @ W2.T) * (z1 > 0)
    W2 = W2 - learning_rate * (a1.T @ dz2) / m
    b2 = b2 - learning_rate * dz2.sum(axis=0) / m
    W1 = W1 - learning_rate * (X.T @ dz1) / m
    b1 = b1 - learning_rate * dz1.sum(axis=0) / m
    return W1, b1, W2, b2


np.random.seed(0)
points = 200
X_train = np.random.randn(points, 2)
y_train = (np.hypot(X_train[:, 0], X_train[:, 1]) < 1).astype(int).reshape(-1, 1)
W1, b1 = np.random.randn(2, 5), np.zeros((1, 5))
W2, b2 = np.random.randn(5, 1), np.zeros((1, 1))
learning_rate = 0.1

for i in range(1000):
    z1, a1, prob = forward(X_train, W1, b1, W2, b2)
    loss = log_loss(y_train, prob)
    W1, b1, W2, b2 = backward_and_update(X_train, y_train, z1, a1, prob, W1, b1, W2, b2, learning_rate)
    if i % 100 == 0:
        print(i, loss)
