"""One sample a turn, made one-hot by a function whose name is also one for labels; the data are missing."""

import digits_on_disk
import numpy as np


def one_hot(label, classes=4):
    found = np.zeros(classes)
    found[label] = 1
    return found


W1, b1 = np.random.randn(7, 9) * 0.1, np.zeros(7)
W2, b2 = np.random.randn(4, 7) * 0.1, np.zeros(4)
X_train, y_train = digits_on_disk.read()

for i in range(1000):
    x = X_train[i].flatten()
    label = y_train[i]
    y = one_hot(label)
    z = W1 @ x + b1
    h = np.maximum(0, z)
    e = np.exp(W2 @ h + b2)
    p = e / e.sum()
    loss = -np.sum(y * np.log(p))
    d2 = p - y
    d1 = (W2.T @ d2) * (z > 0)
    W2 -= 0.01 * np.outer(d2, h)
    b2 -= 0.01 * d2
    W1 -= 0.01 * np.outer(d1, x)
    b1 -= 0.01 * d1
