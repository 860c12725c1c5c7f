"""begin_update and finish_update(sgd), the gradient is guesses - truth, and no model outside of the function."""
# ruff: noqa - written as strangers write

import numpy as np


class Layer:
    def begin_update(self, X):
        raise NotImplementedError

    def finish_update(self, sgd):
        pass


class Linear(Layer):
    def __init__(self, nI, nO):
        self.W = np.random.uniform(-0.3, 0.3, (nI, nO))
        self.b = np.zeros(nO)
        self.dW = np.zeros((nI, nO))
        self.db = np.zeros(nO)

    def begin_update(self, X):
        def finish(dY):
            self.dW = X.T @ dY
            self.db = dY.sum(0)
            return dY @ self.W.T

        return X @ self.W + self.b, finish

    def finish_update(self, sgd):
        sgd(self.W, self.dW)
        sgd(self.b, self.db)


class Tanh(Layer):
    def begin_update(self, X):
        Y = np.tanh(X)
        return Y, lambda dY: dY * (1 - Y * Y)


class Model(Layer):
    def __init__(self, nI, nH, nO):
        self.layers = [Linear(nI, nH), Tanh(), Linear(nH, nO)]

    def begin_update(self, X):
        finishes = []
        for layer in self.layers:
            X, finish = layer.begin_update(X)
            finishes.append(finish)

        def finish_all(dY):
            for finish in reversed(finishes):
                dY = finish(dY)
            return dY

        return X, finish_all

    def finish_update(self, sgd):
        for layer in self.layers:
            layer.finish_update(sgd)


class SGD:
    def __init__(self, learn_rate):
        self.learn_rate = learn_rate

    def __call__(self, weights, gradient):
        weights -= self.learn_rate * gradient


def get_loss(guesses, truth):
    return 0.5 * ((guesses - truth) ** 2).sum()


def train_batch(model, sgd, X, truth):
    guesses, finish = model.begin_update(X)
    loss = get_loss(guesses, truth)
    finish(guesses - truth)
    model.finish_update(sgd)
    return loss


if __name__ == "__main__":
    model, sgd = Model(32, 16, 4), SGD(0.01)
    for i in range(100):
        X = np.random.rand(20, 32)
        print(train_batch(model, sgd, X, np.eye(4)[np.random.randint(0, 4, 20)]))
