"""Layers made by functions; parameters in one list; squared error with its half; leaky ReLU."""
import numpy as np
from sklearn.datasets import load_digits

rng = np.random.default_rng(12)
weights, grads = [], []


def dense(n_in, n_out):
    W = rng.standard_normal((n_in, n_out)) / np.sqrt(n_in)
    b = np.zeros((1, n_out))
    k = len(weights)
    weights.extend([W, b])
    grads.extend([np.zeros_like(W), np.zeros_like(b)])

    def apply(x):
        def back(dy):
            grads[k] = x.T @ dy
            grads[k + 1] = dy.sum(axis=0, keepdims=True)
            return dy @ W.T
        return x @ W + b, back
    return apply


def leaky(slope=0.1):
    def apply(x):
        factor = np.where(x > 0, 1.0, slope)
        return x * factor, lambda dy: dy * factor
    return apply


layers = [dense(64, 32), leaky(), dense(32, 10)]


def forward(x):
    backs = []
    for layer in layers:
        x, back = layer(x)
        backs.append(back)

    def backward(dy):
        for back in reversed(backs):
            dy = back(dy)
        return dy
    return x, backward


def squared_error(y, t):
    return 0.5 * np.sum((y - t) ** 2) / len(t), (y - t) / len(t)


def update(lr):
    for w, g in zip(weights, grads):
        w -= lr * g


def train_batch(x, t, lr):
    y, backward = forward(x)
    loss, dy = squared_error(y, t)
    backward(dy)
    update(lr)
    return loss


if __name__ == "__main__":
    X, y = load_digits(return_X_y=True)
    X, T = X / 16, np.eye(10)[y]
    n = int(0.8 * len(X))
    for epoch in range(30):
        for i in range(0, n, 16):
            loss = train_batch(X[i:i + 16][: n - i], T[i:i + 16][: n - i], 0.1)
        print(epoch, loss)
    print("accuracy", (forward(X[n:])[0].argmax(axis=1) == y[n:]).mean())
