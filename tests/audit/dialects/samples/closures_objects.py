"""Layer objects whose call returns the output and a callback; gradients add up until the update sets them to zero."""
# ruff: noqa - written as strangers write

import numpy as np


class Param:
    def __init__(self, value):
        self.value = value
        self.grad = np.zeros_like(value)


class Affine:
    def __init__(self, n_in, n_out):
        self.W = Param(np.random.randn(n_out, n_in) * 0.1)
        self.b = Param(np.zeros(n_out))

    def __call__(self, X):
        Y = X @ self.W.value.T + self.b.value

        def backprop(dY):
            self.W.grad += dY.T @ X
            self.b.grad += dY.sum(axis=0)
            return dY @ self.W.value

        return Y, backprop

    def params(self):
        return [self.W, self.b]


class Sigmoid:
    def __call__(self, X):
        Y = 1 / (1 + np.exp(-X))

        def backprop(dY):
            return dY * Y * (1 - Y)

        return Y, backprop

    def params(self):
        return []


class Softmax:
    def __call__(self, X):
        E = np.exp(X - X.max(axis=1, keepdims=True))
        Y = E / E.sum(axis=1, keepdims=True)

        def backprop(dY):
            return Y * (dY - (dY * Y).sum(axis=1, keepdims=True))

        return Y, backprop

    def params(self):
        return []


class Chain:
    def __init__(self, *layers):
        self.layers = layers

    def __call__(self, X):
        backs = []
        for layer in self.layers:
            X, back = layer(X)
            backs.append(back)

        def backprop(dX):
            for back in backs[::-1]:
                dX = back(dX)
            return dX

        return X, backprop

    def params(self):
        return [p for layer in self.layers for p in layer.params()]


class SGD:
    def __init__(self, params, lr):
        self.params = params
        self.lr = lr

    def step(self):
        for p in self.params:
            p.value -= self.lr * p.grad
            p.grad[:] = 0


def cross_entropy_loss(Yh, Y):
    return -np.sum(Y * np.log(Yh)) / len(Y)


def cross_entropy_gradient(Yh, Y):
    return -(Y / Yh) / len(Y)


model = Chain(Affine(64, 24), Sigmoid(), Affine(24, 24), Sigmoid(), Affine(24, 10), Softmax())
optimizer = SGD(model.params(), lr=0.5)

if __name__ == "__main__":
    train_X = np.random.rand(300, 64)
    train_Y = np.eye(10)[np.random.randint(0, 10, 300)]
    for epoch in range(20):
        for i in range(0, 300, 30):
            Yh, backprop = model(train_X[i : i + 30])
            loss = cross_entropy_loss(Yh, train_Y[i : i + 30])
            backprop(cross_entropy_gradient(Yh, train_Y[i : i + 30]))
            optimizer.step()
        print(epoch, loss)
