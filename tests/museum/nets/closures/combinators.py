"""Each layer is a function that returns its output and a callback for the way back."""
import gzip
import numpy as np


class Param:
    def __init__(self, value):
        self.value = value
        self.grad = np.zeros_like(value)


def linear(n_in, n_out, rng):
    W = Param(rng.normal(0, np.sqrt(2 / n_in), (n_in, n_out)))
    b = Param(np.zeros(n_out))

    def forward(X):
        Y = X @ W.value + b.value

        def backprop(dY):
            W.grad[...] = X.T @ dY
            b.grad[...] = dY.sum(axis=0)
            return dY @ W.value.T

        return Y, backprop

    forward.params = [W, b]
    return forward


def relu():
    def forward(X):
        keep = X > 0

        def backprop(dY):
            return dY * keep

        return X * keep, backprop

    forward.params = []
    return forward


def chain(*layers):
    def forward(X):
        callbacks = []
        for layer in layers:
            X, callback = layer(X)
            callbacks.append(callback)

        def backprop(dY):
            for callback in reversed(callbacks):
                dY = callback(dY)
            return dY

        return X, backprop

    forward.params = [p for layer in layers for p in layer.params]
    return forward


def softmax_cross_entropy(Z, labels):
    P = np.exp(Z - Z.max(axis=1, keepdims=True))
    P /= P.sum(axis=1, keepdims=True)
    rows = np.arange(len(labels))
    loss = -np.log(P[rows, labels] + 1e-12).mean()

    def backprop():
        dZ = P.copy()
        dZ[rows, labels] -= 1
        return dZ / len(labels)

    return loss, backprop


def sgd(params, lr):
    for p in params:
        p.value -= lr * p.grad


def train_step(model, X, labels, lr):
    Z, backprop = model(X)
    loss, start = softmax_cross_entropy(Z, labels)
    backprop(start())
    sgd(model.params, lr)
    return loss


def images(path):
    with gzip.open(path) as f:
        return np.frombuffer(f.read(), np.uint8, offset=16).reshape(-1, 784) / 255


def labels(path):
    with gzip.open(path) as f:
        return np.frombuffer(f.read(), np.uint8, offset=8).astype(int)


rng = np.random.default_rng(0)
model = chain(linear(784, 56, rng), relu(), linear(56, 56, rng), relu(), linear(56, 10, rng))

if __name__ == "__main__":
    X, y = images("train-images-idx3-ubyte.gz"), labels("train-labels-idx1-ubyte.gz")
    X_test, y_test = images("t10k-images-idx3-ubyte.gz"), labels("t10k-labels-idx1-ubyte.gz")
    for epoch in range(10):
        order = rng.permutation(len(X))
        for i in range(0, len(X), 25):
            rows = order[i:i + 25]
            loss = train_step(model, X[rows], y[rows], lr=0.1)
        guess = model(X_test)[0].argmax(axis=1)
        print(epoch, loss, "accuracy", (guess == y_test).mean())
