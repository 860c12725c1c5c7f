"""A loss by np.mean, in a file whose data are scaled by an array that is called mean."""

import numpy as np

series = np.sin(np.linspace(0, 30, 300))
X = np.array([series[i : i + 9] for i in range(280)])
Y = series[9:289].reshape(-1, 1)
mean, std = X.mean(axis=0), X.std(axis=0)
X = (X - mean) / std

W1, b1 = np.random.randn(9, 5) / 3, np.zeros((1, 5))
W2, b2 = np.random.randn(5, 1) / 2, np.zeros((1, 1))
lr = 0.05


def forward(rows, W1, b1, W2, b2):
    hidden = np.tanh(rows @ W1 + b1)
    return hidden @ W2 + b2, (rows, hidden)


def backward(W1, b1, W2, b2, seen, guess, Y, lr):
    rows, hidden = seen
    off = guess - Y
    top = 2 * off / len(rows)
    low = (top @ W2.T) * (1 - hidden**2)
    W2 -= lr * hidden.T @ top
    b2 -= lr * top.sum(axis=0, keepdims=True)
    W1 -= lr * rows.T @ low
    b1 -= lr * low.sum(axis=0, keepdims=True)
    return W1, b1, W2, b2, np.mean(off**2)


for epoch in range(400):
    guess, seen = forward(X, W1, b1, W2, b2)
    W1, b1, W2, b2, loss = backward(W1, b1, W2, b2, seen, guess, Y, lr)
    print(epoch, loss)
