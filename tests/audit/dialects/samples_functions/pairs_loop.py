# ruff: noqa
import numpy as np

rng = np.random.default_rng(0)


def dense_forward(x, w, b):
    return x @ w + b, (x, w)


def dense_backward(dy, cache):
    x, w = cache
    return dy @ w.T, x.T @ dy, dy.sum(0)


def sigmoid_forward(x):
    y = 1.0 / (1.0 + np.exp(-x))
    return y, y


def sigmoid_backward(dy, y):
    return dy * y * (1 - y)


def mse_loss(pred, target):
    diff = pred - target
    return np.mean(diff**2), 2 * diff / diff.size


w1 = rng.normal(0, 0.5, (8, 16))
b1 = np.zeros(16)
w2 = rng.normal(0, 0.5, (16, 3))
b2 = np.zeros(3)

data = np.load("train.npz")
X, T = data["x"], data["t"]
bs = 32
for epoch in range(50):
    order = rng.permutation(len(X))
    for start in range(0, len(X), bs):
        idx = order[start : start + bs]
        xb, tb = X[idx], T[idx]
        h, c1 = dense_forward(xb, w1, b1)
        a, c2 = sigmoid_forward(h)
        out, c3 = dense_forward(a, w2, b2)
        loss, dout = mse_loss(out, tb)
        da, dw2, db2 = dense_backward(dout, c3)
        dh = sigmoid_backward(da, c2)
        dx, dw1, db1 = dense_backward(dh, c1)
        w1 -= 0.5 * dw1
        b1 -= 0.5 * db1
        w2 -= 0.5 * dw2
        b2 -= 0.5 * db2
    print(f"epoch {epoch}: {loss:.4f}")
