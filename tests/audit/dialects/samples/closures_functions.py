"""Layers are functions that keep their weights in a closure, and a chain of them is one, too."""
# ruff: noqa - written as strangers write

import numpy as np

rng = np.random.default_rng(0)


def linear(n_in, n_out):
    W = rng.normal(0, 1 / np.sqrt(n_in), (n_in, n_out))
    b = np.zeros(n_out)

    def forward(x):
        def backprop(dy, lr):
            nonlocal W, b
            dx = dy @ W.T
            W = W - lr * (x.T @ dy)
            b = b - lr * dy.sum(axis=0)
            return dx

        return x @ W + b, backprop

    return forward


def relu():
    def forward(x):
        mask = x > 0

        def backprop(dy, lr):
            return dy * mask

        return x * mask, backprop

    return forward


def chain(*layers):
    def forward(x):
        callbacks = []
        for layer in layers:
            x, callback = layer(x)
            callbacks.append(callback)

        def backprop(dy, lr):
            for callback in reversed(callbacks):
                dy = callback(dy, lr)
            return dy

        return x, backprop

    return forward


def softmax_cross_entropy(logits, labels):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    rows = np.arange(len(labels))
    loss = -np.log(p[rows, labels]).mean()
    d_logits = p.copy()
    d_logits[rows, labels] -= 1
    return loss, d_logits / len(labels)


def train_step(model, x, y, lr):
    logits, backprop = model(x)
    loss, d_logits = softmax_cross_entropy(logits, y)
    backprop(d_logits, lr)
    return loss


model = chain(linear(784, 50), relu(), linear(50, 10))

if __name__ == "__main__":
    X, Y = rng.random((500, 784)), rng.integers(0, 10, 500)
    for step in range(100):
        pick = rng.integers(0, 500, 32)
        print(step, train_step(model, X[pick], Y[pick], 0.1))
